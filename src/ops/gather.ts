// Gather and scatter: elements at computed places, which are clamped to the tensor.

import { tensor } from "#ir/tensor.js";
import type { Shape, TensorType } from "#ir/type.js";
import { elements, sameShape } from "#ir/type.js";
import { boolean, int, member } from "./kinds.js";
import type { Problem } from "./op.js";
import { defineOp } from "./op.js";
import type { Random } from "./random.js";
import { axisFromEnd, axisOf, wrongAxis } from "./reduce.js";
import { sampleShape } from "./sample.js";
import { checked } from "./window.js";

/** Places are f32 numbers, and f32 is exact for whole numbers up to this one. */
export const placeLimit = 2 ** 24;

/** The sentence about places in the docs of ops. */
export const placesDoc =
  "A place is a whole number. Negative places count from the end. Places outside are clamped to the nearest element; NaN is the first one.";

/** The index, from 0, of a place on an axis of `extent` elements. */
export function placeOf(value: number, extent: number): number {
  const near = Math.trunc(Math.min(Math.max(value, -extent), extent - 1));
  return Number.isNaN(near) ? 0 : near < 0 ? near + extent : near;
}

/** A problem if f32 cannot hold all places of an axis of this extent exactly. */
export function wrongExtent(extent: number, operand = 0): Problem | undefined {
  if (extent <= placeLimit) return undefined;
  return { problem: `places of ${extent} elements are not exact in f32, which holds up to 2^24`, operand };
}

export const gather = defineOp({
  doc: `The elements of x at computed places along an axis, as in an embedding. Without \`batched\`, the axes of places replace that axis. With it, places and x share the axes before it. ${placesDoc}`,
  classes: [],
  operands: [
    { name: "x", doc: "any shape but a scalar", role: "data" },
    {
      name: "places",
      doc: "any shape; with `batched` it begins with the axes of x before `axis`",
      role: "data",
      places: true,
    },
  ],
  attributes: {
    axis: int({ default: 0, doc: "the axis of x, counted from the end if negative" }),
    batched: boolean({
      default: false,
      doc: "whether there are separate places for each element of the axes before",
    }),
  },
  normalize: ([x], { axis, batched }) => ({ axis: axisFromEnd(axis, x?.shape ?? []), batched }),
  infer: ([x, places], attributes) => {
    if (!x || !places) return { problem: "gather takes x and places" };
    const axis = axisOf(attributes.axis, x.shape);
    if (axis === undefined) return wrongAxis([attributes.axis], x.shape, "axis");
    const lead = x.shape.slice(0, axis);
    if (attributes.batched && !sameShape(places.shape.slice(0, axis), lead))
      return {
        problem: `places [${places.shape.join(", ")}] do not begin with the axes [${lead.join(", ")}] of x`,
        operand: 1,
      };
    const wrong = wrongExtent(x.shape[axis] ?? 1);
    if (wrong) return wrong;
    return checked([...(attributes.batched ? [] : lead), ...places.shape, ...x.shape.slice(axis + 1)]);
  },
  integers: "moves",
  errors: "moves",
  macs: () => 0,
  mixesBatch: ([x], { axis, batched }, [inX, inPlaces]) => {
    const isFirst = axisOf(axis, x?.shape ?? []) === 0;
    if (isFirst) return inX === true;
    return !batched && inPlaces === true;
  },
  eval: ([x, places], attributes, output) => {
    if (!x || !places) throw new TypeError("gather takes x and places");
    const axis = axisOf(attributes.axis, x.shape) ?? 0;
    const extent = x.shape[axis] ?? 1;
    const inner = elements(x.shape.slice(axis + 1));
    const lead = elements(x.shape.slice(0, axis));
    const each = attributes.batched ? places.data.length / lead : places.data.length;
    return tensor(output.shape, (flat) => {
      const row = Math.floor(flat / inner);
      const outer = Math.floor(row / each);
      const at = places.data[attributes.batched ? row : row % each] ?? 0;
      return x.data[(outer * extent + placeOf(at, extent)) * inner + (flat % inner)] as number;
    });
  },
  sample: (random) => {
    const shape = sampleAxes(random);
    const axis = random.int(0, shape.length - 1);
    const batched = random.next() < 0.4;
    const own = random.pick([[], [1], [3], [5], [2, 4], [1, 8]]);
    return {
      inputs: [
        { dtype: "f32", shape },
        { dtype: "f32", shape: [...(batched ? shape.slice(0, axis) : []), ...own] },
      ] satisfies TensorType[],
      attributes: { axis: axis - shape.length, batched },
    };
  },
});

/** A random shape of at least one axis. */
function sampleAxes(random: Random): Shape {
  const shape = sampleShape(random);
  return shape.length === 0 ? [random.int(1, 9)] : shape;
}

/** These names differ from those of ops, because literals are reserved words of the language. */
const reductions = ["replace", "accumulate", "multiply", "maximum", "minimum"] as const;
export type ScatterReduction = (typeof reductions)[number];

export const scatter = defineOp({
  doc: `x with updates at computed places along an axis: they replace its elements, or are combined with them by \`reduction\`. Updates are applied in order, so the last one of a place replaces the others. ${placesDoc}`,
  classes: [],
  operands: [
    { name: "x", doc: "any shape but a scalar", role: "data" },
    {
      name: "places",
      doc: "the axes of x before `axis`, then one axis of updates",
      role: "data",
      places: true,
    },
    { name: "updates", doc: "the shape of places, then the axes of x after `axis`", role: "data" },
  ],
  attributes: {
    axis: int({ default: 0, doc: "the axis of x, counted from the end if negative" }),
    reduction: member(reductions, { default: "replace", doc: "how an update is combined with the element" }),
  },
  normalize: ([x], { axis, reduction }) => ({ axis: axisFromEnd(axis, x?.shape ?? []), reduction }),
  infer: ([x, places, updates], attributes) => {
    if (!x || !places || !updates) return { problem: "scatter takes x, places and updates" };
    const axis = axisOf(attributes.axis, x.shape);
    if (axis === undefined) return wrongAxis([attributes.axis], x.shape, "axis");
    const lead = x.shape.slice(0, axis);
    const count = places.shape.at(-1) ?? 1;
    const [first, second] = [
      [...lead, count],
      [...lead, count, ...x.shape.slice(axis + 1)],
    ];
    if (!sameShape(places.shape, first))
      return {
        problem: `places have shape [${places.shape.join(", ")}], but for x [${x.shape.join(", ")}] it must be [${[...lead, "n"].join(", ")}]`,
        operand: 1,
      };
    if (!sameShape(updates.shape, second))
      return {
        problem: `updates have shape [${updates.shape.join(", ")}], but it must be [${second.join(", ")}]`,
        operand: 2,
      };
    return wrongExtent(x.shape[axis] ?? 1) ?? x;
  },
  errors: "updates",
  macs: () => 0,
  // All updates may have the same place.
  terms: ([, places], { reduction }) =>
    reduction === "accumulate" || reduction === "multiply" ? 1 + (places?.shape.at(-1) ?? 0) : 1,
  mixesBatch: ([x], { axis }) => axisOf(axis, x?.shape ?? []) === 0,
  eval: ([x, places, updates], attributes) => {
    if (!x || !places || !updates) throw new TypeError("scatter takes x, places and updates");
    const axis = axisOf(attributes.axis, x.shape) ?? 0;
    const extent = x.shape[axis] ?? 1;
    const inner = elements(x.shape.slice(axis + 1));
    const count = places.shape.at(-1) ?? 1;
    const data = Float64Array.from(x.data);
    for (const [row, value] of places.data.entries()) {
      const start = (Math.floor(row / count) * extent + placeOf(value, extent)) * inner;
      for (let at = 0; at < inner; at += 1)
        data[start + at] = combined(
          attributes.reduction,
          data[start + at] as number,
          updates.data[row * inner + at] as number,
        );
    }
    return { shape: x.shape, data };
  },
  sample: (random) => {
    const shape = sampleAxes(random);
    const axis = random.int(0, shape.length - 1);
    const places = [...shape.slice(0, axis), random.int(1, 6)];
    return {
      inputs: [
        { dtype: "f32", shape },
        { dtype: "f32", shape: places },
        { dtype: "f32", shape: [...places, ...shape.slice(axis + 1)] },
      ] satisfies TensorType[],
      attributes: { axis: axis - shape.length, reduction: random.pick(reductions) },
    };
  },
});

function combined(reduction: ScatterReduction, there: number, update: number): number {
  switch (reduction) {
    case "replace":
      return update;
    case "accumulate":
      return there + update;
    case "multiply":
      return there * update;
    case "maximum":
      return Math.max(there, update);
    case "minimum":
      return Math.min(there, update);
    default:
      return reduction satisfies never;
  }
}
