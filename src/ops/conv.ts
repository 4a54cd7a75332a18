// Convolutions: conv2d (with groups) and depthwise_conv2d (with a depth multiplier).

import type { TensorType } from "#ir/type.js";
import { channels, elements } from "#ir/type.js";
import { biasType, centred } from "./integers.js";
import { zeroAttribute } from "./quantize.js";
import { tensor } from "#ir/tensor.js";
import type { Tensor } from "#ir/tensor.js";
import type { Padding, Size } from "./attributes.js";
import { boolean, int, padding, size } from "./kinds.js";
import type { LayerParameter, Problem } from "./op.js";
import { defineOp } from "./op.js";
import { sampleBatch, sampleWindow } from "./sample.js";
import type { Window } from "./window.js";
import { explicitPadding, spatial, windowType, wrongRank } from "./window.js";

const windowAttributes = {
  stride: size({ default: [1, 1], doc: "distance between adjacent positions of the window" }),
  dilation: size({ default: [1, 1], doc: "distance between adjacent taps of the window" }),
  padding: padding({ doc: "zeros around the input" }),
  zero: zeroAttribute("x, which also fills the padding"),
} as const;

export const groupsAttribute = int({
  default: 1,
  min: 1,
  doc: "number of independent groups of input and output channels",
});
export const kernelAttribute = size({ doc: "height and width of the window" });
export const biasAttribute = boolean({ default: true, doc: "whether a bias is added" });

const operandDocs = [
  { name: "x", doc: "[n, h, w, c]", role: "data" },
  { name: "w", doc: "[kh, kw, c / groups, filters]", role: "weight" },
  { name: "b", doc: "[filters]", role: "weight", optional: true },
] as const;

export const conv2d = defineOp({
  doc: "2-D convolution (cross-correlation, as in all frameworks) of an NHWC value. The result is [n, h', w', filters] with h' = ⌊(h + top + bottom − (kh − 1)·dilation − 1) / stride⌋ + 1. MACs: h' · w' · filters · kh · kw · c / groups.",
  classes: ["convolution"],
  operands: operandDocs,
  attributes: {
    stride: windowAttributes.stride,
    dilation: windowAttributes.dilation,
    padding: windowAttributes.padding,
    groups: groupsAttribute,
    zero: windowAttributes.zero,
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
      if (!Number.isInteger(perGroup) || filters % groups !== 0) return unevenGroups(x, filters, groups);
      return convParameters(
        [height, width, perGroup, filters],
        height * width * perGroup,
        layer["bias"] !== false,
      );
    },
  },
  derived: {
    kernel: ([, w]) => [w?.shape[0] ?? 1, w?.shape[1] ?? 1],
    filters: ([, w]) => w?.shape[3] ?? 1,
  },
  normalize: (inputs, attributes) => normalizePadding(inputs, attributes),
  optionalType: ([x, w]) => biasType(x, w?.shape[3]),
  infer: ([x, w, b], attributes) => {
    if (!x || !w || !b) return { problem: "conv2d takes x, w and b" };
    const { groups } = attributes;
    const wrong = wrongRank(x, 0, "x", "n, h, w, c") ?? wrongRank(w, 1, "w", "kh, kw, c / groups, filters");
    if (wrong) return wrong;
    const filters = channels(w.shape);
    if (channels(x.shape) % groups !== 0 || filters % groups !== 0) return unevenGroups(x, filters, groups);
    const perGroup = channels(x.shape) / groups;
    if (w.shape[2] !== perGroup) {
      return {
        problem: `the weights [${w.shape.join(", ")}] have ${w.shape[2]} input channels, but x [${x.shape.join(", ")}] has ${perGroup}${groups > 1 ? " per group" : ""}`,
        operand: 1,
      };
    }
    return wrongBias(b, filters) ?? windowType(x, kernelOf(w), attributes, filters);
  },
  integers: "sums",
  errors: "products",
  macs: ([, w], _, output) => elements(output.shape) * (elements(w?.shape ?? []) / channels(w?.shape ?? [])),
  mixesBatch: () => false,
  eval: ([integers, w, b], attributes, output) => {
    if (!integers || !w || !b) throw new TypeError("conv2d takes x, w and b");
    const x = centred(integers, attributes.zero);
    const { groups } = attributes;
    const perGroup = channels(x.shape) / groups;
    const filters = channels(w.shape);
    const filtersPerGroup = filters / groups;
    const [values, weights] = [x.data, w.data];
    return slide(x, kernelOf(w), attributes, output, b, (sums, from, tap) => {
      for (let group = 0; group < groups; group += 1) {
        const to = group * filtersPerGroup;
        const first = from + group * perGroup;
        const row = tap * perGroup * filters + to;
        let c = 0;
        // Four channels at a time, added in order: with one channel at a time, most of the loop would read and write sums.
        for (; c + 4 <= perGroup; c += 4) {
          const v0 = values[first + c] as number;
          const v1 = values[first + c + 1] as number;
          const v2 = values[first + c + 2] as number;
          const v3 = values[first + c + 3] as number;
          const start = row + c * filters;
          for (let f = 0; f < filtersPerGroup; f += 1) {
            const at = start + f;
            sums[to + f] =
              (sums[to + f] as number) +
              v0 * (weights[at] as number) +
              v1 * (weights[at + filters] as number) +
              v2 * (weights[at + 2 * filters] as number) +
              v3 * (weights[at + 3 * filters] as number);
          }
        }
        for (; c < perGroup; c += 1) {
          const value = values[first + c] as number;
          const start = row + c * filters;
          for (let f = 0; f < filtersPerGroup; f += 1)
            sums[to + f] = (sums[to + f] as number) + value * (weights[start + f] as number);
        }
      }
    });
  },
  sample: (random) => {
    const window = sampleWindow(random);
    const groups = random.pick([1, 1, 1, 2, 3]);
    const perGroup = random.pick([1, 2, 3, 4, 5]);
    const filters = groups * random.pick([1, 2, 3, 4, 5, 8]);
    return {
      inputs: [
        { dtype: "f32", shape: [sampleBatch(random), window.height, window.width, groups * perGroup] },
        { dtype: "f32", shape: [...window.kernel, perGroup, filters] },
        { dtype: "f32", shape: [filters] },
      ],
      attributes: {
        stride: window.stride,
        dilation: window.dilation,
        padding: window.padding,
        groups,
        zero: 0,
      },
    };
  },
});

export const depthwise_conv2d = defineOp({
  doc: "Depthwise convolution: separate filters for every input channel. With depth multiplier m, output channel c·m + j is filter j of input channel c. MACs: h' · w' · c · m · kh · kw.",
  classes: ["convolution", "depthwise"],
  operands: [
    operandDocs[0],
    { name: "w", doc: "[kh, kw, 1, c · multiplier]", role: "weight" },
    { name: "b", doc: "[c · multiplier]", role: "weight", optional: true },
  ],
  attributes: windowAttributes,
  layer: {
    attributes: {
      kernel: kernelAttribute,
      multiplier: int({ default: 1, min: 1, doc: "filters per input channel" }),
      bias: biasAttribute,
    },
    parameters: (x, layer) => {
      const wrong = wrongRank(x, 0, "x", "n, h, w, c");
      if (wrong) return wrong;
      const [height, width] = layer["kernel"] as Size;
      const filters = channels(x.shape) * Number(layer["multiplier"]);
      return convParameters([height, width, 1, filters], height * width, layer["bias"] !== false);
    },
  },
  derived: {
    kernel: ([, w]) => [w?.shape[0] ?? 1, w?.shape[1] ?? 1],
    multiplier: ([x, w]) => channels(w?.shape ?? []) / channels(x?.shape ?? []),
  },
  normalize: (inputs, attributes) => normalizePadding(inputs, attributes),
  optionalType: ([x, w]) => biasType(x, channels(w?.shape ?? [])),
  infer: ([x, w, b], attributes) => {
    if (!x || !w || !b) return { problem: "depthwise_conv2d takes x, w and b" };
    const wrong = wrongRank(x, 0, "x", "n, h, w, c") ?? wrongRank(w, 1, "w", "kh, kw, 1, c·m");
    if (wrong) return wrong;
    const filters = channels(w.shape);
    if (w.shape[2] !== 1 || filters % channels(x.shape) !== 0) {
      return {
        problem: `the weights have shape [${w.shape.join(", ")}], but for the ${channels(x.shape)} channels of x they must have shape [kh, kw, 1, ${channels(x.shape)}·m]`,
        operand: 1,
      };
    }
    return wrongBias(b, filters) ?? windowType(x, kernelOf(w), attributes, filters);
  },
  integers: "sums",
  errors: "products",
  macs: ([, w], _, output) => elements(output.shape) * (w?.shape[0] ?? 1) * (w?.shape[1] ?? 1),
  mixesBatch: () => false,
  eval: ([integers, w, b], attributes, output) => {
    if (!integers || !w || !b) throw new TypeError("depthwise_conv2d takes x, w and b");
    const x = centred(integers, attributes.zero);
    const filters = channels(w.shape);
    const multiplier = filters / channels(x.shape);
    const [values, weights] = [x.data, w.data];
    const source = Int32Array.from({ length: filters }, (_, f) => Math.floor(f / multiplier));
    return slide(x, kernelOf(w), attributes, output, b, (sums, from, tap) => {
      const row = tap * filters;
      for (let f = 0; f < filters; f += 1) {
        const value = values[from + (source[f] as number)] as number;
        sums[f] = (sums[f] as number) + value * (weights[row + f] as number);
      }
    });
  },
  sample: (random) => {
    const window = sampleWindow(random);
    const inputs = random.pick([1, 2, 3, 4, 5, 8, 17]);
    const filters = inputs * random.pick([1, 1, 2, 3, 4]);
    return {
      inputs: [
        { dtype: "f32", shape: [sampleBatch(random), window.height, window.width, inputs] },
        { dtype: "f32", shape: [...window.kernel, 1, filters] },
        { dtype: "f32", shape: [filters] },
      ],
      attributes: { stride: window.stride, dilation: window.dilation, padding: window.padding, zero: 0 },
    };
  },
});

function kernelOf(w: { readonly shape: readonly number[] }): Size {
  return [w.shape[0] ?? 1, w.shape[1] ?? 1];
}

function convParameters(
  kernel: readonly number[],
  fanIn: number,
  bias: boolean,
): (LayerParameter | undefined)[] {
  return [
    { operand: "kernel", type: { dtype: "f32", shape: kernel }, init: "he_normal", fanIn },
    bias
      ? { operand: "bias", type: { dtype: "f32", shape: [kernel.at(-1) ?? 1] }, init: "zeros", fanIn }
      : undefined,
  ];
}

function unevenGroups(x: TensorType, filters: number, groups: number): Problem {
  return {
    problem: `groups=${groups} must divide the ${channels(x.shape)} channels of x and the ${filters} filters`,
    attribute: "groups",
  };
}

function wrongBias(b: TensorType, filters: number): Problem | undefined {
  if (b.shape.length === 1 && b.shape[0] === filters) return undefined;
  return { problem: `the bias has shape [${b.shape.join(", ")}], but it must be [${filters}]`, operand: 2 };
}

/** Replaces `same` and `valid` by the four numbers that they mean. */
function normalizePadding<A extends Window>(inputs: readonly TensorType[], attributes: A): A {
  const [x, w] = inputs;
  return {
    ...attributes,
    padding: explicitPadding(spatial(x?.shape ?? []), kernelOf(w ?? { shape: [] }), attributes),
  };
}

/**
 * Slides a window over x. For each output position, the sums start with the bias, and `accumulate(sums, from, tap)` adds
 * the products of a tap, whose pixel starts at `from` in x. Taps in the padding are skipped: they add zero.
 */
function slide(
  x: Tensor,
  kernel: Size,
  window: Window,
  output: TensorType,
  bias: Tensor,
  accumulate: (sums: Float64Array, from: number, tap: number) => void,
): Tensor {
  const [batch = 1, height = 1, width = 1, filters = 1] = output.shape;
  const [inHeight, inWidth] = spatial(x.shape);
  const inChannels = channels(x.shape);
  const [top, , left] = explicitPadding([inHeight, inWidth], kernel, window) as Padding;
  const result = tensor(output.shape);
  const sums = new Float64Array(filters);
  for (let n = 0; n < batch; n += 1) {
    for (let y = 0; y < height; y += 1) {
      for (let z = 0; z < width; z += 1) {
        sums.set(bias.data);
        for (let i = 0; i < kernel[0]; i += 1) {
          const row = y * window.stride[0] - top + i * window.dilation[0];
          if (row < 0 || row >= inHeight) continue;
          for (let j = 0; j < kernel[1]; j += 1) {
            const column = z * window.stride[1] - left + j * window.dilation[1];
            if (column < 0 || column >= inWidth) continue;
            accumulate(sums, ((n * inHeight + row) * inWidth + column) * inChannels, i * kernel[1] + j);
          }
        }
        result.data.set(sums, ((n * height + y) * width + z) * filters);
      }
    }
  }
  return result;
}
