// Integers. Those of 8 bits are integers in the file too, between QuantizeLinear and DequantizeLinear. Sums are operators of f32 between
// these, from which runtimes make operators of integers.

import { natural, places } from "#ir/axis-order.js";
import type { Node, NodeOf, WeightId } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements, integerRanges, isInteger } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { opOf } from "#ops/index.js";
import { zeroPointOf } from "#ops/result-type.js";
import type { OnnxBuilder } from "../builder.js";
import { isByte } from "../element-type.js";
import type { OnnxValue, Steps } from "../onnx-value.js";
import { unit } from "../onnx-value.js";
import { sameSteps, termsOf } from "../steps.js";
import { alike } from "./elementwise.js";
import type { ExportTable } from "./operator.js";
import { operand } from "./operator.js";

export const integerExports: ExportTable<"quantize" | "dequantize"> = {
  quantize: (node, inputs, build) => quantized(node, operand(inputs, 0), operand(inputs, 1), build),
  dequantize: (node, inputs, build) => dequantized(node, operand(inputs, 0), operand(inputs, 1), build),
};

/** clip(round(x / scale) + zero, low, high). Integers of more than 8 bits are f32. */
function quantized(node: NodeOf<"quantize">, x: OnnxValue, scale: OnnxValue, build: OnnxBuilder): OnnxValue {
  const { zero, low, high, type } = node.attributes;
  const [least, greatest] = integerRanges[type];
  const [from, to] = [Math.max(low, least), Math.min(high, greatest)];
  const bounds = (): string[] => [build.number(from, "min", element), build.number(to, "max", element)];
  const element = isByte(type) ? type : "f32";
  if (element === "f32") {
    const { names, order } = alike(node.type.shape.length, [x, scale], build);
    const steps = build.step("Round", [build.step("Div", names)]);
    const shifted = zero === 0 ? steps : build.step("Add", [steps, build.number(zero, "zero")]);
    return build.result("Clip", [shifted, ...bounds()], {}, order);
  }
  const along = alongAxis(scale, x, build);
  const { order } = x;
  const given = along
    ? [build.name(x, order), along.name]
    : [build.step("Div", alike(x.shape.length, [x, scale], build).names), build.number(1, "scale")];
  const points = zeroPoints(zero, along?.shape ?? [], element, build);
  const operands = [...given, points];
  const axis = along?.axis === undefined ? {} : { axis: along.axis };
  if (from === least && to === greatest) return build.result("QuantizeLinear", operands, axis, order);
  // A Clip of f32 before QuantizeLinear would keep runtimes from computing the sum before it in integers.
  return build.result("Clip", [build.step("QuantizeLinear", operands, axis), ...bounds()], {}, order);
}

/** (x − zero) · scale. */
function dequantized(
  node: NodeOf<"dequantize">,
  x: OnnxValue,
  scale: OnnxValue,
  build: OnnxBuilder,
): OnnxValue {
  const { zero } = node.attributes;
  const along = x.element === "f32" ? undefined : alongAxis(scale, x, build);
  if (along && isByte(x.element) && isOfType(x.element, zero)) {
    const axis = along.axis === undefined ? {} : { axis: along.axis };
    const points = zeroPoints(zero, along.shape, x.element, build);
    return build.result("DequantizeLinear", [build.name(x, x.order), along.name, points], axis, x.order);
  }
  const plain = x.element === "f32" ? x : real(x, unit.scale, 0, build);
  const { names, order } = alike(node.type.shape.length, [plain, scale], build);
  const [integers = "", step = ""] = names;
  const centred = zero === 0 ? integers : build.step("Sub", [integers, build.number(zero, "zero")]);
  return build.result("Mul", [centred, step], {}, order);
}

/**
 * A scale for QuantizeLinear and DequantizeLinear: one number, or one for each place along an axis. Undefined if it is neither. A number for each
 * sample of an open batch is neither, though its type looks like one number.
 */
function alongAxis(
  scale: OnnxValue,
  x: OnnxValue,
  build: OnnxBuilder,
): { readonly name: string; readonly shape: Shape; readonly axis?: number } | undefined {
  if (scale.batched) return undefined;
  const lead = x.shape.length - scale.shape.length;
  const long = natural(scale.shape.length).filter((axis) => scale.shape[axis] !== 1);
  const [axis] = long;
  if (axis === undefined) return { name: build.name(build.reshaped(scale, [])), shape: [] };
  if (long.length > 1) return undefined;
  const shape = [elements(scale.shape)];
  return { name: build.name(build.reshaped(scale, shape)), shape, axis: places(x.order)[axis + lead] ?? 0 };
}

function zeroPoints(zero: number, shape: Shape, element: "i8" | "u8", build: OnnxBuilder): string {
  return build.numbers(new Float32Array(elements(shape)).fill(zero), shape, "zero", element);
}

function isOfType(type: "i8" | "u8", value: number): boolean {
  const [least, greatest] = integerRanges[type];
  return value >= least && value <= greatest;
}

/**
 * The operands of a node of integers as its ONNX operator reads them. Operators that move 8-bit integers take them as they are; all others
 * take f32 values, so that their result is in `steps`.
 */
export function integerOperands(
  node: Node,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
  steps: Steps,
): readonly OnnxValue[] {
  const op = opOf(node.op);
  if (isByte(node.type.dtype) || op.integers === "converts") return inputs;
  const zeroOf = (at: number): number => zeroPointOf(op, node.attributes, at);
  const [x, w, b] = inputs;
  if (node.op === "reduce_sum" && x && isByte(x.element)) {
    // In steps of 1 it is a sum of integers, otherwise a mean (`asMean`).
    const terms = termsOf(x, node);
    const isSum = sameSteps(steps, unit);
    return [real(x, isSum ? unit.scale : steps.scale.map((one) => one * terms), steps.zero / terms, build)];
  }
  if (op.integers !== "sums" || !w || !x) return inputs.map((value) => inSteps(value, steps, build));
  // A sum in steps of 1 is exact only if its factors are in such steps too.
  const isKnown = x.steps?.scale.length === 1 && isByte(x.element) && !sameSteps(steps, unit);
  const [share = 1] = isKnown ? x.steps.scale : unit.scale;
  const others = steps.scale.map((one) => one / share);
  const isSafe = others.every((one) => one !== 0 && Number.isFinite(one));
  return [
    real(x, isSafe ? Float32Array.of(share) : unit.scale, zeroOf(0), build),
    // Beside quantized weights, a runtime may round the other factor to 8 bits too, if it is f32.
    w.from.kind === "weight" && !isByte(x.element)
      ? plainWeight(w, w.from, steps.scale, zeroOf(1), build)
      : real(w, isSafe ? others : steps.scale, zeroOf(1), build),
    ...(b ? [inSteps(b, steps, build)] : []),
  ];
}

/** Whether ONNX has a sum over axes as a mean: its steps are a share of those of its terms, which are integers of 8 bits. */
export function isMean(node: Node, [x]: readonly OnnxValue[], steps: Steps): boolean {
  return node.op === "reduce_sum" && x !== undefined && isByte(x.element) && !sameSteps(steps, unit);
}

/** Integers of more than 8 bits as f32 values in other steps; other values as they are. */
function inSteps(value: OnnxValue, steps: Steps, build: OnnxBuilder): OnnxValue {
  if (!value.steps || sameSteps(value.steps, steps)) return value;
  return real(value, steps.scale, 0, build);
}

/** The f32 values (x − zero) · scale of integers; `scale` is one number, or one for each channel. */
function real(x: OnnxValue, scale: Float32Array, zero: number, build: OnnxBuilder): OnnxValue {
  const { from, order } = x;
  if (from.kind === "weight") {
    if (from.absent) return x;
    return quantizedWeight(x, from, scale, zero, build) ?? plainWeight(x, from, scale, zero, build);
  }
  const along = scale.length === 1 ? undefined : (places(order)[x.shape.length - 1] ?? 0);
  if (isByte(x.element)) {
    const shape = along === undefined ? [] : [scale.length];
    const operands = [
      build.name(x, order),
      build.numbers(scale, shape, "step"),
      zeroPoints(zero, shape, x.element, build),
    ];
    const name = build.step("DequantizeLinear", operands, along === undefined ? {} : { axis: along });
    return { ...x, steps: undefined, element: "f32", from: { kind: "made", name } };
  }
  let name = build.name(x, order);
  if (zero !== 0) name = build.step("Sub", [name, build.number(zero, "zero")]);
  // A scale per channel has axes of extent 1 behind it.
  const behind = along === undefined ? 0 : order.length - 1 - along;
  const shape = along === undefined ? [] : [scale.length, ...new Array<number>(behind).fill(1)];
  if (!sameSteps({ scale, zero: 0 }, unit))
    name = build.step("Mul", [name, build.numbers(scale, shape, "step")]);
  return { ...x, steps: undefined, from: { kind: "made", name } };
}

/**
 * The same of a weight: an initializer of integers and DequantizeLinear; undefined if they do not fit one of ONNX's types. Weights of 8 bits
 * with a zero point have 16 bits without it, and get it back.
 */
function quantizedWeight(
  x: OnnxValue,
  from: OnnxValue["from"] & { kind: "weight" },
  scale: Float32Array,
  zero: number,
  { store }: OnnxBuilder,
): OnnxValue | undefined {
  const { dtype, shape } = entryOf(store, from.id).type;
  const value = { ...x, steps: undefined, element: "f32" as const };
  if (isByte(dtype) || (dtype === "i32" && zero === 0))
    return { ...value, from: { ...from, quantized: { scale, zero, type: dtype } } };
  const values = store.readF32(from.id);
  const least = values.reduce((low, one) => Math.min(low, one), zero);
  const greatest = values.reduce((high, one) => Math.max(high, one), zero);
  if (greatest - least > 255) return undefined;
  const one = literal(store, unit.scale);
  const real = {
    kind: "expression",
    op: "dequantize",
    attributes: { zero: least },
    inputs: [from.id, one],
  } as const;
  const shifted = store.add(`${from.id}.real`, { dtype: "f32", shape }, real);
  const bounds = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const attributes = { zero: 0, ...bounds, type: "u8" } as const;
  const bytes = { kind: "expression", op: "quantize", attributes, inputs: [shifted, one] } as const;
  const id = store.add(`${from.id}.bytes`, { dtype: "u8", shape }, bytes);
  return { ...value, from: { ...from, id, quantized: { scale, zero: zero - least, type: "u8" } } };
}

/** The same as an initializer of f32. */
function plainWeight(
  x: OnnxValue,
  from: OnnxValue["from"] & { kind: "weight" },
  scale: Float32Array,
  zero: number,
  { store }: OnnxBuilder,
): OnnxValue {
  const type = { dtype: "f32", shape: entryOf(store, from.id).type.shape } as const;
  const inputs = [from.id, literal(store, scale)];
  const id = store.add(`${from.id}.real`, type, {
    kind: "expression",
    op: "dequantize",
    attributes: { zero },
    inputs,
  });
  return { ...x, steps: undefined, element: "f32", from: { ...from, id } };
}

function literal(store: WeightStore, data: Float32Array): WeightId {
  const shape = data.length === 1 ? [] : [data.length];
  return store.add("scale", { dtype: "f32", shape }, { kind: "literal", data });
}

/** What the integers of a value stand for, if they are integers in the file: the scale with which they were quantized. */
export function stepsOfResult(
  node: Node,
  inputs: readonly OnnxValue[],
  steps: Steps | undefined,
): Steps | undefined {
  const { dtype } = node.type;
  if (!isInteger(dtype)) return undefined;
  if (!isByte(dtype)) return node.op === "quantize" ? unit : (steps ?? unit);
  return node.op === "quantize" ? steps : inputs[0]?.steps;
}
