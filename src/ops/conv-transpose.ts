// Transposed convolution: the gradient of a convolution, by which decoders enlarge images.

import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { channels, elements } from "#ir/type.js";
import type { Padding, Size } from "./attributes.js";
import { biasAttribute, groupsAttribute, kernelAttribute } from "./conv.js";
import { int, padding, size } from "./kinds.js";
import { defineOp } from "./op.js";
import { sampleBatch, sampleChannels } from "./sample.js";
import { checked, spatial, wrongRank } from "./window.js";

interface Transposed {
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding | "same" | "valid";
  readonly extra: Size;
}

export const conv2d_transpose = defineOp({
  doc: "Transposed 2-D convolution: every element of x adds a multiple of the weights to the result, at distances of `stride`. The result is [n, h', w', filters] with h' = (h − 1) · stride + (kh − 1) · dilation + 1 − top − bottom + extra. MACs: h · w · filters · kh · kw · c / groups.",
  classes: [],
  operands: [
    { name: "x", doc: "[n, h, w, c]", role: "data" },
    { name: "w", doc: "[kh, kw, c / groups, filters]", role: "weight" },
    { name: "b", doc: "[filters]", role: "weight", optional: true },
  ],
  attributes: {
    stride: size({ default: [1, 1], doc: "distance in the result between adjacent elements of x" }),
    dilation: size({ default: [1, 1], doc: "distance between adjacent taps of the window" }),
    padding: padding({
      doc: "rows and columns that are removed; `same` keeps h · stride rows and w · stride columns",
    }),
    extra: size({
      default: [0, 0],
      min: 0,
      doc: "rows and columns that are added at the bottom and on the right",
    }),
    groups: groupsAttribute,
  },
  layer: {
    attributes: {
      filters: int({ min: 1, doc: "output channels" }),
      kernel: kernelAttribute,
      bias: biasAttribute,
    },
    parameters: (x, layer, attributes) => {
      const wrong = wrongRank(x, 0, "x", "n, h, w, c");
      if (wrong) return wrong;
      const filters = Number(layer["filters"]);
      const groups = Number(attributes["groups"]);
      const [height, width] = layer["kernel"] as Size;
      const perGroup = channels(x.shape) / groups;
      if (!Number.isInteger(perGroup) || filters % groups !== 0)
        return {
          problem: `groups=${groups} must divide the ${channels(x.shape)} channels of x and the ${filters} filters`,
          attribute: "groups",
        };
      const fanIn = height * width * perGroup;
      return [
        {
          operand: "kernel",
          type: { dtype: "f32", shape: [height, width, perGroup, filters] },
          init: "he_normal",
          fanIn,
        },
        layer["bias"] === false
          ? undefined
          : { operand: "bias", type: { dtype: "f32", shape: [filters] }, init: "zeros", fanIn },
      ];
    },
  },
  derived: {
    kernel: ([, w]) => [w?.shape[0] ?? 1, w?.shape[1] ?? 1],
    filters: ([, w]) => w?.shape[3] ?? 1,
  },
  normalize: ([, w], attributes) => normalizeTransposed(kernelOf(w ?? { shape: [] }), attributes),
  optionalType: ([, w]) => ({ dtype: "f32", shape: [w?.shape[3] ?? 1] }),
  infer: ([x, w, b], attributes) => {
    if (!x || !w || !b) return { problem: "conv2d_transpose takes x, w and b" };
    const wrong = wrongRank(x, 0, "x", "n, h, w, c") ?? wrongRank(w, 1, "w", "kh, kw, c / groups, filters");
    if (wrong) return wrong;
    const { groups } = attributes;
    const [filters, depth] = [channels(w.shape), channels(x.shape)];
    if (depth % groups !== 0 || filters % groups !== 0)
      return {
        problem: `groups=${groups} must divide the ${depth} channels of x and the ${filters} filters`,
        attribute: "groups",
      };
    if (w.shape[2] !== depth / groups)
      return {
        problem: `the weights [${w.shape.join(", ")}] have ${w.shape[2]} input channels, but x [${x.shape.join(", ")}] has ${depth / groups}${groups > 1 ? " per group" : ""}`,
        operand: 1,
      };
    if (b.shape.length !== 1 || b.shape[0] !== filters)
      return {
        problem: `the bias has shape [${b.shape.join(", ")}], but it must be [${filters}]`,
        operand: 2,
      };
    const kernel = kernelOf(w);
    const window = normalizeTransposed(kernel, attributes);
    const [height, width] = ([0, 1] as const).map((axis) =>
      outputExtent(spatial(x.shape), kernel, window, axis),
    );
    if (height === undefined || width === undefined || height < 1 || width < 1)
      return {
        problem: `with padding [${[...window.padding].join(", ")}] the result is empty`,
        attribute: "padding",
      };
    return checked([x.shape[0] ?? 1, height, width, filters]);
  },
  errors: "products",
  macs: ([x, w]) => (elements(x?.shape ?? []) / channels(x?.shape ?? [])) * elements(w?.shape ?? []),
  // Along each axis, only every stride / gcd(stride, dilation)th tap adds to the same element of the result.
  terms: ([, w], { stride, dilation }) => {
    const [height, width] = ([0, 1] as const).map((axis) => {
      const every = stride[axis] / greatestDivisor(stride[axis], dilation[axis]);
      return Math.ceil((w?.shape[axis] ?? 1) / every);
    });
    return (height ?? 1) * (width ?? 1) * (w?.shape[2] ?? 1);
  },
  mixesBatch: () => false,
  eval: ([x, w, b], attributes, output) => {
    if (!x || !w || !b) throw new TypeError("conv2d_transpose takes x, w and b");
    return scatter(
      x,
      w,
      b,
      { ...normalizeTransposed(kernelOf(w), attributes), groups: attributes.groups },
      output,
    );
  },
  sample: (random) => {
    const kernel: Size = random.pick([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
      [2, 3],
      [1, 3],
    ]);
    const stride: Size = random.pick([
      [1, 1],
      [2, 2],
      [2, 2],
      [1, 2],
      [3, 2],
    ]);
    const dilation: Size = random.pick([
      [1, 1],
      [1, 1],
      [1, 1],
      [2, 2],
    ]);
    const extra: Size = [random.int(0, stride[0] - 1), random.int(0, stride[1] - 1)];
    const [height, width] = [random.int(2, 5), random.int(2, 5)];
    const groups = random.pick([1, 1, 1, 2]);
    // The padding must be smaller than the result.
    const cut = (axis: 0 | 1): number => {
      const reach = (kernel[axis] - 1) * dilation[axis] + 1;
      const full = ((axis === 0 ? height : width) - 1) * stride[axis] + reach + extra[axis];
      return Math.min(random.int(0, 2), Math.floor((full - 1) / 2));
    };
    const cuts: Padding = [cut(0), cut(0), cut(1), cut(1)];
    const perGroup = random.pick([1, 2, 3, 4, 5]);
    const filters = groups * sampleChannels(random);
    return {
      inputs: [
        { dtype: "f32", shape: [sampleBatch(random), height, width, groups * perGroup] },
        { dtype: "f32", shape: [...kernel, perGroup, filters] },
        { dtype: "f32", shape: [filters] },
      ],
      attributes: { stride, dilation, padding: cuts, extra, groups },
    };
  },
});

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

function kernelOf(w: { readonly shape: readonly number[] }): Size {
  return [w.shape[0] ?? 1, w.shape[1] ?? 1];
}

/** `same` keeps h · stride rows: rows beyond are removed (an odd one at the end), and missing rows are added as zeros. */
function normalizeTransposed<A extends Transposed>(
  kernel: Size,
  attributes: A,
): A & { readonly padding: Padding } {
  const { padding: given, stride, dilation, extra } = attributes;
  if (given === "valid") return { ...attributes, padding: [0, 0, 0, 0] };
  if (given !== "same") return { ...attributes, padding: given };
  const over = ([0, 1] as const).map((axis) => (kernel[axis] - 1) * dilation[axis] + 1 - stride[axis]);
  const [rows = 0, columns = 0] = over.map((one) => Math.max(0, one));
  return {
    ...attributes,
    padding: [Math.floor(rows / 2), Math.ceil(rows / 2), Math.floor(columns / 2), Math.ceil(columns / 2)],
    extra: [extra[0] + Math.max(0, -(over[0] ?? 0)), extra[1] + Math.max(0, -(over[1] ?? 0))],
  };
}

function outputExtent(
  input: Size,
  kernel: Size,
  window: Transposed & { readonly padding: Padding },
  axis: 0 | 1,
): number {
  const [before, after] = [window.padding[(2 * axis) as 0 | 2], window.padding[(2 * axis + 1) as 1 | 3]];
  const reach = (kernel[axis] - 1) * window.dilation[axis] + 1;
  return (input[axis] - 1) * window.stride[axis] + reach - before - after + window.extra[axis];
}

function scatter(
  x: Tensor,
  w: Tensor,
  b: Tensor,
  window: Transposed & { readonly padding: Padding; readonly groups: number },
  output: TensorType,
): Tensor {
  const [batch = 1, inHeight = 1, inWidth = 1, depth = 1] = x.shape;
  const [, height = 1, width = 1, filters = 1] = output.shape;
  const [kh, kw] = kernelOf(w);
  const { stride, dilation, padding: cuts, groups } = window;
  const [perGroup, filtersPerGroup] = [depth / groups, filters / groups];
  const result = tensor(output.shape, (flat) => b.data[flat % filters] ?? 0);
  for (let n = 0; n < batch; n += 1)
    for (let row = 0; row < inHeight; row += 1)
      for (let column = 0; column < inWidth; column += 1)
        for (let i = 0; i < kh; i += 1) {
          const y = row * stride[0] + i * dilation[0] - cuts[0];
          if (y < 0 || y >= height) continue;
          for (let j = 0; j < kw; j += 1) {
            const z = column * stride[1] + j * dilation[1] - cuts[2];
            if (z < 0 || z >= width) continue;
            const from = ((n * inHeight + row) * inWidth + column) * depth;
            const to = ((n * height + y) * width + z) * filters;
            for (let f = 0; f < filters; f += 1) {
              const first = Math.floor(f / filtersPerGroup) * perGroup;
              let sum = 0;
              for (let c = 0; c < perGroup; c += 1)
                sum +=
                  (x.data[from + first + c] as number) *
                  (w.data[((i * kw + j) * perGroup + c) * filters + f] as number);
              result.data[to + f] = (result.data[to + f] as number) + sum;
            }
          }
        }
  return result;
}
