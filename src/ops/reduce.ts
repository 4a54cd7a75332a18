// Reductions over axes, global pools and softmax.

import { given } from "#diagnostic/given.js";
import type { Tensor } from "#ir/tensor.js";
import { denseStrides, tensor } from "#ir/tensor.js";
import type { Shape, TensorType } from "#ir/type.js";
import { productErrors, softmaxErrors } from "./inexact.js";
import { boolean, int, ints } from "./kinds.js";
import type { Op, OpClass, Problem } from "./op.js";
import { defineOp } from "./op.js";
import type { Random } from "./random.js";
import { sampleChannels, sampleShape } from "./sample.js";
import { wrongRank } from "./window.js";

const attributes = {
  axes: ints({
    default: [],
    doc: "the axes to reduce, counted from the end if negative; an empty list means all axes",
  }),
  keepdims: boolean({ default: false, doc: "whether reduced axes stay, with extent 1" }),
} as const;

/** A reduction as a fold. */
interface Fold {
  readonly errors: "moves" | "sums" | "product";
  readonly start: number;
  readonly step: (total: number, value: number) => number;
  /** The result, from the total and the number of values; by default the total. */
  readonly finish?: (total: number, count: number) => number;
  readonly integers?: "moves" | "sums";
}

const addition: Fold = { errors: "sums", start: 0, step: (total, value) => total + value };
const sum: Fold = { ...addition, integers: "sums" };
const mean: Fold = { ...addition, finish: (total, count) => total / count };
const greatest: Fold = {
  errors: "moves",
  start: Number.NEGATIVE_INFINITY,
  step: Math.max,
  integers: "moves",
};
const least: Fold = {
  errors: "moves",
  start: Number.POSITIVE_INFINITY,
  step: Math.min,
  integers: "moves",
};
const product: Fold = { errors: "product", start: 1, step: (total, value) => total * value };

export const reduce_sum = reduction("The sum over the axes.", sum);
export const reduce_mean = reduction("The mean over the axes.", mean);
export const reduce_max = reduction("The greatest value over the axes.", greatest);
export const reduce_min = reduction("The least value over the axes.", least);
export const reduce_prod = reduction("The product over the axes.", product);

export const global_avg_pool = globalPool("The mean over height and width.", mean);
export const global_max_pool = globalPool("The greatest value over height and width.", greatest);

export const softmax = defineOp({
  doc: "eˣ / Σ eˣ along an axis, computed with e^(x − max) so that nothing overflows.",
  classes: [],
  operands: [{ name: "x", doc: "any shape but a scalar", role: "data" }],
  attributes: { axis: int({ default: -1, doc: "the axis, counted from the end if negative" }) },
  normalize: ([x], { axis }) => ({ axis: axisFromEnd(axis, x?.shape ?? []) }),
  infer: ([x], { axis }) => {
    if (!x) return { problem: "softmax takes x" };
    return axisOf(axis, x.shape) === undefined ? wrongAxis([axis], x.shape, "axis") : x;
  },
  errors: ([x], { axis }, result, share) => {
    if (!x) throw new TypeError("softmax takes x");
    const along = axisOf(axis, result.shape) ?? 0;
    const stride = denseStrides(result.shape)[along] ?? 1;
    const run = stride * (result.shape[along] ?? 1);
    return softmaxErrors(x, result, share, (at) => Math.floor(at / run) * run + (at % stride));
  },
  macs: () => 0,
  terms: ([x], { axis }) => x?.shape[axisOf(axis, x.shape) ?? 0] ?? 1,
  mixesBatch: ([x], { axis }) => axisOf(axis, x?.shape ?? []) === 0,
  eval: ([x], { axis }, output) => {
    if (!x) throw new TypeError("softmax takes x");
    const along = axisOf(axis, x.shape) ?? 0;
    const extent = x.shape[along] ?? 1;
    const stride = denseStrides(x.shape)[along] ?? 1;
    const result = tensor(output.shape);
    for (let group = 0; group < x.data.length / extent; group += 1) {
      // The groups of one run of `stride` elements are adjacent.
      const start = Math.floor(group / stride) * stride * extent + (group % stride);
      let most = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < extent; k += 1) most = Math.max(most, x.data[start + k * stride] as number);
      let total = 0;
      for (let k = 0; k < extent; k += 1) {
        const power = Math.exp((x.data[start + k * stride] as number) - most);
        result.data[start + k * stride] = power;
        total += power;
      }
      for (let k = 0; k < extent; k += 1)
        result.data[start + k * stride] = (result.data[start + k * stride] as number) / total;
    }
    return result;
  },
  sample: (random) => {
    const drawn = sampleShape(random);
    const shape = drawn.length === 0 ? [4] : drawn;
    return { inputs: [{ dtype: "f32", shape }], attributes: { axis: -random.int(1, shape.length) } };
  },
});

function reduction(doc: string, reduce: Fold): Op<typeof attributes> {
  return defineOp({
    doc,
    classes: ["reduction"],
    operands: [{ name: "x", doc: "any shape", role: "data" }],
    attributes,
    normalize: ([x], { axes, keepdims }) => ({
      axes: reducedAxes(axes, x?.shape ?? []) ?? axes,
      keepdims,
    }),
    infer: ([x], { axes, keepdims }) => {
      if (!x) return { problem: "a reduction takes x" };
      const reduced = reducedAxes(axes, x.shape);
      if (!reduced) return wrongAxis(axes, x.shape, "axes");
      return { dtype: "f32", shape: reducedShape(x.shape, reduced, keepdims) };
    },
    ...given({ integers: reduce.integers }),
    errors:
      reduce.errors === "product"
        ? ([x], { axes }, result, share) => {
            if (!x) throw new TypeError("a reduction takes x");
            const reduced = reducedAxes(axes, x.value.shape) ?? [];
            return productErrors(x, result, share, (factors) =>
              reduceTensor(factors, reduced, result.shape, reduce),
            );
          }
        : reduce.errors,
    macs: () => 0,
    mixesBatch: ([x], { axes }) => reducedAxes(axes, x?.shape ?? [])?.includes(0) ?? true,
    eval: ([x], { axes }, output) => {
      if (!x) throw new TypeError("a reduction takes x");
      return reduceTensor(x, reducedAxes(axes, x.shape) ?? [], output.shape, reduce);
    },
    sample: (random) => sampleReduction(random),
  });
}

function globalPool(doc: string, reduce: Fold): Op<{ readonly keepdims: typeof attributes.keepdims }> {
  return defineOp({
    doc: `${doc} The result is [n, c], or [n, 1, 1, c] with \`keepdims\`.`,
    classes: ["pooling"] as OpClass[],
    operands: [{ name: "x", doc: "[n, h, w, c]", role: "data" }],
    attributes: { keepdims: attributes.keepdims },
    infer: ([x], { keepdims }) => {
      if (!x) return { problem: "a pool takes x" };
      return (
        wrongRank(x, 0, "x", "n, h, w, c") ?? { dtype: "f32", shape: reducedShape(x.shape, [1, 2], keepdims) }
      );
    },
    ...given({ integers: reduce.integers }),
    errors: reduce.errors === "product" ? "maps" : reduce.errors,
    macs: () => 0,
    mixesBatch: () => false,
    eval: ([x], _, output) => {
      if (!x) throw new TypeError("a pool takes x");
      return reduceTensor(x, [1, 2], output.shape, reduce);
    },
    sample: (random): { inputs: TensorType[]; attributes: { keepdims: boolean } } => ({
      inputs: [{ dtype: "f32", shape: [1, random.int(1, 7), random.int(1, 7), sampleChannels(random)] }],
      attributes: { keepdims: random.next() < 0.5 },
    }),
  });
}

/** The axis counted from the front, or undefined if the shape has no such axis. */
export function axisOf(axis: number, shape: Shape): number | undefined {
  const at = axis < 0 ? axis + shape.length : axis;
  return at >= 0 && at < shape.length ? at : undefined;
}

/** The axis counted from the end, which stays correct when leading axes are added; unchanged if the shape has no such axis. */
export function axisFromEnd(axis: number, shape: Shape): number {
  return axis >= 0 && axis < shape.length ? axis - shape.length : axis;
}

/** A problem that names the first of the axes that the shape does not have. */
export function wrongAxis(axes: readonly number[], shape: Shape, attribute: string): Problem {
  const wrong = axes.find((axis) => axisOf(axis, shape) === undefined);
  return { problem: `[${shape.join(", ")}] has no axis ${wrong}`, attribute };
}

/** The axes counted from the front, ascending, each once; all axes for an empty list; undefined if one does not exist. */
function reducedAxes(axes: readonly number[], shape: Shape): readonly number[] | undefined {
  if (axes.length === 0) return shape.map((_, axis) => axis);
  const reduced = axes.map((axis) => axisOf(axis, shape));
  const found = reduced.filter((axis) => axis !== undefined);
  return found.length === axes.length ? [...new Set(found)].sort((a, b) => a - b) : undefined;
}

function reducedShape(shape: Shape, axes: readonly number[], keepdims: boolean): number[] {
  if (keepdims) return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** Folds the values along `axes`; `output` is the shape without those axes, or with extent 1 for them, which has the same elements. */
function reduceTensor(x: Tensor, axes: readonly number[], output: Shape, reduce: Fold): Tensor {
  const strides = denseStrides(x.shape);
  const inner = axes.map((axis) => ({ extent: x.shape[axis] ?? 1, stride: strides[axis] ?? 0 }));
  const outer = x.shape
    .map((extent, axis) => ({ extent, stride: strides[axis] ?? 0, axis }))
    .filter(({ axis }) => !axes.includes(axis));
  const places = Float64Array.from(
    { length: inner.reduce((count, { extent }) => count * extent, 1) },
    (_, at) => offset(at, inner),
  );
  const { start, step, finish = (total) => total } = reduce;
  return tensor(output, (flat) => {
    const base = offset(flat, outer);
    let total = start;
    for (const place of places) total = step(total, x.data[base + place] as number);
    return finish(total, places.length);
  });
}

function offset(flat: number, axes: readonly { readonly extent: number; readonly stride: number }[]): number {
  let rest = flat;
  let index = 0;
  for (let at = axes.length - 1; at >= 0; at -= 1) {
    const { extent, stride } = axes[at] ?? { extent: 1, stride: 0 };
    index += (rest % extent) * stride;
    rest = Math.floor(rest / extent);
  }
  return index;
}

function sampleReduction(random: Random): {
  inputs: TensorType[];
  attributes: { axes: number[]; keepdims: boolean };
} {
  const shape = sampleShape(random);
  const axes = shape.map((_, axis) => axis).filter(() => random.next() < 0.5);
  return {
    inputs: [{ dtype: "f32", shape }],
    attributes: {
      axes: axes.length === 0 ? shape.map((_, axis) => axis) : axes,
      keepdims: random.next() < 0.5,
    },
  };
}
