// Samples that do not fit a trained network are told apart from those that do, by what its first batch norm stores.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sampleInputs, samplesOf } from "#calibrate/samples.js";
import { optimize } from "#compile/optimize.js";
import { outOfRange, tooFewForFit } from "#split/check-samples.js";
import { readNpy } from "#weights/npy.js";
import { readModel } from "../../src/node.js";

const pixels = readNpy(readFileSync("examples/fashion_mnist.calibration.npy"), "samples").value!.data;

const ways: readonly (readonly [string, number, (pixel: number) => number, RegExp | undefined])[] = [
  ["as in training", 64, (pixel) => pixel / 255, undefined],
  ["few, as in training", 4, (pixel) => pixel / 255, undefined],
  ["a little darker", 64, (pixel) => pixel / 300, undefined],
  ["0 to 255", 64, (pixel) => pixel, /--scale 1\/255/],
  ["-1 to 1", 64, (pixel) => pixel / 127.5 - 1, /from −1 to 1 where the network takes 0 to 1/],
  ["by mean and deviation", 64, (pixel) => (pixel / 255 - 0.286) / 0.353, /by mean and deviation where/],
  ["half as much", 64, (pixel) => pixel / 510, /from 0 to 1 where the network takes −1 to 1/],
  ["inverted", 64, (pixel) => 1 - pixel / 255, /light for dark/],
  ["nothing but zeros", 4, () => 0, /--scale/],
];

test.each(["fm_resnet16.net", "fm_resnet16.onnx", "fm_mobile.net"])("pixels for %s", async (file) => {
  const model = readModel(`examples/${file}`).value!;
  const [{ name = "" } = {}] = sampleInputs(model.graph);
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

test("a network whose batch norms were folded says nothing", async () => {
  const model = readModel("examples/fm_mobile.net").value!;
  const folded = optimize(model, { stopAfter: "fold-batch-norm" }).value!.module;
  expect(await outOfRange(folded, samplesOf([{ image: pixels.slice(0, 784) }]))).toEqual([]);
});

test("how many samples would do", () => {
  const base = optimize(readModel("examples/fm_resnet16.net").value!, { stopAfter: "split" }).value!.module;
  // 3·3·64 inputs of a kernel, 7·7 positions a sample: 4 · 576 / 49.
  const [told] = tooFewForFit(base, 20);
  expect(told?.help).toEqual(["48 samples or more would do; a few hundred are good, without labels"]);
  expect(tooFewForFit(base, 48)).toEqual([]);
});
