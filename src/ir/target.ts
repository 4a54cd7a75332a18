// What passes and the scheduler need to know of a target: plain data, filled in by the back ends.

/** A cache, or the memory behind all caches. */
interface MemoryLevel {
  /** Bytes that it holds. */
  readonly holds: number;
  /** Bytes a second for which a kernel waits, beside computing: more than can be copied, since reading ahead hides some of it. */
  readonly bytesPerSecond: number;
}

/** What a block of a kernel keeps on chip between two stages: a strip of rows, or a tile of pixels. */
export type Kept = "rows" | "pixels";

/** The kernels of several stages that are of use on a target. */
export interface Chains {
  /** Most stages of a kernel. */
  readonly stages: number;
  readonly keeps: readonly Kept[];
}

/** The targets, by the names that `--target` takes. */
export const targetNames = ["js", "wasm", "wgsl"] as const;

export type TargetName = (typeof targetNames)[number];

/** The fastest that exists for a CPU. */
export const defaultTarget: TargetName = "wasm";

/** Limits and cost constants of a target. Costs are relative to one another; only ratios matter. */
export interface Target {
  readonly name: TargetName;
  /** Elements in a vec; 1 means scalar code. */
  readonly lanes: number;
  /** Bytes of scratch that a fused kernel may use and still have its intermediate on chip. */
  readonly scratchBytes: number;
  /**
   * A kernel of several stages keeps a tile of pixels on chip, where it is a strip of rows without this. Its product has items of
   * so many rows and columns, and a block should have so many items.
   */
  readonly pixelTiles?: { readonly rows: number; readonly columns: number; readonly items: number };
  /** Which kernels of several stages are of use; absent where none is. */
  readonly chains?: Chains;
  /** Whether a kernel can add the products of a second convolution to the sums of its own. */
  readonly addsProducts?: true;
  /**
   * Memory as a GPU has it: tensors of vecs, tensors of single elements and each input and output lie in buffers of their own,
   * none larger than a kernel can bind. Absent where one arena holds everything.
   */
  readonly buffers?: { readonly bindingBytes: number };
  /** Multiply-accumulates a second of a dense matmul, and of a depthwise convolution. */
  readonly denseMacs: number;
  readonly depthwiseMacs: number;
  /** Elements a second that Winograd's transforms make, there and back; absent where his algorithm is not used. */
  readonly transforms?: number;
  /** Whether weights that only Winograd's transforms read leave memory once they are transformed. */
  readonly freesWeights?: boolean;
  /** Bytes a second of tensors that one kernel leaves for another. */
  readonly bytes: number;
  /** Where weights may stay from one run to the next, the nearest place first; the last one holds all. Absent: they are as far as tensors. */
  readonly weightMemory?: readonly MemoryLevel[];
  /** Seconds to start one kernel. */
  readonly launch: number;
}

/** Bytes a second of weights, where a run reads `all` bytes of them: those of a kernel come again after all others. */
export function weightBandwidth({ bytes, weightMemory = [] }: Target, all: number): number {
  return weightMemory.find(({ holds }) => all <= holds)?.bytesPerSecond ?? bytes;
}
