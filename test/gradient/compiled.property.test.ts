// Gradients on compiled modules against the interpreter's, and the properties of gradient modules.

import { expect, test } from "vitest";
import { openProbes } from "#calibrate/probes.js";
import { elaborate } from "#elaborate/elaborate.js";
import { gradientModule } from "#gradient/gradient-module.js";
import { ruleOf } from "#gradient/rules/index.js";
import { parse } from "#grammar/reading/parse.js";
import { interpretAll } from "#interpret/interpret.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { opNames } from "#ops/index.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { expectClose, sizeOf } from "../close.js";
import { randomModule } from "../random-graph.js";
import { scaled } from "../scale.js";

const net = `net small {
  input image: f32[1, 13, 11, 3]
  a = conv2d(image, filters=8, kernel=3x3, padding=same)
  n = relu(batch_norm(a))
  d = depthwise_conv2d(n, kernel=3x3, stride=2, padding=same, multiplier=2)
  e = conv2d(d, filters=12, kernel=1x1, groups=2)
  s = conv2d(n, filters=12, kernel=1x1, stride=2)
  r = relu6(e + s)
  g = conv2d(r, filters=6, kernel=3x3, stride=2, dilation=2, padding=[1, 2, 0, 2])
  u = conv2d_transpose(g, filters=4, kernel=3x3, stride=2)
  p = max_pool(u, kernel=3x3, stride=2, padding=[1, 1, 1, 1])
  q = avg_pool(p, kernel=2x2, stride=1, padding=same)
  z = resize(q * sigmoid(q), size=[7, 5], method=bilinear)
  h = global_avg_pool(z)
  y = softmax(dense(h, units=5))
  output y
}`;

/** All constants as parameters of a compiled gradient: they become its inputs. */
async function expectCompiled(module: Module, random: Random, name: string): Promise<void> {
  const { graph, weights } = module;
  const parameters = [...graph.nodes.values()].filter(
    (node) => node.op === "constant" && weights.entries.get(node.attributes.weight)!.source.kind !== "absent",
  );
  const outputs = [...new Set(graph.outputs.map(({ node }) => node))].filter(
    (id) => nodeOf(graph, id).op !== "input",
  );
  const wanted = [...inputNodes(graph), ...parameters].map(({ id }) => id);
  const { value } = gradientModule(module, { outputs, wanted });
  const { module: backward, seeds, gradients } = value!;
  const sample: Record<string, Float32Array> = {};
  for (const { name: input, type } of inputNodes(backward.graph))
    sample[input] = Float32Array.from(tensor(type.shape, () => random.normal()).data);
  const inputs = new Map(
    inputNodes(backward.graph).map((node) => [
      node.name,
      tensor(node.type.shape, (at) => sample[node.name]![at]!),
    ]),
  );
  const reference = interpretAll(backward, inputs);
  for (const node of parameters)
    if (node.op === "constant") sample[node.name] = weights.readF32(node.attributes.weight);
  const { value: taps, diagnostics } = await openProbes(backward, [...outputs, ...gradients], {
    from: parameters.map(({ id }) => id),
  });
  expect(diagnostics).toEqual([]);
  const found = await taps!.run(sample);
  taps!.dispose();
  expect(found.size).toBeGreaterThan(0);
  for (const [id, values] of found) {
    const { data } = reference.get(id)!;
    const what = `${name}: ${nodeOf(backward.graph, id).name} of ${seeds.length} outputs`;
    expectClose(values, data, 1e-4 * sizeOf(data, 1e-3), what);
  }
}

test("a net of windows, groups, strides and dilations", async () => {
  const module = elaborate(parse(net, "test.net").value!).value!;
  await expectCompiled(module, seededRandom(3), "small");
});

test("random nets", async () => {
  const without = opNames.filter((op) => !ruleOf(op));
  for (let seed = 0; seed < scaled(25); seed += 1) {
    const random = seededRandom(seed * 6151 + 1);
    await expectCompiled(randomModule(random, { without, size: 8 }), random, `seed ${seed}`);
  }
});

test("an open batch is 1", async () => {
  const text = `net open { input x: f32[N, 4]\n y = dense(x, units=2)\n output y }`;
  const module = elaborate(parse(text, "test.net").value!).value!;
  await expectCompiled(module, seededRandom(4), "open");
});
