// All pieces together: from only a net and samples, the least-squares solution is the convolution that made the responses.

import { afterAll, expect, test } from "vitest";
import { sumMoments } from "#calibrate/moments.js";
import {
  choosePositions,
  convolutionShape,
  patchLength,
  patchRows,
  positionCount,
  responseRows,
} from "#calibrate/patches.js";
import { openProducts } from "#calibrate/algebra/products.js";
import { chooseSamples, samplesOf } from "#calibrate/samples.js";
import { solvePositive } from "#calibrate/algebra/solve.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { channels } from "#ir/type.js";
import { drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";

const products = openProducts();
afterAll(() => products.dispose());

// After a sigmoid and a shift, the means are far from zero. Windows overlap, so that patches at borders differ from inner ones.
test.each([
  "conv2d(h, filters=5, kernel=3x3, padding=same)",
  "conv2d(h, filters=5, kernel=2x4, stride=2x1, padding=same, dilation=1x2)",
  "conv2d(h, filters=6, kernel=3x3, padding=[2, 0, 1, 1], groups=2)",
  "depthwise_conv2d(h, kernel=3x3, stride=2, padding=same, multiplier=2)",
])("%s", async (layer) => {
  const { value: module } = elaborate(
    parse(
      `net n {
        input x: f32[N, 9, 8, 3]
        h = sigmoid(conv2d(x, filters=4, kernel=3x3, padding=same)) + 3
        c = ${layer}
        output y = relu(c)
      }`,
      "n.net",
    ).value!,
  );
  const { graph, weights } = module!;
  const node = [...graph.nodes.values()].find(({ name }) => name === "c")!;
  const shape = convolutionShape(graph, node);
  const [h, kernel, bias] = node.inputs;
  const random = seededRandom(1);
  const list = Array.from({ length: 60 }, () => ({ x: drawValues(random, "normal", 9 * 8 * 3) }));
  const samples = chooseSamples(samplesOf(list), 50, 1);
  const probes = (await openProbes(module!, [h!, node.id])).value!;

  const n = patchLength(shape);
  const filters = channels(shape.output);
  const m = filters / shape.groups;
  const sums = Array.from({ length: shape.groups }, () => sumMoments(n, m, products));
  const choice = { samples: samples.count, positions: positionCount(shape), most: 1500, seed: 1 };
  await runProbes([probes], samples, async ([values], sample) => {
    const positions = choosePositions(choice, sample);
    for (const [group, sum] of sums.entries())
      await sum.add(
        patchRows(values!.get(h!)!, shape, positions, { group }),
        responseRows(values!.get(node.id)!, shape, positions, { group }),
      );
  });
  probes.dispose();

  const dataOf = (id: number): Float64Array => {
    const constant = graph.nodes.get(id)!;
    return constant.op === "constant" ? weights.read(constant.attributes.weight).data : expect.fail();
  };
  const [wanted, offset] = [dataOf(kernel!), dataOf(bias!)];
  for (const [group, sum] of sums.entries()) {
    const moments = await sum.finish();
    const { covariance, crossCovariance, inputMean, responseMean } = moments;
    const solved = (await solvePositive(covariance.data, n, crossCovariance.data, m))!;
    for (let f = 0; f < m; f += 1) {
      let fitted = responseMean[f]!;
      for (let at = 0; at < n; at += 1) {
        const value = solved.x[at * m + f]!;
        expect(Math.abs(value - wanted[at * filters + group * m + f]!)).toBeLessThan(1e-3);
        fitted -= value * inputMean[at]!;
      }
      // The bias is the rest of the means.
      expect(Math.abs(fitted - offset[group * m + f]!)).toBeLessThan(1e-2);
    }
  }
});
