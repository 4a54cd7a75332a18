// Numbers that depend on the size of an open batch, which is unknown. A multiple of that size is traced through sums, products and
// comparisons; of any other number it is only known that it depends on the size.

import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { broadcastIndex } from "#ops/broadcast.js";
import { opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";

/** A number for one sample, and its power of the batch size, as in `BatchPowers`: 0, 1, or 2 for anything else. */
interface PoweredNumber {
  readonly value: number;
  readonly power: number;
}

/** The numbers of an operand, and the power of each number if any depends on the batch. */
export interface PoweredTensor extends Tensor {
  readonly powers?: Float64Array;
}

const unknown = 2;

/** Ops that move elements and compute nothing: the powers move along. */
const moves: ReadonlySet<OpName> = new Set(["slice", "concat", "reshape", "transpose", "pad"]);

/** The powers of an op's results if at least one operand has powers; undefined if no result depends on the batch. */
export function powersOf(
  op: OpName,
  operands: readonly PoweredTensor[],
  attributes: Attributes,
  result: Tensor,
): Float64Array | undefined {
  const powers = compute(op, operands, attributes, result);
  // 0 times any number of samples is 0.
  const all = powers.map((power, at) => (power === 1 && result.data[at] === 0 ? 0 : power));
  return all.some((power) => power !== 0) ? all : undefined;
}

function compute(
  op: OpName,
  operands: readonly PoweredTensor[],
  attributes: Attributes,
  result: Tensor,
): Float64Array {
  const type: TensorType = { dtype: "f32", shape: result.shape };
  const asPowers = operands.map(({ shape, data, powers }) => ({
    shape,
    data: powers ?? new Float64Array(data.length),
  }));
  const { method } = attributes as Readonly<Record<string, AttributeValue>>;
  if (moves.has(op) || (op === "resize" && method === "nearest"))
    return Float64Array.from(
      opOf(op).eval(asPowers, { ...attributes, ...(op === "pad" ? { value: 0 } : {}) }, type).data,
    );
  if (op === "reduce_prod")
    return Float64Array.from(opOf("reduce_sum").eval(asPowers, attributes, type).data, (sum) =>
      Math.min(sum, unknown),
    );
  if (opOf(op).scalar === undefined) return new Float64Array(result.data.length).fill(unknown);
  const places = operands.map(({ shape }) => broadcastIndex(shape, result.shape));
  return Float64Array.from(result.data, (_, flat) => {
    const given = operands.map(({ data, powers }, at): PoweredNumber => {
      const place = places[at]?.(flat) ?? 0;
      return { value: data[place] ?? 0, power: powers?.[place] ?? 0 };
    });
    return given.every(({ power }) => power === 0) ? 0 : powerOf(op, given, attributes);
  });
}

const none: PoweredNumber = { value: 0, power: 0 };

/** The power of the result of an elementwise op if some of its operands depend on the batch. A batch has at least one sample. */
function powerOf(op: OpName, given: readonly PoweredNumber[], attributes: Attributes): number {
  const [a = none, b = none, c = none] = given;
  const isZero = ({ value, power }: PoweredNumber): boolean => value === 0 && power === 0;
  switch (op) {
    case "add":
    case "sub":
      if (isZero(a)) return b.power;
      if (isZero(b)) return a.power;
      return a.power === 1 && b.power === 1 ? 1 : unknown;
    case "mul":
      return isZero(a) || isZero(b) ? 0 : Math.min(a.power + b.power, unknown);
    case "div":
      if (isZero(a)) return 0;
      return a.power === 1 && b.power < 2 ? 1 - b.power : unknown;
    case "neg":
    case "abs":
      return a.power;
    case "sign":
      return a.power === 1 ? 0 : unknown;
    case "floor":
    case "ceil":
    case "round":
      return a.power === 1 && Number.isInteger(a.value) ? 1 : unknown;
    case "min":
    case "max":
      if (a.power === 1 && b.power === 1) return 1;
      return extreme(op, a, b) ?? extreme(op, b, a) ?? unknown;
    case "clip": {
      const { low, high } = attributes as { readonly low?: number; readonly high?: number };
      // No batch is large enough to reach the bounds of integers.
      const isInside = a.power === 1 && a.value >= (low ?? -Infinity) && (high ?? Infinity) >= 2 ** 31 - 1;
      return isInside ? 1 : unknown;
    }
    case "relu":
      return a.power === 1 ? Number(a.value > 0) : unknown;
    case "equal":
    case "less":
    case "less_equal":
      return isSettled(op, a, b) ? 0 : unknown;
    case "where":
      if (a.power === 0) return a.value === 0 ? c.power : b.power;
      return b.power === 0 && c.power === 0 && b.value === c.value ? 0 : unknown;
    default:
      return unknown;
  }
}

/**
 * The power of the greater or lesser of a multiple of the batch size and a fixed number, if one of them wins for any batch size; else
 * undefined.
 */
function extreme(op: "min" | "max", multiple: PoweredNumber, fixed: PoweredNumber): number | undefined {
  if (multiple.power !== 1 || fixed.power !== 0) return undefined;
  const { value } = multiple;
  if (value > 0 && value >= fixed.value) return op === "max" ? 1 : 0;
  if (value < 0 && value <= fixed.value) return op === "min" ? 1 : 0;
  return undefined;
}

/** Whether a comparison has the same result for any number of samples. */
function isSettled(op: "equal" | "less" | "less_equal", a: PoweredNumber, b: PoweredNumber): boolean {
  if (a.power === unknown || b.power === unknown) return false;
  if (a.power === 1 && b.power === 1) return true;
  const [multiple, fixed] = a.power === 1 ? [a, b] : [b, a];
  // A multiple of the batch size only moves away from 0 as the batch grows, so it never reaches numbers between 0 and its first value.
  if (multiple.value > 0 ? fixed.value < multiple.value : fixed.value > multiple.value) return true;
  const holds = (samples: number): boolean => {
    const [left, right] = [a, b].map(({ value, power }) => (power === 1 ? samples * value : value));
    if (left === undefined || right === undefined) return false;
    return op === "equal" ? left === right : op === "less" ? left < right : left <= right;
  };
  return fixed.value === multiple.value && holds(1) === holds(2);
}
