// Ops that move values without computing: reshape, transpose, slice, concat, pad.

import type { Tensor } from "#ir/tensor.js";
import { denseStrides, tensor } from "#ir/tensor.js";
import type { Shape, TensorType } from "#ir/type.js";
import { elements, isInteger, isOf, sameShape } from "#ir/type.js";
import { int, ints, member, number } from "./kinds.js";
import { defineOp } from "./op.js";
import { axisFromEnd, axisOf, wrongAxis } from "./reduce.js";
import { sampleShape } from "./sample.js";
import { checked } from "./window.js";

const x = { name: "x", doc: "any shape", role: "data" } as const;

export const reshape = defineOp({
  doc: "The same elements in reading order with another shape. One extent may be −1: it follows from the others.",
  classes: ["view"],
  operands: [x],
  attributes: { shape: ints({ min: -1, doc: "the new shape" }) },
  normalize: ([input], { shape }) => ({ shape: resolveShape(input?.shape ?? [], shape) }),
  infer: ([input], attributes) => {
    if (!input) return { problem: "reshape takes x" };
    const shape = resolveShape(input.shape, attributes.shape);
    if (shape.every((extent) => extent >= 1) && elements(shape) === elements(input.shape))
      return { dtype: "f32", shape };
    return {
      problem: `x [${input.shape.join(", ")}] has ${elements(input.shape)} elements, which do not fit into [${attributes.shape.join(", ")}]`,
      attribute: "shape",
    };
  },
  integers: "moves",
  errors: "moves",
  macs: () => 0,
  mixesBatch: ([input], { shape }) => input?.shape[0] !== shape[0],
  eval: ([input], _, output) => ({ shape: output.shape, data: input?.data ?? new Float64Array() }),
  sample: (random) => {
    const shape = sampleShape(random);
    const extents = shape.length < 2 ? [elements(shape), 1] : [shape[0] ?? 1, elements(shape.slice(1))];
    return { inputs: [{ dtype: "f32", shape }], attributes: { shape: extents } };
  },
});

export const transpose = defineOp({
  doc: "Permutes the axes: axis i of the result is axis `perm[i]` of x.",
  classes: [],
  operands: [x],
  attributes: { perm: ints({ min: 0, doc: "a permutation of the axes" }) },
  infer: ([input], { perm }) => {
    if (!input) return { problem: "transpose takes x" };
    const rank = input.shape.length;
    if (perm.length !== rank || new Set(perm).size !== rank || perm.some((axis) => axis >= rank)) {
      return {
        problem: `[${perm.join(", ")}] is not a permutation of the ${rank} axes of x`,
        attribute: "perm",
      };
    }
    return { dtype: "f32", shape: perm.map((axis) => input.shape[axis] ?? 1) };
  },
  integers: "moves",
  errors: "moves",
  macs: () => 0,
  mixesBatch: (_, { perm }) => perm[0] !== 0,
  eval: ([input], { perm }, output) => {
    const strides = denseStrides(input?.shape ?? []);
    return gather(input, output, (index) =>
      index.reduce((sum, at, axis) => sum + at * (strides[perm[axis] ?? 0] ?? 0), 0),
    );
  },
  sample: (random) => {
    const shape = sampleShape(random);
    const perm = shape.map((_, axis) => axis);
    for (let at = perm.length - 1; at > 0; at -= 1) {
      const other = random.int(0, at);
      [perm[at], perm[other]] = [perm[other] ?? 0, perm[at] ?? 0];
    }
    return { inputs: [{ dtype: "f32", shape }], attributes: { perm } };
  },
});

export const slice = defineOp({
  doc: "A part of x: from `begin`, `size` elements along each axis, every `stride`-th. A size of −1 takes all elements that follow.",
  classes: ["view"],
  operands: [x],
  attributes: {
    begin: ints({ doc: "first index per axis; counted from the end if negative" }),
    size: ints({ min: -1, doc: "extents of the result" }),
    stride: ints({ default: [], min: 1, doc: "distance between elements, per axis; 1 by default" }),
  },
  normalize: ([input], attributes) => normalizeSlice(input?.shape ?? [], attributes),
  infer: ([input], attributes) => {
    if (!input) return { problem: "slice takes x" };
    const rank = input.shape.length;
    if (attributes.begin.length !== rank)
      return { problem: `begin needs one number for each of the ${rank} axes`, attribute: "begin" };
    if (attributes.size.length !== rank)
      return { problem: `size needs one number for each of the ${rank} axes`, attribute: "size" };
    if (attributes.stride.length !== 0 && attributes.stride.length !== rank) {
      return { problem: `stride needs one number for each of the ${rank} axes`, attribute: "stride" };
    }
    const { begin, size, stride } = normalizeSlice(input.shape, attributes);
    for (const [axis, extent] of input.shape.entries()) {
      const [from, count] = [begin[axis] ?? 0, size[axis] ?? 0];
      if (from < 0 || count < 1 || from + (count - 1) * (stride[axis] ?? 1) >= extent) {
        return {
          problem: `x [${input.shape.join(", ")}] has no ${count} elements along axis ${axis} from index ${from} on${(stride[axis] ?? 1) > 1 ? `, ${stride[axis]} apart` : ""}`,
          attribute: from < 0 || from >= extent ? "begin" : "size",
        };
      }
    }
    return { dtype: "f32", shape: size };
  },
  integers: "moves",
  errors: "moves",
  macs: () => 0,
  mixesBatch: ([input], { size }) => input?.shape[0] !== size[0],
  eval: ([input], attributes, output) => {
    const { begin, stride } = normalizeSlice(input?.shape ?? [], attributes);
    const strides = denseStrides(input?.shape ?? []);
    return gather(input, output, (index) =>
      index.reduce(
        (sum, at, axis) => sum + ((begin[axis] ?? 0) + at * (stride[axis] ?? 1)) * (strides[axis] ?? 0),
        0,
      ),
    );
  },
  sample: (random) => {
    const shape = sampleShape(random);
    const stride = shape.map(() => random.pick([1, 1, 1, 2]));
    const begin = shape.map((extent) => random.int(0, extent - 1));
    const size = shape.map((extent, axis) =>
      random.int(1, Math.ceil((extent - (begin[axis] ?? 0)) / (stride[axis] ?? 1))),
    );
    return { inputs: [{ dtype: "f32", shape }], attributes: { begin, size, stride } };
  },
});

export const concat = defineOp({
  doc: "Joins the operands along an axis, in order.",
  classes: [],
  operands: [
    { name: "xs", doc: "values whose shapes differ only along that axis", role: "data", variadic: true },
  ],
  attributes: { axis: int({ default: -1, doc: "the axis, counted from the end if negative" }) },
  normalize: ([first], { axis }) => ({ axis: axisFromEnd(axis, first?.shape ?? []) }),
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    if (!first) return { problem: "concat takes at least one value" };
    const at = axisOf(axis, first.shape);
    if (at === undefined) return wrongAxis([axis], first.shape, "axis");
    for (const [operand, input] of inputs.entries()) {
      const rank = input.shape.length === first.shape.length;
      if (rank && sameShape(input.shape.with(at, 0), first.shape.with(at, 0))) continue;
      return {
        problem: `[${first.shape.join(", ")}] and [${input.shape.join(", ")}] differ in more than axis ${at}`,
        operand,
      };
    }
    return checked(
      first.shape.with(
        at,
        inputs.reduce((sum, input) => sum + (input.shape[at] ?? 0), 0),
      ),
    );
  },
  integers: "moves",
  errors: "moves",
  macs: () => 0,
  mixesBatch: ([first], { axis }) => axisOf(axis, first?.shape ?? []) === 0,
  eval: (inputs, { axis }, output) => {
    const at = axisOf(axis, output.shape) ?? 0;
    const inner = elements(output.shape.slice(at + 1));
    const rows = elements(output.shape.slice(0, at));
    const result = tensor(output.shape);
    let column = 0;
    for (const input of inputs) {
      const run = (input.shape[at] ?? 0) * inner;
      for (let row = 0; row < rows; row += 1) {
        result.data.set(
          input.data.subarray(row * run, (row + 1) * run),
          row * (output.shape[at] ?? 0) * inner + column,
        );
      }
      column += run;
    }
    return result;
  },
  sample: (random) => {
    const drawn = sampleShape(random);
    const shape = drawn.length === 0 ? [2] : drawn;
    const axis = random.int(0, shape.length - 1);
    const inputs = Array.from({ length: random.int(1, 3) }, (): TensorType => ({
      dtype: "f32",
      shape: shape.with(axis, random.int(1, 5)),
    }));
    return { inputs, attributes: { axis: axis - shape.length } };
  },
});

export const pad = defineOp({
  doc: "Adds elements around x: a constant, the elements of x mirrored (without the edge), or its edge repeated.",
  classes: [],
  operands: [x],
  attributes: {
    before: ints({ min: 0, doc: "elements before each axis" }),
    after: ints({ min: 0, doc: "elements after each axis" }),
    mode: member(["constant", "reflect", "edge"], { default: "constant", doc: "which elements are added" }),
    value: number({ default: 0, doc: "the constant" }),
  },
  infer: ([input], { before, after, mode, value }) => {
    if (!input) return { problem: "pad takes x" };
    if (isInteger(input.dtype) && !isOf(input.dtype, value))
      return { problem: `${value} is no ${input.dtype}, which x is`, attribute: "value" };
    const rank = input.shape.length;
    if (before.length !== rank)
      return { problem: `before needs one number for each of the ${rank} axes`, attribute: "before" };
    if (after.length !== rank)
      return { problem: `after needs one number for each of the ${rank} axes`, attribute: "after" };
    if (
      mode === "reflect" &&
      input.shape.some((extent, axis) => Math.max(before[axis] ?? 0, after[axis] ?? 0) >= extent)
    ) {
      return {
        problem: `x [${input.shape.join(", ")}] is too small to be mirrored by so many elements`,
        attribute: "before",
      };
    }
    return checked(input.shape.map((extent, axis) => extent + (before[axis] ?? 0) + (after[axis] ?? 0)));
  },
  integers: "moves",
  errors: "moves",
  macs: () => 0,
  mixesBatch: (_, { before, after }) => (before[0] ?? 0) + (after[0] ?? 0) > 0,
  eval: ([input], { before, mode, value }, output) => {
    const shape = input?.shape ?? [];
    const strides = denseStrides(shape);
    return gather(
      input,
      output,
      (index) => {
        let sum = 0;
        for (const [axis, at] of index.entries()) {
          const extent = shape[axis] ?? 1;
          const from = at - (before[axis] ?? 0);
          const inside = from >= 0 && from < extent;
          if (!inside && mode === "constant") return -1;
          const edge = Math.min(Math.max(from, 0), extent - 1);
          sum += (inside ? from : mode === "edge" ? edge : 2 * edge - from) * (strides[axis] ?? 0);
        }
        return sum;
      },
      value,
    );
  },
  sample: (random) => {
    const shape = sampleShape(random);
    const mode = random.pick(["constant", "constant", "reflect", "edge"] as const);
    const amounts = (): number[] =>
      shape.map((extent) => random.int(0, mode === "reflect" ? Math.min(2, extent - 1) : 2));
    return {
      inputs: [{ dtype: "f32", shape }],
      attributes: {
        before: amounts(),
        after: amounts(),
        mode,
        value: random.pick([0, 0, 1.5, Number.NEGATIVE_INFINITY]),
      },
    };
  },
});

/** For each element of the result, copies the element at `from(index)`; a negative index gives `fill`. */
function gather(
  input: Tensor | undefined,
  output: TensorType,
  from: (index: readonly number[]) => number,
  fill = 0,
): Tensor {
  const index = new Array<number>(output.shape.length).fill(0);
  return tensor(output.shape, (flat) => {
    let rest = flat;
    for (let axis = index.length - 1; axis >= 0; axis -= 1) {
      const extent = output.shape[axis] ?? 1;
      index[axis] = rest % extent;
      rest = Math.floor(rest / extent);
    }
    const place = from(index);
    return place < 0 ? fill : (input?.data[place] ?? fill);
  });
}

/** The shape with its −1 replaced; unchanged if it has none or no extent fits. */
function resolveShape(from: Shape, shape: Shape): readonly number[] {
  const rest = elements(from) / -elements(shape);
  if (shape.filter((extent) => extent === -1).length !== 1 || !Number.isInteger(rest)) return shape;
  return shape.map((extent) => (extent === -1 ? rest : extent));
}

interface SliceAttributes {
  readonly begin: readonly number[];
  readonly size: readonly number[];
  readonly stride: readonly number[];
}

/** Normalizing is idempotent: an index before the first element does not change, and `infer` rejects it. */
function normalizeSlice(shape: Shape, attributes: SliceAttributes): SliceAttributes {
  const stride = attributes.stride.length === 0 ? shape.map(() => 1) : attributes.stride;
  const begin = attributes.begin.map((from, axis) => {
    const extent = shape[axis] ?? 0;
    return from < 0 && from >= -extent ? from + extent : from;
  });
  const size = attributes.size.map((count, axis) =>
    count === -1 ? Math.ceil(((shape[axis] ?? 0) - (begin[axis] ?? 0)) / (stride[axis] ?? 1)) : count,
  );
  return { begin, size, stride };
}
