// Conversions between f32 and integers. An integer q with scale s and zero point z stands for the real number s · (q − z).

import type { IntegerType, TensorType } from "#ir/type.js";
import { integerRanges, isInteger, sameShape } from "#ir/type.js";
import { broadcastShapes } from "./broadcast.js";
import { int, number, oneOf } from "./kinds.js";
import { mapElements } from "./map-elements.js";
import type { AttributesOf } from "./attributes.js";
import type { AttributeTable, Op, Problem } from "./op.js";
import { isProblem } from "./op.js";
import type { Random } from "./random.js";
import { sampleShape } from "./sample.js";
import { add, div, f32, min, mul, operand, select, sub, unary } from "./scalar.js";

/** The attribute of ops that take integers with a zero point. */
export const zeroAttribute = (of: string) =>
  int({ default: 0, doc: `the zero point of ${of}: the integer that stands for 0` });

/** Whether a number can be a scale. Products and quotients of scales can leave the range of f32, and then cannot. */
export function isScale(value: number): boolean {
  return value > 0 && Number.isFinite(value);
}

const scaleOperand = {
  name: "scale",
  doc: "the step between adjacent integers, positive: a scalar, [c], or another shape that broadcasts to x",
  role: "data",
  positive: true,
} as const;

const typeNames = Object.keys(integerRanges) as IntegerType[];

const quantizeAttributes = {
  zero: zeroAttribute("the result"),
  low: number({ default: Number.NEGATIVE_INFINITY, doc: "least result; by default that of the type" }),
  high: number({ default: Number.POSITIVE_INFINITY, doc: "greatest result; by default that of the type" }),
  type: oneOf(typeNames, { doc: "the type of the result" }),
};

export const quantize: Op<typeof quantizeAttributes> = {
  ...converted(
    quantizeAttributes,
    ([x, scale], { zero, low, high, type }) => {
      const rounded = unary("round", f32(div(f32(x), scale)));
      // Adding 0 makes 0 of −0.
      const steps = add(rounded, zero);
      const [least, greatest] = integerRanges[type];
      // A NaN is not above the least.
      const first = Math.max(low, least);
      return min(select("lt", first, steps, steps, first), Math.min(high, greatest));
    },
    (x, { zero, low, high, type }) => {
      if (isInteger(x.dtype)) return { problem: `x is ${x.dtype}, but quantize takes f32`, operand: 0 };
      const [least, greatest] = integerRanges[type];
      if (zero < least || zero > greatest)
        return {
          problem: `${zero} is no ${type}, which goes from ${least} to ${greatest}`,
          attribute: "zero",
        };
      for (const [attribute, bound] of Object.entries({ low, high }))
        if (Number.isFinite(bound) && !Number.isInteger(bound))
          return { problem: `${attribute}=${bound} is no integer`, attribute };
      if (Math.max(low, least) > Math.min(high, greatest)) {
        const between = `${low} or more and ${high} or less`;
        const wanted = !Number.isFinite(low)
          ? `${high} or less`
          : Number.isFinite(high)
            ? between
            : `${low} or more`;
        return {
          problem: `no ${type} is ${wanted}: it goes from ${least} to ${greatest}`,
          attribute: Number.isFinite(low) ? "low" : "high",
        };
      }
      return { dtype: type, shape: x.shape };
    },
  ),
  doc: "The nearest integer of a type: clip(round(x / scale) + zero, low, high), with ties to even. The operand and the quotient are rounded to f32. NaN gives the least.",
  operands: [{ name: "x", doc: "any shape, f32", role: "data" }, scaleOperand],
  nonFinite: "never",
  jumps: true,
  sample: (random) => {
    const type = random.pick(typeNames);
    const zero = type === "i32" ? 0 : random.pick(type === "u8" ? [0, 128, 3] : [0, 5, -7]);
    const [low, high] = random.pick([
      [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      [Math.min(zero, 100), 127],
    ]);
    return { inputs: sampleTypes(random, "f32"), attributes: { zero, low, high, type } };
  },
};

const dequantizeAttributes = { zero: zeroAttribute("x") };

export const dequantize: Op<typeof dequantizeAttributes> = {
  ...converted(
    dequantizeAttributes,
    ([x, scale], { zero }) => f32(mul(f32(zero === 0 ? x : sub(x, zero)), scale)),
    (x) =>
      isInteger(x.dtype)
        ? { dtype: "f32", shape: x.shape }
        : { problem: "x is f32, but dequantize takes integers", operand: 0, help: "quantize x first" },
  ),
  doc: "The real numbers for which integers stand: (x − zero) · scale. The difference and the product are rounded to f32.",
  operands: [{ name: "x", doc: "any shape, integers", role: "data" }, scaleOperand],
  sample: (random) => ({
    inputs: sampleTypes(random, random.pick(typeNames)),
    attributes: { zero: random.pick([0, 0, 3, -5]) },
  }),
};

/** An elementwise op of x and a scale; `typeOf` gives the type of the result for that of x. */
function converted<A extends AttributeTable>(
  attributes: A,
  scalar: (
    operands: readonly [ReturnType<typeof operand>, ReturnType<typeof operand>],
    attributes: AttributesOf<A>,
  ) => ReturnType<typeof operand>,
  typeOf: (x: TensorType, attributes: AttributesOf<A>) => TensorType | Problem,
): Omit<Op<A>, "doc" | "operands" | "sample"> {
  return {
    attributes,
    ...mapElements<A>((operands, values) =>
      scalar([operands[0] ?? operand(0), operands[1] ?? operand(1)], values),
    ),
    classes: ["elementwise"],
    integers: "converts",
    // The interpreter rounds where targets round, so nothing is added to the errors of the operands.
    errors: "moves",
    infer: ([x, scale], values) => {
      if (!x || !scale) return { problem: "it takes x and a scale" };
      if (isInteger(scale.dtype)) return { problem: `the scale is ${scale.dtype}, not f32`, operand: 1 };
      const shape = broadcastShapes([x.shape, scale.shape]);
      if (!isProblem(shape) && sameShape(shape, x.shape)) return typeOf(x, values);
      return {
        problem: `the scale [${scale.shape.join(", ")}] does not broadcast to x [${x.shape.join(", ")}]`,
        operand: 1,
      };
    },
  };
}

function sampleTypes(random: Random, dtype: TensorType["dtype"]): TensorType[] {
  const shape = sampleShape(random);
  const scale = random.next() < 0.5 || shape.length === 0 ? [] : shape.slice(-1);
  return [
    { dtype, shape },
    { dtype: "f32", shape: scale },
  ];
}
