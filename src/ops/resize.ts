// Resizing of images.

import { tensor } from "#ir/tensor.js";
import { channels } from "#ir/type.js";
import { member, size } from "./kinds.js";
import { defineOp } from "./op.js";
import { sampleBatch, sampleChannels } from "./sample.js";
import { checked, spatial, wrongRank } from "./window.js";

export const coordinateModes = ["half_pixel", "asymmetric", "align_corners"] as const;
export type CoordinateMode = (typeof coordinateModes)[number];

export const roundings = ["auto", "half_down", "half_up", "always_down", "always_up"] as const;
export type Rounding = (typeof roundings)[number];

export const resize = defineOp({
  doc: "Resizes height and width. `half_pixel` maps (i + ½)·in/out − ½, `asymmetric` i·in/out, `align_corners` i·(in − 1)/(out − 1). `bilinear` interpolates between the four neighbours, clamped at the border.",
  classes: [],
  operands: [{ name: "x", doc: "[n, h, w, c]", role: "data" }],
  attributes: {
    size: size({ doc: "height and width of the result" }),
    method: member(["nearest", "bilinear"], { default: "nearest", doc: "how to interpolate" }),
    coordinates: member(coordinateModes, {
      default: "half_pixel",
      doc: "how an element of the result maps to a place of x",
    }),
    rounding: member(roundings, {
      default: "auto",
      doc: "how `nearest` rounds a place; `auto` is `always_down` for `asymmetric` and `half_down` otherwise. TensorFlow uses `half_up`, ONNX has all of them",
    }),
  },
  infer: ([x], attributes) => {
    if (!x) return { problem: "resize takes x" };
    return (
      wrongRank(x, 0, "x", "n, h, w, c") ?? checked([x.shape[0] ?? 1, ...attributes.size, channels(x.shape)])
    );
  },
  errors: "sums",
  macs: () => 0,
  terms: (_, { method }) => (method === "bilinear" ? 4 : 1),
  mixesBatch: () => false,
  eval: ([x], attributes, output) => {
    if (!x) throw new TypeError("resize takes x");
    const [inHeight, inWidth] = spatial(x.shape);
    const [batch = 1, height = 1, width = 1, depth = 1] = output.shape;
    const rows = resizeTaps(inHeight, height, attributes);
    const columns = resizeTaps(inWidth, width, attributes);
    // A weighted sum, which keeps an infinity; a value whose share is 0 is not read, since 0 · ∞ is NaN.
    const blend = (a: number, b: number, share: number): number =>
      share === 0 ? a : a * (1 - share) + b * share;
    const result = tensor(output.shape);
    let flat = 0;
    for (let n = 0; n < batch; n += 1) {
      for (const row of rows) {
        const [above, below] = [(n * inHeight + row.low) * inWidth, (n * inHeight + row.high) * inWidth];
        for (const column of columns) {
          for (let c = 0; c < depth; c += 1) {
            const at = (pixel: number): number => x.data[pixel * depth + c] as number;
            result.data[flat] = blend(
              blend(at(above + column.low), at(above + column.high), column.share),
              blend(at(below + column.low), at(below + column.high), column.share),
              row.share,
            );
            flat += 1;
          }
        }
      }
    }
    return result;
  },
  sample: (random) => ({
    inputs: [
      {
        dtype: "f32",
        shape: [sampleBatch(random), random.int(1, 6), random.int(1, 6), sampleChannels(random)],
      },
    ],
    attributes: {
      size: [random.int(1, 9), random.int(1, 9)],
      method: random.pick(["nearest", "bilinear"] as const),
      coordinates: random.pick(coordinateModes),
      rounding: random.pick(roundings),
    },
  }),
});

/** Two neighbours along one axis, and the share of the higher one. */
export interface ResizeTap {
  readonly low: number;
  readonly high: number;
  /** In [0, 1]; 0 for nearest. */
  readonly share: number;
}

/** How elements of the result map to places of the input. */
export interface Resampling {
  readonly method: "nearest" | "bilinear";
  readonly coordinates: CoordinateMode;
  readonly rounding: Rounding;
}

/** For each element of the result, its neighbours in the input, along one axis. */
export function resizeTaps(input: number, output: number, resampling: Resampling): ResizeTap[] {
  const { method, coordinates, rounding } = resampling;
  const clamp = (place: number): number => Math.min(Math.max(place, 0), input - 1);
  return Array.from({ length: output }, (_, index) => {
    const place = coordinate(index, input, output, coordinates);
    if (method === "nearest") {
      const near = clamp(
        round(place, rounding === "auto" && coordinates === "asymmetric" ? "always_down" : rounding),
      );
      return { low: near, high: near, share: 0 };
    }
    const inside = clamp(place);
    const low = Math.floor(inside);
    return { low, high: clamp(low + 1), share: inside - low };
  });
}

function round(place: number, rounding: Rounding): number {
  switch (rounding) {
    case "auto":
    case "half_down":
      return Math.ceil(place - 0.5);
    case "half_up":
      return Math.floor(place + 0.5);
    case "always_down":
      return Math.floor(place);
    case "always_up":
      return Math.ceil(place);
    default:
      return rounding satisfies never;
  }
}

function coordinate(index: number, input: number, output: number, mode: CoordinateMode): number {
  switch (mode) {
    case "half_pixel":
      return ((index + 0.5) * input) / output - 0.5;
    case "asymmetric":
      return (index * input) / output;
    case "align_corners":
      return output === 1 ? 0 : (index * (input - 1)) / (output - 1);
    default:
      return mode satisfies never;
  }
}
