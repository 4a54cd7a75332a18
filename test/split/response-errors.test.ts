// Response errors of a split network against those of the interpreter's values, and against those that the fit has found.

import { expect, test } from "vitest";
import { samplesOf } from "#calibrate/samples.js";
import { openProbes } from "#calibrate/probes.js";
import { optimize } from "#compile/optimize.js";
import { targetOf } from "#compile/targets.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { interpretAll } from "#interpret/interpret.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { probesForRows } from "#split/gather-rows.js";
import { responseErrors, probesForResponses } from "#split/response-errors.js";
import { fitWithin } from "#split/split-network.js";
import { tryNetwork } from "#split/try-network.js";

const { target } = targetOf("wasm");

/** An activation after a layer, after a sum, none after a sum, none after a layer; groups. */
const text = `
net small {
  input x: f32[N, 6, 6, 4]
  a = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu
  b = relu(a + conv2d(a, filters=8, kernel=3x3, padding=same))
  c = b + conv2d(b, filters=8, kernel=3x3, padding=same)
  d = conv2d(c, filters=8, kernel=3x3, groups=2) |> relu
  e = conv2d(d, filters=6, kernel=3x3) |> sigmoid
  output y = e |> global_avg_pool |> dense(units=3)
}`;

test("response errors of each kind of layer", async () => {
  const elaborated = elaborate(parse(text, "small.net").value!).value!;
  const module = optimize(elaborated, { stopAfter: "split" }).value!.module;
  const random = seededRandom(4);
  const list = Array.from({ length: 10 }, () => ({
    x: Float32Array.from({ length: 144 }, () => random.normal()),
  }));
  const samples = samplesOf(list);
  const tried = (await tryNetwork(module, samples, { target, veto: false })).value!;
  const plan = (await fitWithin(tried, { kind: "macs", share: 0.12 })).value!;
  const layers = tried.layers.filter(({ candidate }) => plan.layers.has(candidate.node.name));
  expect(layers.length).toBe(5);
  const split: Module = optimize(module, {
    passes: ["split"],
    split: { mode: "factors", layers: plan.layers },
  }).value!.module;
  const current = (await openProbes(split, probesForResponses(layers))).value!;
  const wanted = layers.flatMap(({ candidate, around }) => probesForRows(candidate, around).original);
  const original = (await openProbes(module, wanted)).value!;
  const errors = await responseErrors(layers, { original, current }, samples);
  for (const { candidate, around } of layers) {
    const { node, groups, shape } = candidate;
    const fitted = plan.planned.find((one) => one.candidate.node.name === node.name)!.responseError!;
    const found = errors.get(node.name)!;
    // The fit saw the same positions of the same samples, in f32.
    expect(Math.abs(found / fitted - 1), node.name).toBeLessThan(1e-3);
    const own = shape[3]! / groups;
    const pairs: [wanted: number, now: number, channel: number][] = [];
    for (const { x } of list) {
      const inputs = new Map([["x", { shape: [1, 6, 6, 4], data: Float64Array.from(x) }]]);
      const [before, now] = [module, split].map((one) => interpretAll(one, inputs));
      const { sum } = around;
      const wanted = before!.get(sum?.node ?? node.id)!.data;
      const response = now!.get(node.id)!.data;
      for (const [index, y] of [...wanted].entries()) {
        const beside = sum ? now!.get(sum.shortcut)!.data[index]! : 0;
        const channel = index % shape[3]!;
        if (around.relu) pairs.push([Math.max(0, y), Math.max(0, response[index]! + beside), channel]);
        else pairs.push([y - beside, response[index]!, channel]);
      }
    }
    let expected = 0;
    for (let group = 0; group < groups; group += 1) {
      const mine = pairs.filter(([, , channel]) => Math.floor(channel / own) === group);
      let [lost, variance] = [0, 0];
      for (let channel = group * own; channel < (group + 1) * own; channel += 1) {
        const column = mine.filter(([, , one]) => one === channel);
        const mean = column.reduce((total, [wanted]) => total + wanted, 0) / column.length;
        for (const [wanted, now] of column) {
          lost += (wanted - now) ** 2;
          variance += (wanted - mean) ** 2;
        }
      }
      expected += lost / variance / groups;
    }
    expect(Math.abs(found / expected - 1), node.name).toBeLessThan(1e-4);
  }
  current.dispose();
  tried.dispose();
});
