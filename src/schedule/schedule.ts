// The schedule: the kernels of a graph in order, with the place of every tensor. What templates are made from.

import type { Broadcast } from "#ir/broadcast.js";
import type { Graph, KernelPlan, NodeId, WeightId } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import type { TensorType } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import type { Scalar } from "#ops/scalar.js";

/**
 * Where a tensor lies in the arena: consecutive last-axis vectors stand `stride` elements apart, so that a slice of
 * a concatenation is a view like any other. All other axes are dense over that stride.
 */
export interface View {
  readonly type: TensorType;
  /** Which of the schedule's arenas. */
  readonly arena: number;
  /** Whether that is an arena of vecs. */
  readonly vecs?: true;
  /** In elements from the start of the arena. */
  readonly offset: number;
  /** Elements from one last-axis vector to the next; ≥ the channel count. */
  readonly stride: number;
  /**
   * True for a part of a concat along the last axis: what lies behind a vector's last channel is a neighbour's. In any other
   * view the elements between the channel count and the stride are padding, which a kernel may write.
   */
  readonly exact?: true;
}

/**
 * A memory that tensors lie in. `vecs`: every last-axis vector begins at a multiple of the lanes, and no two items of a kernel
 * store into one vec; `scalars`: anything; `port`: one input or output of the net alone. Where a target has one arena for
 * everything, that is `scalars`.
 */
export interface Arena {
  readonly kind: "vecs" | "scalars" | "port";
  readonly elements: number;
}

/** What a kernel reads: a tensor in the arena or a packed weight. */
export type Source =
  | { readonly kind: "view"; readonly view: View }
  | { readonly kind: "weight"; readonly weight: WeightId; readonly type: TensorType };

/**
 * One elementwise step of a prologue or epilogue: `scalar` over the value that flows in (operand `flow`) and side
 * operands. Several steps compose. Operand indices are those of `scalar`: the op's own, unless the step holds several
 * nodes (`x · σ(x)`), of which `node` is the last.
 */
export interface Step {
  readonly node: NodeId;
  readonly scalar: Scalar;
  /** Which operands of `scalar` are the flowing value. */
  readonly flow: readonly number[];
  /** The other operands, by operand index. */
  readonly sides: ReadonlyMap<number, Side>;
}

/** A side operand and how it broadcasts to the step's shape. */
export interface Side {
  readonly source: Source;
  /**
   * same: element by element; channel: [C]; pixel: one per last-axis vector; scalar: one value; general: any other
   * NumPy broadcasting, which no fusion makes.
   */
  readonly broadcast: Broadcast;
}

/** One op that does more than map elements, with the elementwise steps behind it. */
export interface Stage {
  readonly node: NodeId;
  /** All operands but the flowing one, by operand index; of a concat, all that it copies. */
  readonly operands: ReadonlyMap<number, Source>;
  /** A convolution whose result is added to the stage's before the epilogue. */
  readonly added?: AddedStage;
  readonly epilogue: readonly Step[];
}

/** See `Stage.added`. */
export interface AddedStage {
  readonly node: NodeId;
  readonly input: Source;
  /** As of a stage. */
  readonly operands: ReadonlyMap<number, Source>;
}

/**
 * One kernel to be: the stages of a fused group in order (one; two for a separable; three for an inverted residual;
 * none for a pure elementwise chain, whose steps are then the prologue). The output may lie where a `same` side of the
 * steps behind the last stage lies (or, without a stage, the input): a kernel reads those of an element before it stores it.
 */
export interface Group {
  readonly name: string;
  /** Where it chose no strips, the template does. */
  readonly plan: KernelPlan;
  readonly nodes: readonly NodeId[];
  /** What flows into the first step or stage; a concat's is the first of what it copies. */
  readonly input: Source;
  /** Elementwise steps before the first stage, or all steps of an elementwise group. */
  readonly prologue: readonly Step[];
  readonly stages: readonly Stage[];
  readonly output: View;
}

/** Results of a tile of Winograd's algorithm, along each axis. */
export type WinogradSize = 2 | 4;

/** What a convolution costs by Winograd's algorithm. */
export interface WinogradCost {
  readonly size: WinogradSize;
  /** Modelled; transforms and the reading of weights included. */
  readonly seconds: number;
  /** Of those, what is not the reading of weights. */
  readonly computeSeconds: number;
  /** Of transformed weights. */
  readonly bytes: number;
  /** Multiply-accumulates of the products. */
  readonly macs: number;
}

/** How a 3×3 convolution is computed: in tiles of a size, or directly for a reason. */
export interface ConvolutionChoice {
  readonly node: NodeId;
  readonly size?: WinogradSize;
  readonly reason?: string;
  /** Modelled; present where Winograd's algorithm could compute it too. */
  readonly directSeconds?: number;
  /** Of each size of tiles; none where it cannot. */
  readonly costs: readonly WinogradCost[];
}

export interface Schedule {
  readonly graph: Graph;
  readonly weights: WeightStore;
  readonly target: Target;
  readonly groups: readonly Group[];
  /** The 3×3 convolutions that are computed by Winograd's algorithm. */
  readonly winograd: ReadonlyMap<NodeId, WinogradSize>;
  /** Bytes of weights that a run reads, transformed ones in place of their own: what must stay in a cache from run to run. */
  readonly weightBytes: number;
  readonly inputs: readonly { readonly name: string; readonly view: View }[];
  readonly outputs: readonly { readonly name: string; readonly view: View; readonly once?: true }[];
  /** One, unless the target keeps kinds apart or an arena would be too large for it. */
  readonly arenas: readonly Arena[];
  /** Elements that live at one time at most: with this order of groups no plan needs less. */
  readonly arenaBound: number;
}
