// Pooling over windows and over whole images.

import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { channels } from "#ir/type.js";
import type { Padding, Size } from "./attributes.js";
import { boolean, padding, size } from "./kinds.js";
import { defineOp, isProblem } from "./op.js";
import { sampleBatch, sampleChannels, sampleWindow } from "./sample.js";
import type { Random } from "./random.js";
import type { Window } from "./window.js";
import { explicitPadding, spatial, windowType, wrongRank } from "./window.js";

const x = { name: "x", doc: "[n, h, w, c]", role: "data" } as const;

/** Stride 0 means the size of the window, so `max_pool(x, kernel=2)` halves the image. */
const poolAttributes = {
  kernel: size({ doc: "height and width of the window" }),
  stride: size({
    default: [0, 0],
    min: 0,
    doc: "distance between adjacent positions of the window; by default the size of the window",
  }),
  dilation: size({ default: [1, 1], doc: "distance between adjacent taps of the window" }),
  padding: padding({ doc: "elements around the input" }),
} as const;

interface PoolWindow extends Window {
  readonly kernel: Size;
}

export const max_pool = defineOp({
  doc: "The greatest value of each window, without padding. NaN if any value of the window is NaN.",
  classes: ["pooling"],
  operands: [x],
  attributes: poolAttributes,
  normalize: (inputs, attributes) => normalizePool(inputs, attributes),
  infer: ([input], attributes) => inferPool(input, attributes),
  integers: "moves",
  errors: "moves",
  macs: () => 0,
  mixesBatch: () => false,
  eval: ([input], attributes, output) =>
    pool(input, attributes, output, (taps) =>
      taps.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY),
    ),
  sample: (random) => samplePool(random),
});

export const avg_pool = defineOp({
  doc: "The mean of each window. Padding does not count, except with `count_include_pad`.",
  classes: ["pooling"],
  operands: [x],
  attributes: {
    ...poolAttributes,
    count_include_pad: boolean({ default: false, doc: "whether padding counts as zeros" }),
  },
  normalize: (inputs, attributes) => normalizePool(inputs, attributes),
  infer: ([input], attributes) => inferPool(input, attributes),
  errors: "sums",
  macs: () => 0,
  terms: (_, { kernel }) => kernel[0] * kernel[1],
  mixesBatch: () => false,
  eval: ([input], attributes, output) =>
    pool(input, attributes, output, (taps) => {
      const count = attributes.count_include_pad ? attributes.kernel[0] * attributes.kernel[1] : taps.length;
      return taps.reduce((sum, value) => sum + value, 0) / count;
    }),
  sample: (random) => {
    const { inputs, attributes } = samplePool(random);
    return { inputs, attributes: { ...attributes, count_include_pad: random.next() < 0.5 } };
  },
});

function normalizePool<A extends PoolWindow>(inputs: readonly TensorType[], attributes: A): A {
  const stride = attributes.stride.every((step) => step === 0) ? attributes.kernel : attributes.stride;
  const window = { ...attributes, stride };
  return { ...window, padding: explicitPadding(spatial(inputs[0]?.shape ?? []), attributes.kernel, window) };
}

function inferPool(input: TensorType | undefined, attributes: PoolWindow): ReturnType<typeof windowType> {
  if (!input) return { problem: "a pool takes x" };
  const wrong = wrongRank(input, 0, "x", "n, h, w, c");
  if (wrong) return wrong;
  if ((attributes.stride[0] === 0) !== (attributes.stride[1] === 0)) {
    return {
      problem: `a stride of ${attributes.stride.join("x")} does not move the window`,
      attribute: "stride",
    };
  }
  const window = normalizePool([input], attributes);
  const type = windowType(input, attributes.kernel, window, channels(input.shape));
  if (isProblem(type) || !([0, 1] as const).some((axis) => isEmptySomewhere(input, window, type, axis)))
    return type;
  const { kernel, padding: pad, dilation } = window;
  return {
    problem: `with padding [${[...pad].join(", ")}] and dilation ${dilation.join("x")} a ${kernel.join("x")} window can lie outside x [${input.shape.join(", ")}], where a pool has no value`,
    attribute: "padding",
  };
}

/** Whether all taps of some window are in the padding: the window ends before x, starts after it, or its taps skip x. */
function isEmptySomewhere(input: TensorType, window: PoolWindow, output: TensorType, axis: 0 | 1): boolean {
  const extent = spatial(input.shape)[axis];
  const first = -(window.padding as Padding)[(2 * axis) as 0 | 2];
  const [kernel, stride, dilation] = [window.kernel[axis], window.stride[axis], window.dilation[axis]];
  const last = first + (spatial(output.shape)[axis] - 1) * stride;
  if (last >= extent || first + (kernel - 1) * dilation < 0) return true;
  // Taps at a distance of less than the extent of x cannot skip x, and a window that starts in x has its first tap there. If the first
  // window reaches x, all others that start before x do too.
  if (extent >= dilation) return false;
  for (let start = first; start < 0 && start <= last; start += stride)
    if (start + Math.ceil(-start / dilation) * dilation >= extent) return true;
  return false;
}

function pool(
  input: Tensor | undefined,
  attributes: PoolWindow,
  output: TensorType,
  reduce: (taps: readonly number[]) => number,
): Tensor {
  if (!input) throw new TypeError("a pool takes x");
  const {
    kernel,
    stride,
    dilation,
    padding: pad,
  } = normalizePool([{ dtype: "f32", shape: input.shape }], attributes);
  const [, height = 1, width = 1, depth = 1] = output.shape;
  const [inHeight, inWidth] = spatial(input.shape);
  const [top, , left] = pad as Padding;
  return tensor(output.shape, (flat) => {
    const c = flat % depth;
    const column = Math.floor(flat / depth) % width;
    const row = Math.floor(flat / (depth * width)) % height;
    const n = Math.floor(flat / (depth * width * height));
    const taps: number[] = [];
    for (let i = 0; i < kernel[0]; i += 1) {
      const y = row * stride[0] - top + i * dilation[0];
      if (y < 0 || y >= inHeight) continue;
      for (let j = 0; j < kernel[1]; j += 1) {
        const z = column * stride[1] - left + j * dilation[1];
        if (z >= 0 && z < inWidth) taps.push(input.data[((n * inHeight + y) * inWidth + z) * depth + c] ?? 0);
      }
    }
    return reduce(taps);
  });
}

function samplePool(random: Random): {
  inputs: TensorType[];
  attributes: { kernel: Size; stride: Size; dilation: Size; padding: Padding };
} {
  const { kernel, stride, dilation, padding: pad, height, width } = sampleWindow(random);
  // The padding must be smaller than the window, or a window would have no elements.
  const fits = (extent: number, axis: 0 | 1): number => Math.min(extent, (kernel[axis] - 1) * dilation[axis]);
  return {
    inputs: [{ dtype: "f32", shape: [sampleBatch(random), height, width, sampleChannels(random)] }],
    attributes: {
      kernel,
      stride,
      dilation,
      padding: [fits(pad[0], 0), fits(pad[1], 0), fits(pad[2], 1), fits(pad[3], 1)],
    },
  };
}
