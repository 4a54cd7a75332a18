// Predicted losses against measured ones: equal for small changes, up to random deviations.

import { afterAll, expect, test } from "vitest";
import { openProducts } from "#calibrate/algebra/products.js";
import { samplesOf } from "#calibrate/samples.js";
import { createWalk } from "#calibrate/walk.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { seededRandom } from "#ops/random.js";
import { findCandidates, weightValues } from "#passes/split/candidates.js";
import { measureSubstitutes } from "#split/measure.js";
import { outputWeights, predictLosses } from "#split/predict-losses.js";

const products = openProducts();
afterAll(() => products.dispose());

/** Strides, groups, dilation, two outputs of different scales, a softmax, and a layer on which only one output depends. */
const module = elaborate(
  parse(
    `net two {
      input x: f32[1, 9, 8, 3]
      a = conv2d(x, filters=6, kernel=3x3, padding=same, stride=1x2) |> sigmoid
      b = conv2d(a, filters=4, kernel=3x2, groups=2) |> relu
      c = conv2d(b, filters=5, kernel=2x2, dilation=2x1, padding=same) |> tanh
      output large = 100 * dense(global_avg_pool(b), units=3)
      output classes = softmax(dense(global_avg_pool(c), units=4))
    }`,
    "two.net",
  ).value!,
).value!;

test("the loss of small changes of weights and biases is the predicted one", async () => {
  const random = seededRandom(5);
  const list = Array.from({ length: 600 }, () => ({
    x: Float32Array.from({ length: 9 * 8 * 3 }, () => random.normal()),
  }));
  const samples = samplesOf(list);
  const layers = findCandidates(module).map((candidate) => {
    const { data } = weightValues(candidate, module);
    const bias = module.graph.nodes.get(candidate.node.inputs[2]!)!;
    if (bias.op !== "constant") throw new Error("a bias is a constant");
    const own = module.weights.readF32(bias.attributes.weight);
    const substitutes = [0.01, 0.03].map((size) => ({
      weights: Float32Array.from(data, (value) => value + size * random.normal()),
      bias: Float64Array.from(own, (value) => value + size * random.normal()),
    }));
    return { candidate, substitutes };
  });
  expect(layers.map(({ candidate }) => candidate.groups)).toEqual([1, 2, 1]);
  const walk = createWalk(samples, { bytes: 2 ** 20 });
  const { value: weights } = await outputWeights(module, samples.count, walk);
  expect(weights!.size).toBe(2);
  const { value } = await predictLosses(module, layers, samples, products, { weights: weights!, seed: 3 });
  expect(value!.metrics.size).toBe(layers.length);
  for (const [at, layer] of layers.entries()) {
    const { value: measured } = await measureSubstitutes(module, layer, samples, products, 1);
    for (const [which, loss] of measured!.entries()) {
      const ratio = value!.losses[at]![which]! / loss;
      // 600 squares of nearly normal values: their mean deviates by √(2/600), 6%.
      expect(Math.abs(Math.log(ratio))).toBeLessThan(0.25);
    }
  }
});
