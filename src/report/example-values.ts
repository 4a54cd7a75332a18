// Writes the values of an operand in an example in few lines: zeros or ones, or a few numbers among equal ones as a formula.

import type { Shape, TensorType } from "#ir/type.js";
import { elements, isInteger } from "#ir/type.js";
import type { WeightId } from "#ir/graph.js";
import type { WeightSource, WeightStore } from "#ir/weights.js";

/** Literals with more elements are formulas, if these have far fewer numbers. */
const mostWritten = 16;

/** The most single numbers in a sum. */
const mostTerms = 4;

/**
 * The source of a constant with some values. It gives the same values, and is a literal only where nothing shorter does: a formula has
 * no integers.
 */
export function shortSource(weights: WeightStore, type: TensorType, data: Float32Array): WeightSource {
  const literal: WeightSource = { kind: "literal", data };
  const count = elements(type.shape);
  if (count <= 1 || isInteger(type.dtype)) return literal;
  const [first = 0] = data;
  const generator = Object.is(first, 0) ? "zeros" : first === 1 ? "ones" : undefined;
  if (generator !== undefined && data.every((one) => Object.is(one, first)))
    return { kind: "seeded", generator, seed: 0, fanIn: 1 };
  if (count <= mostWritten) return literal;
  const fill = mostCommon(data);
  const others = [...data.keys()].filter((index) => !Object.is(data[index], fill));
  const whole = boxOf(type.shape, others.length === 0 ? [0] : others);
  if (elements(whole.shape) <= mostWritten) return padded(weights, type, data, whole, fill);
  // In a sum, zeros of both signs are one.
  if (others.length > mostTerms || !Object.is(fill, 0) || others.some((index) => data[index] === 0))
    return literal;
  const terms = others.map((index) => padded(weights, type, data, boxOf(type.shape, [index]), fill));
  return terms.reduce((sum, term) => ({
    kind: "expression",
    op: "add",
    attributes: {},
    inputs: [sum, term].map((source): WeightId => weights.add("sum", type, source)),
  }));
}

function mostCommon(data: Float32Array): number {
  const counts = new Map<string, { readonly value: number; count: number }>();
  let most = { value: 0, count: 0 };
  for (const value of data) {
    const key = Object.is(value, -0) ? "-0" : String(value);
    const known = counts.get(key) ?? { value, count: 0 };
    known.count += 1;
    counts.set(key, known);
    if (known.count > most.count) most = known;
  }
  return most.value;
}

/** A part of a tensor: where it begins, and its extents. */
interface Box {
  readonly start: Shape;
  readonly shape: Shape;
}

/** The smallest box that has some elements. */
function boxOf(shape: Shape, indices: readonly number[]): Box {
  const start = [...shape];
  const end = shape.map(() => 0);
  for (const index of indices) {
    let rest = index;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const extent = shape[axis] ?? 1;
      const at = rest % extent;
      rest = Math.floor(rest / extent);
      start[axis] = Math.min(start[axis] ?? 0, at);
      end[axis] = Math.max(end[axis] ?? 0, at + 1);
    }
  }
  return { start, shape: end.map((one, axis) => one - (start[axis] ?? 0)) };
}

/** The numbers in a box, with one number around them. */
function padded(
  weights: WeightStore,
  { dtype, shape }: TensorType,
  data: Float32Array,
  box: Box,
  value: number,
): WeightSource {
  const part = new Float32Array(elements(box.shape));
  for (const at of part.keys()) {
    let rest = at;
    let from = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const extent = box.shape[axis] ?? 1;
      from += ((box.start[axis] ?? 0) + (rest % extent)) * stride;
      rest = Math.floor(rest / extent);
      stride *= shape[axis] ?? 1;
    }
    part[at] = data[from] ?? 0;
  }
  const input = weights.add("part", { dtype, shape: box.shape }, { kind: "literal", data: part });
  const after = shape.map((extent, axis) => extent - (box.start[axis] ?? 0) - (box.shape[axis] ?? 0));
  return {
    kind: "expression",
    op: "pad",
    attributes: { before: box.start, after, mode: "constant", value },
    inputs: [input],
  };
}
