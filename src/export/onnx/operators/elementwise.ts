// Elementwise ops: one operator where ONNX has it, else a few. They take values in any order of axes and keep it.

import type { NodeOf } from "#ir/graph.js";
import { commonOrder, natural, permuted } from "#ir/axis-order.js";
import type { elementwise } from "#ops/elementwise.js";
import type { Attributes } from "../attributes.js";
import type { OnnxBuilder } from "../builder.js";
import type { OnnxValue } from "../onnx-value.js";
import type { ExportTable } from "./operator.js";
import { operand } from "./operator.js";

/** The elementwise ops of f32; `integers.ts` has the others. */
type Elementwise = Exclude<keyof typeof elementwise, "quantize" | "dequantize">;

/** Element types by their number in ONNX. */
const [float, bool] = [1, 9];

export const elementwiseExports: ExportTable<Elementwise> = {
  relu: unary("Relu"),
  relu6: (_, [x], build) => clip(x, 0, 6, build),
  leaky_relu: (node, inputs, build) =>
    apply("LeakyRelu", inputs, build, { alpha: { float: node.attributes.alpha } }),
  elu: (node, inputs, build) => apply("Elu", inputs, build, { alpha: { float: node.attributes.alpha } }),
  sigmoid: unary("Sigmoid"),
  silu: (_, [x], build) => steps(x, build, (of) => ["Mul", [of, build.step("Sigmoid", [of])]]),
  hard_sigmoid: ({ attributes: { alpha, beta } }, inputs, build) =>
    apply("HardSigmoid", inputs, build, { alpha: { float: alpha }, beta: { float: beta } }),
  hard_swish: unary("HardSwish"),
  tanh: unary("Tanh"),
  gelu: (_, inputs, build) =>
    build.opset >= 20 ? apply("Gelu", inputs, build) : steps(inputs[0], build, (of) => erfGelu(of, build)),
  softplus: unary("Softplus"),
  mish: unary("Mish"),
  clip: ({ attributes: { low, high } }, [x], build) => clip(x, low, high, build),
  exp: unary("Exp"),
  log: unary("Log"),
  sqrt: unary("Sqrt"),
  rsqrt: (_, [x], build) => steps(x, build, (of) => ["Reciprocal", [build.step("Sqrt", [of])]]),
  square: (_, [x], build) => steps(x, build, (of) => ["Mul", [of, of]]),
  reciprocal: unary("Reciprocal"),
  abs: unary("Abs"),
  neg: unary("Neg"),
  floor: unary("Floor"),
  ceil: unary("Ceil"),
  round: unary("Round"),
  erf: unary("Erf"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  atan: unary("Atan"),
  sinh: unary("Sinh"),
  cosh: unary("Cosh"),
  asinh: unary("Asinh"),
  acosh: unary("Acosh"),
  atanh: unary("Atanh"),
  sign: unary("Sign"),
  identity: unary("Identity"),
  add: binary("Add"),
  sub: binary("Sub"),
  mul: binary("Mul"),
  div: binary("Div"),
  min: binary("Min"),
  max: binary("Max"),
  pow: binary("Pow"),
  atan2: (node, inputs, build) => arctan2(node.type.shape.length, inputs, build),
  equal: comparison("Equal"),
  less: comparison("Less"),
  less_equal: comparison("LessOrEqual"),
  where: (node, inputs, build) => {
    const { names, order } = alike(node.type.shape.length, inputs, build);
    const [condition = "", ...values] = names;
    return build.result("Where", [build.step("Cast", [condition], { to: bool }), ...values], {}, order);
  },
  prelu: binary("PRelu"),
};

type Export = (node: NodeOf<Elementwise>, inputs: readonly OnnxValue[], build: OnnxBuilder) => OnnxValue;

/** One operator over one value, in any order of axes. */
function apply(
  op: string,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
  attributes: Attributes = {},
): OnnxValue {
  const x = operand(inputs, 0);
  return build.result(op, [build.name(x, x.order)], attributes, x.order);
}

function unary(op: string): Export {
  return (_, inputs, build) => apply(op, inputs, build);
}

/** The last of several operators, which starts from the value's name. */
function steps(
  x: OnnxValue | undefined,
  build: OnnxBuilder,
  last: (of: string) => readonly [op: string, inputs: readonly string[]],
): OnnxValue {
  const value = operand(x ? [x] : [], 0);
  const [op, inputs] = last(build.name(value, value.order));
  return build.result(op, inputs, {}, value.order);
}

/** A clip; infinite bounds are omitted. */
function clip(x: OnnxValue | undefined, low: number, high: number, build: OnnxBuilder): OnnxValue {
  return steps(x, build, (of) => {
    const bounds = [
      low === Number.NEGATIVE_INFINITY ? "" : build.number(low, "min"),
      high === Number.POSITIVE_INFINITY ? "" : build.number(high, "max"),
    ];
    return ["Clip", [of, ...bounds]];
  });
}

/** x/2 · (1 + erf(x/√2)). */
function erfGelu(x: string, build: OnnxBuilder): readonly [string, readonly string[]] {
  const erf = build.step("Erf", [build.step("Mul", [x, build.number(Math.SQRT1_2, "sqrt_half")])]);
  const half = build.step("Mul", [x, build.number(0.5, "half")]);
  return ["Mul", [half, build.step("Add", [erf, build.number(1, "one")])]];
}

function binary(op: string): Export {
  return (node, inputs, build) => {
    const { names, order } = alike(node.type.shape.length, inputs, build);
    return build.result(op, names, {}, order);
  };
}

/** A comparison. ONNX's operators give truth values. */
function comparison(op: string): Export {
  return (node, inputs, build) => {
    const { names, order } = alike(node.type.shape.length, inputs, build);
    return build.result("Cast", [build.step(op, names)], { to: float }, order);
  };
}

/** atan(a / b); where b is negative, π is added or subtracted, with the sign of a. ONNX has no operator for it. */
function arctan2(rank: number, inputs: readonly OnnxValue[], build: OnnxBuilder): OnnxValue {
  const { names, order } = alike(rank, inputs, build);
  const [height = "", width = ""] = names;
  const zero = build.number(0, "zero");
  const slope = build.step("Atan", [build.step("Div", [height, width])]);
  const angle = build.step("Where", [build.step("Equal", [height, zero]), zero, slope]);
  const [down, behind] = [build.step("Less", [height, zero]), build.step("Less", [width, zero])];
  const half = [build.number(-Math.PI, "less"), build.number(Math.PI, "more")];
  const turn = build.step("Where", [behind, build.step("Where", [down, ...half]), zero]);
  return build.result("Add", [angle, turn], {}, order);
}

/** Brings operands that broadcast into one order, that of the largest; those of lower rank get axes of extent 1. */
export function alike(
  rank: number,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
): { names: string[]; order: readonly number[] } {
  const computed = inputs.filter(({ from }) => from.kind === "made");
  // Images have their channels first. Values with fewer axes mostly go to products, which take the order of the graph.
  const order = commonOrder(computed, rank, rank === 4 ? "other" : "natural");
  return { names: inputs.map((value) => aligned(value, order, build)), order };
}

function aligned(value: OnnxValue, order: readonly number[], build: OnnxBuilder): string {
  const lead = order.length - value.shape.length;
  const isPlain = order.every((axis, at) => axis === at);
  if (isPlain || value.shape.length === 0) return build.name(value);
  if (lead === 0 && value.from.kind === "made") return build.name(value, order);
  const full = [...new Array<number>(lead).fill(1), ...value.shape];
  const inNatural = build.arranged(value, natural(value.shape.length));
  const long = order.filter((axis) => full[axis] !== 1);
  // One reshape can add the axes and reorder them, if only axes of extent 1 change places.
  if (value.from.kind === "made" && long.every((axis, at) => at === 0 || axis > (long[at - 1] ?? 0)))
    return build.name({ ...inNatural, shape: full, order: natural(full.length) }, order);
  const wide = lead === 0 ? inNatural : build.reshaped(inNatural, full);
  if (value.from.kind === "made") return build.name(wide, order);
  // So a weight per channel becomes [c, 1, 1], without leading axes of extent 1.
  const lies = permuted(full, order);
  const first = lies.findIndex((extent) => extent !== 1);
  const shape = first < 0 ? [] : lies.slice(first);
  const ready = build.arranged(wide, order);
  return build.name(build.reshaped({ ...ready, shape: lies, order: natural(lies.length) }, shape));
}
