// The interface of an op: one object of this type has everything that Cleave knows about the op.

import type { AttributeValue } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import type { AttributeKind, AttributesOf } from "./attributes.js";
import type { ErrorKind, ErrorRule } from "./inexact.js";
import type { Random } from "./random.js";
import type { Scalar } from "./scalar.js";

/** Names of op classes, which rules and fusions may use like ops. */
export type OpClass =
  | "convolution" // conv2d, depthwise_conv2d: the ops into which a batch norm is folded
  | "depthwise"
  | "pointwise" // a 1×1 conv2d with stride 1, one group and no padding (see `isMember`)
  | "matmul"
  | "pooling"
  | "reduction"
  | "elementwise"
  | "activation"
  | "view"; // does not move values: reshape, and ops that the scheduler can alias

/** One operand of an op. */
interface Operand {
  readonly name: string;
  readonly doc: string;
  /** `data` operands come from earlier layers; `weight` operands are parameters in the layer form. */
  readonly role: "data" | "weight";
  /** Whether the operand may be omitted in the explicit form; then it is a constant of zeros of type `optionalType`. */
  readonly optional?: boolean;
  /** Whether any number of operands may follow from here on (concat). */
  readonly variadic?: boolean;
  /** Whether its values are indices: whole numbers, which must stay exact. */
  readonly places?: boolean;
  /** Whether its values must be positive and finite; numbers in the text are checked. */
  readonly positive?: boolean;
}

/** Why operands or attributes are not valid; the elaborator reports it at the operand or attribute in the text. */
export interface Problem {
  readonly problem: string;
  readonly operand?: number;
  readonly attribute?: string;
  readonly help?: string;
}

/** A parameter that a layer call declares. */
export interface LayerParameter {
  /** The operand's name: `kernel`, `bias`, `scale`. */
  readonly operand: string;
  readonly type: TensorType;
  /** The generator of its values if a net has no weights. */
  readonly init: "he_normal" | "zeros" | "ones" | "quarter";
  /** Inputs per output, for He's normal distribution. */
  readonly fanIn: number;
}

/** The layer form of an op: `conv2d(x, filters=64, kernel=3x3)`, which declares its parameters. */
export interface Layer {
  /** Attributes of the layer form only (`filters`, `kernel`, `units`, `bias`). */
  readonly attributes: Readonly<Record<string, AttributeKind<AttributeValue>>>;
  /** The parameters, one per weight operand in order; `undefined` for one that the call omits (`bias=false`). */
  parameters(
    x: TensorType,
    layer: Readonly<Record<string, AttributeValue>>,
    attributes: Readonly<Record<string, AttributeValue>>,
  ): readonly (LayerParameter | undefined)[] | Problem;
}

export type AttributeTable = Readonly<Record<string, AttributeKind<AttributeValue>>>;

/** Attributes by name, for code that handles any op. */
export type Attributes = AttributesOf<AttributeTable>;

/**
 * What an op does with integers; an op without this takes f32 alone.
 * - `moves`: its values may be integers of one type, and the result has that type. Places stay f32.
 * - `sums`: its factors may be integers of up to 16 bits. The result is the exact sum, i32, and so is a bias. A zero point is taken from
 *   each factor first.
 * - `adds`: both operands may be i32, and so is the exact result.
 * - `converts`: `infer` checks the types and gives that of the result.
 */
type IntegerUse = "moves" | "sums" | "adds" | "converts";

export interface Op<A extends AttributeTable = AttributeTable> {
  /** Markdown: the meaning in one sentence, then details. */
  readonly doc: string;
  readonly classes: readonly OpClass[];
  readonly operands: readonly Operand[];
  /** Attributes of the explicit form, with defaults, in the order in which they are printed. */
  readonly attributes: A;
  readonly layer?: Layer;
  /** Attributes that follow from operands and may be named in rules: `kernel`, `filters`, `multiplier`. */
  readonly derived?: Readonly<
    Record<string, (inputs: readonly TensorType[], attributes: AttributesOf<A>) => AttributeValue>
  >;
  /** Converts attributes to the normal form of graphs (`padding=same` becomes four numbers). Operands are valid already. */
  normalize?(inputs: readonly TensorType[], attributes: AttributesOf<A>): AttributesOf<A> | Problem;
  /** The type of an omitted optional operand. */
  optionalType?(inputs: readonly TensorType[], operand: number): TensorType;
  /** The result type, or a problem. Never throws, for any types and attributes. */
  infer(inputs: readonly TensorType[], attributes: AttributesOf<A>): TensorType | Problem;
  readonly integers?: IntegerUse;
  /** How rounding errors of the operands propagate to the result. */
  readonly errors: ErrorKind | ErrorRule<AttributesOf<A>>;
  /** Multiply-accumulates of one evaluation; 0 for ops that only move or map values. */
  macs(inputs: readonly TensorType[], attributes: AttributesOf<A>, output: TensorType): number;
  /** Number of terms of the longest sum for one element. Absent if it is the average number of MACs, or of elements read, per element. */
  terms?(inputs: readonly TensorType[], attributes: AttributesOf<A>): number;
  /**
   * Whether the result can contain infinities or NaN. `never`: for no operands, as in a comparison. `near zero`: also for finite operands,
   * where the last one is near 0 or negative. `elsewhere`: also for other finite operands. Absent: only if operands contain some. Sums and
   * products that overflow f32 do not count.
   */
  readonly nonFinite?: NonFinite;
  /** Whether the result is discontinuous, so that rounding an operand may change it by much, as in a comparison. */
  readonly jumps?: true;
  /** Whether the two operands may be swapped. */
  readonly commutative?: true;
  /** Whether the result consists of indices: whole numbers, which must stay exact. */
  readonly places?: true;
  /** Whether sample k of the result depends on other samples along axis 0 of the operands; `carries` says which operands have samples. */
  mixesBatch(
    inputs: readonly TensorType[],
    attributes: AttributesOf<A>,
    carries: readonly boolean[],
  ): boolean;
  /** The reference implementation, in float64; simple and slow. */
  eval(inputs: readonly Tensor[], attributes: AttributesOf<A>, output: TensorType): Tensor;
  /** For elementwise ops, the meaning as an expression, which the interpreter and all back ends use. */
  readonly scalar?: (operands: readonly Scalar[], attributes: AttributesOf<A>) => Scalar;
  /** Small random operand types and normalized attributes that are valid; for rule checks and tests. */
  sample(random: Random): { inputs: TensorType[]; attributes: AttributesOf<A> };
}

/** See `Op.nonFinite`. */
type NonFinite = "never" | "near zero" | "elsewhere";

/** Declares an op; infers the attribute types from the table. */
export function defineOp<const A extends AttributeTable>(op: Op<A>): Op<A> {
  return op;
}

/** Whether a result, of `infer` for example, is a problem. */
export function isProblem(value: object): value is Problem {
  return "problem" in value;
}
