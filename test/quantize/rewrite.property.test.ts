// Nets of integers against the f32 nets that they were made of: each value is the rounded result of its op on the values before it, for
// random nets with all ops.

import { describe, expect, test } from "vitest";
import { samplesOf } from "#calibrate/samples.js";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { printGraph } from "#inspect/lift.js";
import { interpretAll } from "#interpret/interpret.js";
import { sameGraph } from "#ir/compare.js";
import type { Node, NodeId } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { drawValues } from "#ops/distributions.js";
import { evalNode } from "#ops/index.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { collectStatistics, createStepFinder } from "#quantize/find-steps.js";
import { highestOf, isMove } from "#quantize/plan.js";
import type { Quantization } from "#quantize/rewrite.js";
import { withIntegers } from "#quantize/rewrite.js";
import type { Step } from "#quantize/steps.js";
import { integerOf } from "#quantize/steps.js";
import { randomModule } from "../random-graph.js";
import { scaled } from "../scale.js";

function drawSample(module: Module, random: Random): Record<string, Float32Array> {
  return Object.fromEntries(
    inputNodes(module.graph).map(({ name, type }) => [
      name,
      drawValues(random, "normal", elements(type.shape)),
    ]),
  );
}

async function quantized(base: Module, random: Random): Promise<Quantization> {
  const samples = samplesOf(Array.from({ length: 4 }, () => drawSample(base, random)));
  const { value } = await collectStatistics(base, samples, {});
  return createStepFinder(base, value!, random.pick(["squares", "extremes"])).find(new Set());
}

/** The integers of the net that are not those that its op gives on the values before, and the number of all. */
function compare(
  base: Module,
  quantization: Quantization,
  sample: Record<string, Float32Array>,
): { readonly off: number; readonly all: number } {
  const { graph, weights } = base;
  const { plan, steps, layers } = quantization;
  const { module } = withIntegers(base, quantization);
  const inputs = new Map(
    inputNodes(graph).map(({ name, type }) => [name, tensor(type.shape, (at) => sample[name]![at]!)]),
  );
  const found = interpretAll(module, inputs);
  const stepOf = (id: NodeId) => steps.get(plan.groups.get(id) ?? -1);
  const isSource = (id: NodeId): boolean => ["input", "constant"].includes(nodeOf(graph, id).op);
  const byId = new Map(plan.layers.map((layer) => [layer.id, layer]));

  const integers = ({ shape, data }: Tensor, step: Step, id: NodeId): Tensor => ({
    shape,
    data: data.map((x) => Math.min(Math.max(integerOf(x, step), 0), highestOf(plan, id))),
  });
  const real = ({ shape, data }: Tensor, step: Step): Tensor => ({
    shape,
    data: data.map((q) => step.scale * (q - step.zero)),
  });
  /** The value that a node reads: that of an input itself, unless the node is an integer. */
  const read = (id: NodeId, reader: Node): Tensor => {
    const node = nodeOf(graph, id);
    const step = stepOf(id);
    if (plan.carried.has(id)) return compute(id);
    const value = node.op === "constant" ? weights.read(node.attributes.weight) : found.get(id)!;
    if (!step) return value;
    if (!isSource(id)) return real(value, step);
    const isInteger = stepOf(reader.id) !== undefined || plan.carried.has(reader.id) || byId.has(reader.id);
    const isRead = isInteger && (node.op === "input" || isMove(reader));
    return isRead ? real(integers(value, step, id), step) : value;
  };
  /** What the op of a node gives on the values before it; of a layer, with its weights and bias as rounded. */
  const compute = (id: NodeId): Tensor => {
    const node = nodeOf(graph, id);
    const operands = node.inputs.map((input) => read(input, node));
    const layer = byId.get(id);
    if (layer) {
      const { integers: rounded, scales, bias } = layers.get(id)!;
      const { scale } = stepOf(layer.inputs[0]!)!;
      operands[1] = {
        shape: operands[1]!.shape,
        data: Float64Array.from(rounded, (w, at) => w * scales[at % scales.length]!),
      };
      operands[2] = {
        shape: operands[2]!.shape,
        data: Float64Array.from(scales, (one, at) => Math.round(bias[at]! / (one * scale)) * one * scale),
      };
    }
    return evalNode(node, operands);
  };

  let [off, all] = [0, 0];
  for (const node of topological(graph)) {
    const step = stepOf(node.id);
    if (isSource(node.id) || plan.carried.has(node.id)) continue;
    if (!found.has(node.id)) continue;
    if (!step) continue;
    const wanted = integers(compute(node.id), step, node.id).data;
    const own = found.get(node.id)!.data;
    for (const [at, integer] of wanted.entries()) {
      all += 1;
      if (integer === own[at]) continue;
      off += 1;
      expect(Math.abs(integer - own[at]!), `${node.name}\n${printGraph(module)}`).toBeLessThanOrEqual(1);
    }
  }
  return { off, all };
}

/** A net with layers and its quantization, and a source of numbers for what else is drawn. */
interface Drawn {
  readonly base: Module;
  readonly quantization: Quantization;
  readonly random: Random;
}

/** So many random nets with layers, always the same ones: three of four random nets have none. */
async function* drawnNets(count: number): AsyncGenerator<Drawn> {
  for (let [seed, found] = [0, 0]; found < count; seed += 1) {
    expect(seed, "nets with layers are rare").toBeLessThan(20 * count + 20);
    const random = seededRandom(seed);
    const base = optimize(randomModule(random), { stopAfter: "split" }).value!.module;
    const quantization = await quantized(base, random);
    if (quantization.plan.layers.length === 0) continue;
    found += 1;
    yield { base, quantization, random };
  }
}

describe("random nets", () => {
  test("each integer is the rounded result of its op, up to ties", async () => {
    let [off, all] = [0, 0];
    for await (const { base, quantization, random } of drawnNets(scaled(60))) {
      const counts = compare(base, quantization, drawSample(base, random));
      off += counts.off;
      all += counts.all;
    }
    expect(off / all).toBeLessThan(0.001);
  }, 120_000);

  test("the net is valid, and the same after printing and reading", async () => {
    for await (const { base, quantization } of drawnNets(scaled(60))) {
      const { module } = withIntegers(base, quantization);
      const text = printGraph(module);
      expect(verify(module), text).toEqual([]);
      const again = elaborate(parse(text, "dump.net").value!, { store: module.weights });
      expect(sameGraph(module, again.value!), text).toBeUndefined();
    }
  }, 120_000);
});
