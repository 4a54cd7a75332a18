// The description of a target for passes and the scheduler: plain data, which the back ends define.

import type { TensorType } from "./type.js";
import { channels, elements } from "./type.js";

/** A cache, or main memory. */
interface MemoryLevel {
  /** Its size in bytes. */
  readonly holds: number;
  /** Bytes per second at which reads add to the computing time. It is higher than the bandwidth of a copy, since prefetching hides some of the time. */
  readonly bytesPerSecond: number;
}

/** The form of the values that a block of a kernel keeps on chip between two stages: a strip of rows, or a tile of pixels. */
export type Kept = "rows" | "pixels";

/** The kernels of several stages that are useful on a target. */
export interface Chains {
  /** Most stages of a kernel. */
  readonly stages: number;
  readonly keeps: readonly Kept[];
}

/** How memory holds an element of a tensor. */
export type Element = "f32" | "i8" | "u8" | "i16" | "i32";

const elementBytes = { f32: 4, i8: 1, u8: 1, i16: 2, i32: 4 } as const satisfies Record<Element, number>;

/** Bytes of an element; it is an f32 if nothing else is said. */
export function bytesOf(element: Element = "f32"): 1 | 2 | 4 {
  return elementBytes[element];
}

/** The names of the targets, as for `--target`. */
export const targetNames = ["js", "wasm", "wgsl"] as const;

/** The name of a target. */
export type TargetName = (typeof targetNames)[number];

/** The fastest target for a CPU. */
export const defaultTarget: TargetName = "wasm";

/** Limits and cost constants of a target. Only the ratios of costs matter. */
export interface Target {
  readonly name: TargetName;
  /** Elements of a vec; 1 means scalar code. */
  readonly lanes: number;
  /** Most bytes of scratch of a fused kernel, so that its intermediate values stay on chip. */
  readonly scratchBytes: number;
  /**
   * If present, a kernel of several stages keeps a tile of pixels on chip instead of a strip of rows. `rows` and `columns` are the
   * results of an item of its matrix product; a block should have `items` items.
   */
  readonly pixelTiles?: { readonly rows: number; readonly columns: number; readonly items: number };
  /**
   * Threads of a run whose caller allows threads, which the blocks of a kernel should keep busy, and the seconds of a kernel that they divide
   * among them. Absent if a run has one thread.
   */
  readonly threads?: { readonly count: number; readonly leastSeconds: number };
  /** Which kernels of several stages are useful; absent if none is. */
  readonly chains?: Chains;
  /** Whether a kernel can add the products of a second convolution to its sums. */
  readonly addsProducts?: true;
  /**
   * Memory of a GPU: tensors of vecs, tensors of single elements, and each input and output are in separate buffers,
   * none larger than a kernel can bind. Absent if one arena holds everything.
   */
  readonly buffers?: { readonly bindingBytes: number };
  /** Whether integers of up to 16 bits are stored as such, and sums of integers of 8 bits are exact to 32 bits; else both are f32. */
  readonly integers?: true;
  /**
   * Whether memory has only words. Then bytes are stored as such if their channels are a multiple of four, in arenas of their own, and other
   * integers are f32; only sums over such channels are computed in integers.
   */
  readonly words?: true;
  /** Whether it is faster to read an integer in a table than to compute elementwise steps from byte to byte, however few they are. */
  readonly tables?: true;
  /** Multiply-accumulates per second of a dense matmul, and of a depthwise convolution. */
  readonly denseMacs: number;
  readonly depthwiseMacs: number;
  /** Elements per second that Winograd's transforms compute, of inputs and of results; absent if the target does not use the algorithm. */
  readonly transforms?: number;
  /** Whether weights that only Winograd's transforms read are freed after the transform. */
  readonly freesWeights?: boolean;
  /** Bytes per second of tensors that one kernel writes and another reads. */
  readonly bytes: number;
  /** The levels of memory where weights may stay from one run to the next, the fastest first; the last one holds all. If absent, weights are as fast as tensors. */
  readonly weightMemory?: readonly MemoryLevel[];
  /** Seconds to start one kernel. */
  readonly launch: number;
  /** Seconds from the end of the last kernel until the caller has the results; none if absent. */
  readonly answer?: number;
}

/** Bytes per second of weights if a run reads `all` bytes of them: between two reads of a weight, all others are read. */
export function weightBandwidth({ bytes, weightMemory = [] }: Target, all: number): number {
  return weightMemory.find(({ holds }) => all <= holds)?.bytesPerSecond ?? bytes;
}

/** The integers as which a target stores the values of a type; undefined for f32. A sum of 32 bits is rounded to f32, as by `dequantize`. */
export function storedElement(
  { dtype, shape }: TensorType,
  { integers, words }: Pick<Target, "integers" | "words">,
): "i8" | "u8" | "i16" | undefined {
  if (!integers || dtype === "i32" || dtype === "f32") return undefined;
  return words && (dtype === "i16" || channels(shape) % 4 !== 0) ? undefined : dtype;
}

/** The bytes of a weight in a target's memory: scalar code reads integers of weights as f32, which needs no conversion in its loops. */
export function storedWeightBytes(
  type: TensorType,
  target: Pick<Target, "integers" | "words" | "lanes">,
): number {
  return target.lanes === 1 ? 4 * elements(type.shape) : storedBytes(type, target);
}

/** The bytes of the elements of a tensor in a target's memory. */
export function storedBytes(type: TensorType, target: Pick<Target, "integers" | "words">): number {
  return bytesOf(storedElement(type, target)) * elements(type.shape);
}
