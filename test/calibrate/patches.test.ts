// Patches of convolutions: the rows times the weights are the responses of the interpreter.

import { describe, expect, test } from "vitest";
import {
  choosePositions,
  convolutionShape,
  patchLength,
  patchRows,
  positionCount,
  responseRows,
} from "#calibrate/patches.js";
import { interpret } from "#interpret/interpret.js";
import type { Module } from "#ir/weights.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { channels, elements } from "#ir/type.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";

function moduleOf(text: string): Module {
  return elaborate(parse(text, "test.net").value!).value!;
}

/** Responses at all positions, without the bias, from patches and the weights. */
function checkPatches(layer: string, shape: readonly number[]): void {
  const { graph, weights } = moduleOf(
    `net n { input x: f32[${shape.join(", ")}]\n y = ${layer}\n output y }`,
  );
  const node = [...graph.nodes.values()].find(({ op }) => op === "conv2d" || op === "depthwise_conv2d")!;
  const x = drawValues(seededRandom(1), "normal", elements(shape));
  const values = interpret({ graph, weights }, new Map([["x", tensor(shape, (at) => x[at]!)]]));
  const y = values.get("y")!;
  const kernelNode = graph.nodes.get(node.inputs[1]!)!;
  if (kernelNode.op !== "constant") return expect.fail();
  const kernel = weights.read(kernelNode.attributes.weight).data;
  const patch = convolutionShape(graph, node);
  const length = patchLength(patch);
  const all = positionCount(patch);
  const filters = channels(patch.output);
  const perGroup = filters / patch.groups;
  const positions = Array.from({ length: all }, (_, at) => all - 1 - at);
  for (let group = 0; group < patch.groups; group += 1) {
    const rows = patchRows(x, patch, positions, { group, into: new Float32Array(all * length).fill(7) });
    const wanted = responseRows(Float32Array.from(y.data), patch, positions, { group });
    expect([rows.length, wanted.length]).toEqual([all * length, all * perGroup]);
    for (let at = 0; at < all; at += 1)
      for (let f = 0; f < perGroup; f += 1) {
        let sum = 0;
        for (let k = 0; k < length; k += 1)
          sum += rows[at * length + k]! * kernel[k * filters + group * perGroup + f]!;
        expect(Math.abs(sum - wanted[at * perGroup + f]!)).toBeLessThan(1e-5);
      }
  }
}

describe("patches", () => {
  test.each([
    ["conv2d(x, filters=4, kernel=3x3)", [1, 6, 7, 3]],
    ["conv2d(x, filters=4, kernel=3x3, padding=same)", [1, 6, 7, 3]],
    ["conv2d(x, filters=4, kernel=2x4, padding=same, stride=2x3)", [1, 9, 8, 2]],
    ["conv2d(x, filters=4, kernel=3x3, padding=[3, 0, 1, 2], dilation=2x3)", [1, 9, 8, 2]],
    ["conv2d(x, filters=6, kernel=3x2, padding=same, groups=2)", [1, 5, 5, 4]],
    ["conv2d(x, filters=6, kernel=1x1, stride=2x2)", [1, 5, 5, 4]],
    ["conv2d(x, filters=2, kernel=5x1, padding=[2, 2, 0, 0])", [1, 3, 5, 3]],
    ["conv2d(x, filters=2, kernel=5x5, padding=same, stride=3x3, dilation=2x2)", [1, 3, 4, 1]],
    ["depthwise_conv2d(x, kernel=3x3, padding=same, multiplier=2, stride=2x2)", [1, 5, 6, 3]],
  ])("%s", (layer, shape) => checkPatches(layer, shape));

  test("only convolutions have patches", () => {
    const { graph } = moduleOf("net n { input x: f32[1, 4]\n y = relu(x)\n output y }");
    expect(() => convolutionShape(graph, inputNodes(graph)[0]!)).toThrow("x is not a convolution");
  });
});

describe("choosePositions", () => {
  test("all positions if there are few", () => {
    const choice = { samples: 3, positions: 4, most: 12, seed: 1 };
    for (let sample = 0; sample < 3; sample += 1)
      expect([...choosePositions(choice, sample)]).toEqual([0, 1, 2, 3]);
  });

  test.each([
    [10, 49, 100],
    [7, 5, 34],
    [100, 9, 30],
    [3, 1000, 1],
    [3, 10, 0],
  ])("%d samples of %d positions, %d in all", (samples, positions, most) => {
    const choice = { samples, positions, most, seed: 5 };
    const all = Array.from({ length: samples }, (_, sample) => choosePositions(choice, sample));
    expect(all.reduce((sum, { length }) => sum + length, 0)).toBe(most);
    const counts = all.map(({ length }) => length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    for (const [sample, chosen] of all.entries()) {
      expect(new Set(chosen).size).toBe(chosen.length);
      expect([...chosen]).toEqual([...chosen].sort((a, b) => a - b));
      expect(chosen.every((one) => one >= 0 && one < positions)).toBe(true);
      expect(choosePositions(choice, sample)).toEqual(chosen);
    }
  });

  test("every position of every sample can be chosen, and seeds differ", () => {
    const choice = { samples: 400, positions: 20, most: 2000, seed: 3 };
    const times = new Array<number>(20).fill(0);
    for (let sample = 0; sample < 400; sample += 1)
      for (const one of choosePositions(choice, sample)) times[one]! += 1;
    // 100 each, ± 9 by the binomial distribution.
    for (const count of times) expect(Math.abs(count - 100)).toBeLessThan(45);
    const other = { ...choice, seed: 4 };
    const differs = Array.from(
      { length: 400 },
      (_, sample) => `${choosePositions(choice, sample)}` !== `${choosePositions(other, sample)}`,
    );
    expect(differs.filter(Boolean).length).toBeGreaterThan(390);
  });
});
