// Element types: which operands of an op may be integers, and what the result is.

import type { TensorType } from "#ir/type.js";
import { integerRanges, isInteger } from "#ir/type.js";
import type { AttributeTable, Attributes, Op, Problem } from "./op.js";

/** The attributes of sums that are zero points, each with the operand whose zero point it is. */
const zeroPoints = { zero: 0, zero_a: 0, zero_b: 1 } as const;

/** The attributes of a sum that are zero points, in the order of its operands; none for other ops. */
export function zeroNames(op: Op<AttributeTable>): readonly string[] {
  if (op.integers !== "sums") return [];
  return Object.keys(zeroPoints).filter((name) => Object.hasOwn(op.attributes, name));
}

/** The zero point that an op takes from an operand before it sums; 0 if there is none. */
export function zeroPointOf(op: Op<AttributeTable>, attributes: Attributes, operand: number): number {
  return Number(attributes[zeroNames(op)[operand] ?? ""] ?? 0);
}

/**
 * The type of a result whose shape is known, or a problem of element types. A zero point must be one of the integers of its operand, and 0
 * for an f32 operand and for one of 16 bits, which would need 17 without it.
 */
export function resultType(
  name: string,
  op: Op<AttributeTable>,
  inputs: readonly TensorType[],
  attributes: Attributes,
  type: TensorType,
): TensorType | Problem {
  if (op.integers === "converts") return type;
  const wrong = op.integers === "sums" ? wrongZero(inputs, attributes) : undefined;
  if (wrong) return wrong;
  const { shape } = type;
  const operandOf = (at: number) => op.operands[Math.min(at, op.operands.length - 1)];
  const first = inputs.findIndex(({ dtype }) => isInteger(dtype));
  const integer = inputs[first];
  if (!integer) return { dtype: "f32", shape };
  const { dtype } = integer;
  const isOdd = (at: number, help: string): Problem => {
    const [one, other] = [at, first === at ? 0 : first].map((operand) => inputs[operand]?.dtype);
    const [name, otherName] = [at, first === at ? 0 : first].map((operand) => operandOf(operand)?.name);
    const problem =
      name === otherName
        ? `its operands are ${other} and ${one}`
        : `\`${name}\` is ${one}, but \`${otherName}\` is ${other}`;
    return { problem, operand: at, help };
  };
  switch (op.integers) {
    case "moves": {
      const odd = inputs.findIndex((input, at) => input.dtype !== (operandOf(at)?.places ? "f32" : dtype));
      if (odd >= 0 && operandOf(odd)?.places)
        return {
          problem: `\`${operandOf(odd)?.name}\` are ${inputs[odd]?.dtype}, but places are f32`,
          operand: odd,
        };
      return odd < 0
        ? { dtype, shape }
        : isOdd(odd, "quantize all of them with one scale, zero point and type, or `dequantize` them first");
    }
    case "adds": {
      const odd = inputs.findIndex((input) => input.dtype !== "i32");
      return odd < 0
        ? { dtype: "i32", shape }
        : {
            problem: `\`${operandOf(odd)?.name}\` is ${inputs[odd]?.dtype}, but only sums of i32 are exact`,
            operand: odd,
            help: "convert integers with `dequantize` first",
          };
    }
    case "sums": {
      const odd = inputs.findIndex((input, at) =>
        at === 2 ? input.dtype !== "i32" : !isInteger(input.dtype),
      );
      if (odd === 2)
        return {
          problem: `the bias is ${inputs[2]?.dtype}, but sums of integers are i32`,
          operand: 2,
          help: "its integers are in steps of the sum: the product of the scales of x and w",
        };
      if (odd >= 0)
        return isOdd(
          odd,
          inputs[odd]?.dtype === "f32" && odd === 1
            ? `integers are multiplied by integers: \`param ${operandOf(1)?.name}: i8[…] = quantize(…, type="i8")\`; or \`dequantize\` the other`
            : "quantize it first, or `dequantize` the other",
        );
      const wide = inputs.length > 1 ? inputs.findIndex((input, at) => at < 2 && input.dtype === "i32") : -1;
      return wide < 0
        ? { dtype: "i32", shape }
        : {
            problem: `\`${operandOf(wide)?.name}\` is i32, but factors have up to 16 bits`,
            operand: wide,
            help: "`dequantize` it, and quantize it to i8 or u8",
          };
    }
    default:
      return {
        problem: `\`${operandOf(first)?.name}\` is ${dtype}, but ${name} takes f32`,
        operand: first,
        help: "convert it with `dequantize` first",
      };
  }
}

function wrongZero(inputs: readonly TensorType[], attributes: Attributes): Problem | undefined {
  for (const [attribute, operand] of Object.entries(zeroPoints)) {
    const { [attribute]: zero } = attributes;
    const dtype = inputs[operand]?.dtype;
    if (typeof zero !== "number" || zero === 0 || dtype === undefined) continue;
    if (!isInteger(dtype))
      return { problem: `${attribute}=${zero}, but f32 values have no zero point`, attribute };
    if (dtype === "i16")
      return {
        problem: `${attribute}=${zero}, but integers of 16 bits are summed without a zero point`,
        attribute,
        help: "less their zero point they could need 17 bits: quantize them with zero=0, or to i8 or u8",
      };
    const [least, greatest] = integerRanges[dtype];
    if (zero < least || zero > greatest)
      return {
        problem: `${attribute}=${zero} is no ${dtype}, which goes from ${least} to ${greatest}`,
        attribute,
      };
  }
  return undefined;
}
