// Resize in all modes over many sizes and scales, against onnxruntime: which sizes results have, and which neighbours are taken.

import * as ort from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const extents = [1, 2, 3, 5, 7, 10, 13, 16, 33, 64, 100, 227];

/** Scales as exporters write them: plain ones, fractions, and those that are the ratio of two sizes. */
const scales = [
  0.1,
  0.25,
  0.3,
  1 / 3,
  0.4,
  0.5,
  0.6,
  0.65,
  0.7,
  0.75,
  0.9,
  1.1,
  1.3,
  1.5,
  1.55,
  2,
  2.4,
  3,
  4,
  7.7,
];

/** A value at each place that identifies the place. */
const ramp = (extent: number): Float32Array => Float32Array.from({ length: extent }, (_, at) => at + 1);

/**
 * Twice the place that a nearest neighbour is looked for at, by the ratio of two sizes, where that is a whole number: on an element or in
 * the middle of two, onnxruntime's f32 may fall on either side.
 */
function twicePlace(attributes: string, index: number, input: number, output: number): number | undefined {
  if (input === output || (output === 1 && attributes.includes("pytorch"))) return undefined;
  const [numerator, divisor, less] = attributes.includes("asymmetric")
    ? [2 * index * input, output, 0]
    : attributes.includes("align_corners")
      ? [2 * index * (input - 1), Math.max(output - 1, 1), 0]
      : [(2 * index + 1) * input, output, attributes.includes("tf_half") ? 0 : 1];
  return attributes.includes("nearest") && numerator % divisor === 0 ? numerator / divisor - less : undefined;
}

/** The element that is nearest to half a whole number. */
function nearest(attributes: string, twice: number): number {
  const [, mode] = attributes.match(/nearest_mode="(\w+)"/) ?? [];
  const up = { floor: 0, round_prefer_floor: 0, ceil: 1, round_prefer_ceil: 1 }[mode!]!;
  return Math.floor((twice + up) / 2);
}

/** What onnxruntime makes of each extent by each number, which is a scale or a size, and we do not. */
async function sweep(
  attributes: string,
  kind: "scales" | "sizes",
  pairs: readonly (readonly [number, number])[],
  opset = 13,
): Promise<string[]> {
  const type = kind === "scales" ? "float" : "int64";
  const region = opset === 11 ? "r" : "_";
  const empty = opset === 11 && kind === "sizes" ? "e" : "_";
  const operands = opset < 11 ? "x, z" : kind === "scales" ? `x, ${region}, z` : `x, ${region}, ${empty}, z`;
  const model = (z: string, x = "") => `opset ${opset}
input x float[1, 1, 1, ${x || "w"}]
weight r float[0]
weight e float[0]
${z}
y = Resize(${operands}) ${attributes}
output y`;
  const session = await ort.InferenceSession.create(modelOf(model(`input z ${type}[4]`)), {
    graphOptimizationLevel: "disabled",
  });
  const wrong: string[] = [];
  for (const [extent, by] of pairs) {
    const numbers = [1, 1, 1, by];
    const z =
      kind === "scales"
        ? new ort.Tensor("float32", numbers, [4])
        : new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), [4]);
    const peer = await session.run({ x: new ort.Tensor("float32", ramp(extent), [1, 1, 1, extent]), z });
    const { value, diagnostics } = importOnnx(
      modelOf(model(`weight z ${type}[4] = ${numbers.join(", ")}`, `${extent}`)),
    );
    const place = `${extent} by ${by}`;
    if (!value) {
      wrong.push(`${place}: ${diagnostics[0]?.message}`);
      continue;
    }
    const input = { shape: [1, 1, 1, extent], data: Float64Array.from(ramp(extent)) };
    const actual = interpret(value, new Map([["x", input]])).get("y")!;
    const expected = peer["y"]!.data as Float32Array;
    if (actual.data.length !== expected.length) {
      wrong.push(`${place}: ${actual.data.length} instead of ${expected.length}`);
      continue;
    }
    const wanted = expected.map((one, k) => {
      const twice = kind === "sizes" ? twicePlace(attributes, k, extent, by) : undefined;
      return twice === undefined ? one : Math.min(Math.max(nearest(attributes, twice), 0), extent - 1) + 1;
    });
    // Coordinates in f32 are exact to 2⁻²³ of the place.
    const at = wanted.findIndex((one, k) => !(Math.abs(one - actual.data[k]!) <= 1e-6 * extent + 1e-5));
    if (at >= 0) wrong.push(`${place}: ${actual.data[at]} instead of ${wanted[at]} at ${at}`);
  }
  return wrong;
}

const byScale = extents
  .flatMap((extent) => [...scales, 416 / 640, 70 / 100].map((scale) => [extent, Math.fround(scale)] as const))
  // If the size does not change, onnxruntime copies; in the standard, the places follow from the scale as always.
  .filter(([extent, scale]) => {
    const size = Math.floor(Math.fround(extent * scale));
    return size >= 1 && (size !== extent || scale === 1);
  });
const bySize = extents.flatMap((extent) =>
  [1, 2, 3, 6, 7, 9, 14, 33, 70, 100, 151].map((size) => [extent, size] as const),
);

const coordinates = [
  "half_pixel",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "half_pixel_symmetric",
];

describe("the size of a result by a scale", () => {
  it("is what onnxruntime makes of it", async () => {
    const ratios = Array.from({ length: 60 }, (_, at) => [640, Math.fround((400 + 4 * at) / 640)] as const);
    const attributes = `mode="nearest" coordinate_transformation_mode="asymmetric" nearest_mode="floor"`;
    expect(await sweep(attributes, "scales", [...byScale, ...ratios])).toEqual([]);
  });
});

describe("nearest neighbours", () => {
  for (const mode of ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    for (const where of [...coordinates, "tf_half_pixel_for_nn"].filter(
      (one) => one !== "half_pixel_symmetric",
    ))
      it(`${mode} ${where}`, async () => {
        const attributes = `mode="nearest" coordinate_transformation_mode="${where}" nearest_mode="${mode}"`;
        const opset = where === "tf_half_pixel_for_nn" ? 11 : 13;
        expect(await sweep(attributes, "scales", byScale, opset)).toEqual([]);
        expect(await sweep(attributes, "sizes", bySize, opset)).toEqual([]);
      });

  it("before opset 11", async () => {
    expect(await sweep(`mode="nearest"`, "scales", byScale, 10)).toEqual([]);
  });
});

describe("linear and cubic interpolation", () => {
  for (const mode of ["linear", "cubic"])
    for (const where of coordinates)
      it(`${mode} ${where}`, async () => {
        const opset = where === "half_pixel_symmetric" ? 19 : 13;
        const attributes = `mode="${mode}" coordinate_transformation_mode="${where}"`;
        expect(await sweep(attributes, "scales", byScale, opset)).toEqual([]);
        expect(await sweep(attributes, "sizes", bySize, opset)).toEqual([]);
      });
});
