// Numbers that depend on the size of an open batch, which is not known: the size times a number stays one through sums, products and
// comparisons, and everything else is only known to depend on it.

import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { broadcastIndex } from "#ops/broadcast.js";
import { opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";

/** A number, for one sample, and its power of the number of samples, as in `Samples`: 0, 1, or 2 for what is neither. */
export interface Counted {
  readonly value: number;
  readonly power: number;
}

/** The numbers of an operand, with the powers of each if there are some. */
export interface CountedTensor extends Tensor {
  readonly powers?: Float64Array;
}

const unknown = 2;

/** Ops that move elements and compute nothing: powers move along. */
const moves: ReadonlySet<OpName> = new Set(["slice", "concat", "reshape", "transpose", "pad"]);

/** The powers of the results of an op, of which at least one operand has some; undefined if no result depends on the batch. */
export function powersOf(
  op: OpName,
  operands: readonly CountedTensor[],
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
  operands: readonly CountedTensor[],
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
    const given = operands.map(({ data, powers }, at): Counted => {
      const place = places[at]?.(flat) ?? 0;
      return { value: data[place] ?? 0, power: powers?.[place] ?? 0 };
    });
    return given.every(({ power }) => power === 0) ? 0 : powerOf(op, given, attributes);
  });
}

const none: Counted = { value: 0, power: 0 };

/** The power of what an elementwise op makes of numbers of which some depend on the batch. There is at least one sample. */
function powerOf(op: OpName, given: readonly Counted[], attributes: Attributes): number {
  const [a = none, b = none, c = none] = given;
  const isZero = ({ value, power }: Counted): boolean => value === 0 && power === 0;
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
      // No batch reaches the bounds of integers.
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

/** The power of the greater or lesser of a multiple of the batch and a fixed number that it is beyond for any batch. */
function extreme(op: "min" | "max", multiple: Counted, fixed: Counted): number | undefined {
  if (multiple.power !== 1 || fixed.power !== 0) return undefined;
  const { value } = multiple;
  if (value > 0 && value >= fixed.value) return op === "max" ? 1 : 0;
  if (value < 0 && value <= fixed.value) return op === "min" ? 1 : 0;
  return undefined;
}

/** Whether a comparison has the same result for any number of samples. */
function isSettled(op: "equal" | "less" | "less_equal", a: Counted, b: Counted): boolean {
  if (a.power === unknown || b.power === unknown) return false;
  if (a.power === 1 && b.power === 1) return true;
  const [multiple, fixed] = a.power === 1 ? [a, b] : [b, a];
  // Multiples of c only go away from 0 as there are more samples: what lies on this side of c is never reached.
  if (multiple.value > 0 ? fixed.value < multiple.value : fixed.value > multiple.value) return true;
  const holds = (samples: number): boolean => {
    const [left, right] = [a, b].map(({ value, power }) => (power === 1 ? samples * value : value));
    if (left === undefined || right === undefined) return false;
    return op === "equal" ? left === right : op === "less" ? left < right : left <= right;
  };
  return fixed.value === multiple.value && holds(1) === holds(2);
}
