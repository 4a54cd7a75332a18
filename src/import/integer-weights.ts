// The integers of weights that a model stores quantized: an expression of the store says how they become f32.

import type { WeightId } from "#ir/graph.js";
import type { IntegerType, Shape, TensorType } from "#ir/type.js";
import { elements, integerRanges, isInteger } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { isScale } from "#ops/quantize.js";

/** A weight as integers without a zero point, and their scale: one number, or one for each output channel, which is the last axis. */
interface Factor {
  readonly integers: WeightId;
  readonly scale: Float32Array;
}

/** The integers less their zero point, with the shape of their scale; at most one extent of it is not 1. */
interface Spread {
  readonly integers: WeightId;
  readonly scale: Float32Array;
  /** The axis along which the scale lies; undefined if it is one number. */
  readonly axis: number | undefined;
}

/** The most moves between integers and the op that reads them. */
const deepest = 16;

/** The factor that an entry is made of; undefined if it is not quantized, or its scale does not lie along the output channels. */
export function factorIntegers(store: WeightStore, id: WeightId): Factor | undefined {
  const found = spreadOf(store, id, deepest);
  if (!found) return undefined;
  const { integers, scale, axis } = found;
  const { shape, dtype } = entryOf(store, integers).type;
  if (dtype === "i32" || !scale.every(isScale)) return undefined;
  return axis === undefined || axis === shape.length - 1 ? { integers, scale } : undefined;
}

/**
 * The entry of a bias in steps of `scale`, i32: its own integers, if it is stored in such steps, or an absent bias. Undefined for any other
 * bias, and for one that f32 does not hold exactly.
 */
export function integerBias(store: WeightStore, id: WeightId, scale: Float32Array): WeightId | undefined {
  const { type, source } = entryOf(store, id);
  if (source.kind === "absent") return store.add(id, { dtype: "i32", shape: type.shape }, { kind: "absent" });
  const found = spreadOf(store, id, deepest);
  if (!found || entryOf(store, found.integers).type.dtype !== "i32") return undefined;
  const count = elements(type.shape);
  const isSame = Array.from({ length: count }, (_, at) => {
    const [own = 0, wanted = 0] = [found.scale, scale].map((steps) => steps[steps.length === 1 ? 0 : at]);
    // The exporter may have rounded the product of both scales in another order.
    return Math.abs(own - wanted) <= 2 ** -20 * wanted;
  }).every(Boolean);
  const values = store.readF32(found.integers);
  return isSame && values.every((value) => Math.abs(value) < 2 ** 24) ? found.integers : undefined;
}

function spreadOf(store: WeightStore, id: WeightId, depth: number): Spread | undefined {
  const { source, type } = entryOf(store, id);
  if (source.kind !== "expression" || depth === 0) return undefined;
  const { op, attributes, inputs } = source;
  const [first = ""] = inputs;
  if (op === "dequantize") {
    const steps = entryOf(store, inputs[1] ?? "").type.shape;
    const scale = store.readF32(inputs[1] ?? "").slice();
    const lead = type.shape.length - steps.length;
    const long = steps.flatMap((extent, at) => (extent === 1 ? [] : [at + lead]));
    if (long.length > 1) return undefined;
    return { integers: withoutZero(store, first, Number(attributes["zero"] ?? 0)), scale, axis: long[0] };
  }
  if (op !== "transpose" && op !== "reshape") return undefined;
  const inner = spreadOf(store, first, depth - 1);
  if (!inner) return undefined;
  const { dtype } = entryOf(store, inner.integers).type;
  const before = entryOf(store, first).type.shape;
  const axis =
    inner.axis === undefined
      ? undefined
      : op === "transpose"
        ? (attributes["perm"] as readonly number[]).indexOf(inner.axis)
        : axisAfter(before, inner.axis, type.shape);
  if (axis === -1) return undefined;
  const moved = { dtype, shape: type.shape };
  const integers = store.add(`${id}.integers`, moved, {
    kind: "expression",
    op,
    attributes,
    inputs: [inner.integers],
  });
  return { integers, scale: inner.scale, axis };
}

/** The axis of a reshaped tensor that has the elements of an axis before; −1 if none has. */
function axisAfter(before: Shape, axis: number, after: Shape): number {
  const inner = elements(before.slice(axis + 1));
  return after.findIndex((extent, at) => extent === before[axis] && elements(after.slice(at + 1)) === inner);
}

/** Integers less their zero point, in the smallest type that holds them. */
function withoutZero(store: WeightStore, id: WeightId, zero: number): WeightId {
  if (zero === 0) return id;
  const { type } = entryOf(store, id);
  const dtype: IntegerType = isInteger(type.dtype) ? type.dtype : "i32";
  const [least, greatest] = integerRanges[dtype].map((bound) => bound - zero);
  const types = Object.keys(integerRanges) as IntegerType[];
  const own = types.find(
    (one) => integerRanges[one][0] <= (least ?? 0) && integerRanges[one][1] >= (greatest ?? 0),
  );
  const one = store.add("one", { dtype: "f32", shape: [] }, { kind: "literal", data: Float32Array.of(1) });
  const add = (
    name: string,
    result: TensorType,
    op: string,
    input: WeightId,
    attributes: Record<string, number | string>,
  ) => store.add(`${id}.${name}`, result, { kind: "expression", op, attributes, inputs: [input, one] });
  const real = add("real", { dtype: "f32", shape: type.shape }, "dequantize", id, { zero });
  const bounds = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  return add("integers", { dtype: own ?? "i32", shape: type.shape }, "quantize", real, {
    zero: 0,
    ...bounds,
    type: own ?? "i32",
  });
}
