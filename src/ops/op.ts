// The shape of an op: everything that Cleave knows of an operator stands in one object of this type.

import type { AttributeValue } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import type { AttributeKind, AttributesOf } from "./attributes.js";
import type { ErrorKind, ErrorRule } from "./inexact.js";
import type { Random } from "./random.js";
import type { Scalar } from "./scalar.js";

/** Names of op classes, usable in rules and fusions where an op is. */
export type OpClass =
  | "convolution" // conv2d, depthwise_conv2d: the ops that a batch norm folds into
  | "depthwise"
  | "pointwise" // a 1×1 conv2d with stride 1, one group and no padding (see `isMember`)
  | "matmul"
  | "pooling"
  | "reduction"
  | "elementwise"
  | "activation"
  | "view"; // moves no value: reshape, and what the scheduler can alias

/** One operand of an op. */
interface Operand {
  readonly name: string;
  readonly doc: string;
  /** `data` operands come from the layer before; `weight` operands are parameters in the layer form. */
  readonly role: "data" | "weight";
  /** The operand may be left out of the explicit form; it then is a constant of zeros of the type that `infer` wants. */
  readonly optional?: boolean;
  /** Any number of operands from here on (concat). */
  readonly variadic?: boolean;
  /** Its values say where elements lie: whole numbers, which are kept exactly. */
  readonly places?: boolean;
}

/** Why operands or attributes do not fit; the elaborator puts it at the operand or attribute in the text. */
export interface Problem {
  readonly problem: string;
  readonly operand?: number;
  readonly attribute?: string;
  readonly help?: string;
}

/** A parameter that a layer call owns. */
export interface LayerParameter {
  /** The operand's name: `kernel`, `bias`, `scale`. */
  readonly operand: string;
  readonly type: TensorType;
  /** How an architecture without weights fills it. */
  readonly init: "he_normal" | "zeros" | "ones" | "quarter";
  /** Inputs per output, for He's normal distribution. */
  readonly fanIn: number;
}

/** The layer form of an op: `conv2d(x, filters=64, kernel=3x3)`, which owns its parameters. */
export interface Layer {
  /** Attributes of the layer form only (`filters`, `kernel`, `units`, `bias`). */
  readonly attributes: Readonly<Record<string, AttributeKind<AttributeValue>>>;
  /** The parameters, one per weight operand in order; `undefined` stands for one that the call turns off (`bias=false`). */
  parameters(
    x: TensorType,
    layer: Readonly<Record<string, AttributeValue>>,
    attributes: Readonly<Record<string, AttributeValue>>,
  ): readonly (LayerParameter | undefined)[] | Problem;
}

export type AttributeTable = Readonly<Record<string, AttributeKind<AttributeValue>>>;

/** Attributes by name, for code that handles any op. */
export type Attributes = AttributesOf<AttributeTable>;

export interface Op<A extends AttributeTable = AttributeTable> {
  /** One sentence of meaning, then details; Markdown. */
  readonly doc: string;
  readonly classes: readonly OpClass[];
  readonly operands: readonly Operand[];
  /** Attributes of the canonical form, with defaults; their order is the order of printing. */
  readonly attributes: A;
  readonly layer?: Layer;
  /** Attributes that follow from operands and may be named in rules: `kernel`, `filters`, `multiplier`. */
  readonly derived?: Readonly<
    Record<string, (inputs: readonly TensorType[], attributes: AttributesOf<A>) => AttributeValue>
  >;
  /** Brings attributes to the one form that graphs hold (`padding=same` becomes four numbers). Operands are already right. */
  normalize?(inputs: readonly TensorType[], attributes: AttributesOf<A>): AttributesOf<A> | Problem;
  /** The type of a missing optional operand. */
  optionalType?(inputs: readonly TensorType[], operand: number): TensorType;
  /** The result's type, or what does not fit. Never throws on any types and attributes. */
  infer(inputs: readonly TensorType[], attributes: AttributesOf<A>): TensorType | Problem;
  /** How far the result may be off, from how far the operands are. */
  readonly errors: ErrorKind | ErrorRule<AttributesOf<A>>;
  /** Multiply-accumulates of one evaluation; 0 for what only moves or maps values. */
  macs(inputs: readonly TensorType[], attributes: AttributesOf<A>, output: TensorType): number;
  /** Terms of the longest sum on the way to one element, where that is neither the MACs of one nor the elements that one reads, on average. */
  terms?(inputs: readonly TensorType[], attributes: AttributesOf<A>): number;
  /**
   * Whether the result holds infinities or NaN: `never`, whatever the operands are, as of a comparison; of finite operands where the last one
   * is near 0 or below (`near zero`), or somewhere else too (`elsewhere`). Absent: only if operands do. Sums and products that exceed
   * f32 do not count.
   */
  readonly nonFinite?: NonFinite;
  /** Whether the result jumps, so that the rounding of an operand may change it by much, as of a comparison. */
  readonly jumps?: true;
  /** Whether the two operands may be exchanged. */
  readonly commutative?: true;
  /** Whether the result says where elements lie: whole numbers, which are kept exactly. */
  readonly places?: true;
  /** Whether sample k of the result depends on other samples of axis 0 of the operands; `carries` says which of them have samples. */
  mixesBatch(
    inputs: readonly TensorType[],
    attributes: AttributesOf<A>,
    carries: readonly boolean[],
  ): boolean;
  /** The reference meaning, in float64; slow and plain. */
  eval(inputs: readonly Tensor[], attributes: AttributesOf<A>, output: TensorType): Tensor;
  /** Elementwise ops: the meaning as an expression, used by the interpreter and by all back ends. */
  readonly scalar?: (operands: readonly Scalar[], attributes: AttributesOf<A>) => Scalar;
  /** Random operand types and attributes (normalised) that make the op valid, small; for rule checks, fuzzing, shrinking. */
  sample(random: Random): { inputs: TensorType[]; attributes: AttributesOf<A> };
}

/** How infinities and NaN come into a result; see `Op.nonFinite`. */
type NonFinite = "never" | "near zero" | "elsewhere";

/** Declares an op; infers the attribute types from the table. */
export function defineOp<const A extends AttributeTable>(op: Op<A>): Op<A> {
  return op;
}

/** Whether `infer` and the like gave a problem. */
export function isProblem(value: object): value is Problem {
  return "problem" in value;
}
