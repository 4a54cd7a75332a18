// The schedule: the kernels of a graph in order, with the place of every tensor. Templates make kernels from it.

import type { Broadcast } from "#ir/broadcast.js";
import type { Graph, KernelPlan, NodeId, WeightId } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import type { TensorType } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import type { Scalar } from "#ops/scalar.js";

/**
 * The place of a tensor in the arena: consecutive last-axis vectors are `stride` elements apart, so that a slice of a concatenation is an
 * ordinary view. All other axes are dense over that stride.
 */
export interface View {
  readonly type: TensorType;
  /** The integers as which it is stored; f32 if absent. */
  readonly element?: "i8" | "u8" | "i16";
  /** Which of the schedule's arenas. */
  readonly arena: number;
  /** Whether that is an arena of vecs. */
  readonly vecs?: true;
  /** In elements of the view from the start of the arena. */
  readonly offset: number;
  /** Elements from one last-axis vector to the next; ≥ the channel count. */
  readonly stride: number;
  /**
   * True for a part of a concat along the last axis, where the elements after a vector's last channel belong to a neighbour. In any other
   * view, the elements between the channel count and the stride are padding, which a kernel may write.
   */
  readonly exact?: true;
}

/**
 * A memory for tensors. In `vecs`, every last-axis vector begins at a multiple of the lanes, and no two items of a kernel store into one
 * vec; `scalars` may hold anything; `port` holds one input or output of the net alone. If a target has one arena for everything, it is
 * `scalars`.
 */
export interface Arena {
  readonly kind: "vecs" | "scalars" | "bytes" | "port";
  /** Of f32. */
  readonly elements: number;
}

/** What a kernel reads: a tensor in the arena or a packed weight. */
export type Source =
  | { readonly kind: "view"; readonly view: View }
  | { readonly kind: "weight"; readonly weight: WeightId; readonly type: TensorType };

/**
 * One elementwise step of a prologue or epilogue: `scalar` over the flowing value (operand `flow`) and side operands. Several steps
 * compose. Operand indices are those of `scalar`: the op's own, unless the step holds several nodes (`x · σ(x)`), of which `node` is the
 * last.
 */
export interface Step {
  readonly node: NodeId;
  readonly scalar: Scalar;
  /** Present if the step reads its integer in a table instead of computing `scalar`; see `tables.ts`. It has no sides then. */
  readonly table?: readonly number[];
  /** Which operands of `scalar` are the flowing value. */
  readonly flow: readonly number[];
  /** The other operands, by operand index. */
  readonly sides: ReadonlyMap<number, Side>;
}

/** A side operand, and how it broadcasts to the step's shape. */
export interface Side {
  readonly source: Source;
  /**
   * same: element by element; channel: [C]; pixel: one per last-axis vector; scalar: one value; general: any other NumPy broadcasting,
   * which no fusion makes.
   */
  readonly broadcast: Broadcast;
}

/** One op that does more than map elements, and the elementwise steps after it. */
export interface Stage {
  readonly node: NodeId;
  /** All operands except the flowing one, by operand index; for a concat, all that it copies. */
  readonly operands: ReadonlyMap<number, Source>;
  /** A convolution whose result is added to the stage's before the epilogue. */
  readonly added?: AddedStage;
  readonly epilogue: readonly Step[];
}

/** See `Stage.added`. */
export interface AddedStage {
  readonly node: NodeId;
  readonly input: Source;
  /** As for a stage. */
  readonly operands: ReadonlyMap<number, Source>;
}

/**
 * The content of one kernel: the stages of a fused group in order (one; two for a separable; three for an inverted residual; none for an
 * elementwise chain, whose steps are then the prologue). The output may share the place of a `same` side of the steps after the last stage
 * (or, without a stage, of the input): a kernel reads those for an element before it stores the element.
 */
export interface Group {
  readonly name: string;
  /** If the plan has no strips, the template chooses them. */
  readonly plan: KernelPlan;
  readonly nodes: readonly NodeId[];
  /** The value that flows into the first step or stage; for a concat, the first that it copies. */
  readonly input: Source;
  /** Elementwise steps before the first stage, or all steps of an elementwise group. */
  readonly prologue: readonly Step[];
  readonly stages: readonly Stage[];
  readonly output: View;
}

/** The results along each axis of a tile of Winograd's algorithm. */
export type WinogradSize = 2 | 4;

/** The cost of a convolution by Winograd's algorithm. */
export interface WinogradCost {
  readonly size: WinogradSize;
  /** Modelled, including transforms and the reading of weights. */
  readonly seconds: number;
  /** The part of these without the reading of weights. */
  readonly computeSeconds: number;
  /** Bytes of transformed weights. */
  readonly bytes: number;
  /** Multiply-accumulates of the products. */
  readonly macs: number;
}

/** How a 3×3 convolution is computed: in tiles of a size, or directly, with the reason. */
export interface ConvolutionChoice {
  readonly node: NodeId;
  readonly size?: WinogradSize;
  readonly reason?: string;
  /** Modelled; present if Winograd's algorithm could compute it too. */
  readonly directSeconds?: number;
  /** For each tile size; empty if Winograd's algorithm cannot compute it. */
  readonly costs: readonly WinogradCost[];
}

export interface Schedule {
  readonly graph: Graph;
  readonly weights: WeightStore;
  readonly target: Target;
  readonly groups: readonly Group[];
  /** The 3×3 convolutions that are computed by Winograd's algorithm. */
  readonly winograd: ReadonlyMap<NodeId, WinogradSize>;
  /**
   * Bytes of weights that a run reads, with transformed weights in place of the original ones: what must stay in a cache from run to run.
   */
  readonly weightBytes: number;
  readonly inputs: readonly { readonly name: string; readonly view: View }[];
  readonly outputs: readonly { readonly name: string; readonly view: View; readonly once?: true }[];
  /** One arena, unless the target separates kinds, or an arena would be too large for it. */
  readonly arenas: readonly Arena[];
  /** The greatest number of live elements: with this order of groups no plan needs less. */
  readonly arenaBound: number;
}
