// The .tflite files of 8-bit integers that the bench writes, run by LiteRT.js in Chromium. The operands of an op are rounded to what their
// integers stand for, so that the interpreter gives what only the result's own rounding may change.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quantizationOf, rangeOf, sharedRanges, symmetric, toIntegers } from "../../bench/tflite/integers.js";
import type { Quantization, Ranges } from "../../bench/tflite/integers.js";
import { inIntegers, onlyMove } from "../../bench/tflite/operators.js";
import { toTflite } from "../../bench/tflite/to-tflite.js";
import { interpret } from "#interpret/interpret.js";
import type { NodeId, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import type { OpSample } from "../op-module.js";
import { opSample, randomInputs } from "../op-module.js";
import { seedsFor } from "../scale.js";
import { hasChromium } from "../web/chromium.js";
import type { LiteRt } from "./litert.js";
import { openLiteRt } from "./litert.js";

/** How many steps of the result an operator may be off: its rounding, and that of its factors. */
const stepsOff = 1.1;

/** Steps of the sigmoid, 1/256, which the product rounds again. */
const siluOff = 1 / 256;

const withWeights: ReadonlySet<OpName> = new Set(["conv2d", "depthwise_conv2d", "dense"]);

function realOf(values: Float32Array, quantization: Quantization): Float32Array {
  const integers = toIntegers(values, quantization);
  const { scales, zero } = quantization;
  return Float32Array.from(integers, (q, at) => (q - zero) * (scales[at % scales.length] ?? 1));
}

function rangesOf(module: Module, inputs: ReadonlyMap<string, Tensor>): Ranges {
  const ranges = new Map<NodeId, ReturnType<typeof rangeOf>>();
  interpret(module, inputs, (id, { data }) => {
    if (nodeOf(module.graph, id).op !== "constant") ranges.set(id, rangeOf(Float32Array.from(data)));
  });
  return ranges;
}

/** The op with weights and inputs that integers stand for, and the ranges of all values. */
function onSteps(
  { graph, weights }: Module,
  inputs: ReadonlyMap<string, Tensor>,
): { module: Module; inputs: ReadonlyMap<string, Tensor>; ranges: Ranges } {
  const y = nodeOf(graph, graph.outputs[0]!.node);
  const nodes = new Map(graph.nodes);
  for (const [at, id] of y.inputs.entries()) {
    const node = nodeOf(graph, id);
    if (node.op !== "constant" || (withWeights.has(y.op) && at === 2)) continue;
    const values = weights.readF32(node.attributes.weight);
    const places = y.op === "depthwise_conv2d" ? node.type.shape.slice(-2) : node.type.shape.slice(-1);
    const quantization = withWeights.has(y.op)
      ? symmetric(
          values,
          0,
          places.reduce((all, one) => all * one, 1),
          1,
        )
      : quantizationOf(rangeOf(values));
    const weight = weights.add(`${node.name}.steps`, node.type, {
      kind: "literal",
      data: realOf(values, quantization),
    });
    nodes.set(id, makeNode({ ...node, attributes: { weight } }));
  }
  const module = { graph: { ...graph, nodes }, weights };
  const rounded = (ranges: Ranges): Map<string, Tensor> =>
    new Map(
      [...inputs].map(([name, { shape, data }]) => {
        const { id } = [...nodes.values()].find((node) => node.name === name)!;
        const values = realOf(Float32Array.from(data), quantizationOf(ranges.get(id)!));
        return [name, { shape, data: Float64Array.from(values) }];
      }),
    );
  const before = sharedRanges(module.graph, rangesOf(module, inputs));
  const given = rounded(before);
  // The ranges of the inputs stay those by which they were rounded.
  const after = new Map(rangesOf(module, given));
  for (const id of y.inputs) if (before.has(id)) after.set(id, before.get(id)!);
  return { module, inputs: given, ranges: after };
}

/** A sample of a move, which is written in integers only if it gets some: a leaky relu before it rounds its operands once more. */
function withIntegers(sample: OpSample): OpSample {
  const { graph, weights } = sample.module;
  const y = nodeOf(graph, graph.outputs[0]!.node);
  if (!onlyMove.has(y.op)) return sample;
  const nodes = new Map(graph.nodes);
  let { nextId } = graph;
  const inputs = y.inputs.map((of) => {
    const { type, origin } = nodeOf(graph, of);
    const id = nextId++;
    const attributes = { alpha: 0.5 };
    nodes.set(
      id,
      makeNode({
        id,
        name: `leaky${id}`,
        op: "leaky_relu",
        inputs: [of],
        type,
        attributes,
        position: id,
        origin,
      }),
    );
    return id;
  });
  nodes.set(y.id, makeNode({ ...y, inputs }));
  return { ...sample, module: { graph: { ...graph, nodes, nextId }, weights } };
}

describe.skipIf(!hasChromium)("LiteRT.js", () => {
  let litert: LiteRt;
  beforeAll(async () => void (litert = await openLiteRt()), 60_000);
  afterAll(() => litert?.close());

  test.each([...inIntegers])("%s", async (op) => {
    let written = 0;
    for (const seed of seedsFor(8)) {
      const sample = withIntegers(opSample(op, seed));
      const drawn = randomInputs(sample.module, seededRandom(seed));
      const { module, inputs, ranges } = onSteps(sample.module, drawn);
      let file: Uint8Array;
      try {
        file = toTflite(module, ranges);
      } catch (cause) {
        expect((cause as Error).message).toMatch(/^not written as \.tflite: [\w.]+, \w+: its? /);
        continue;
      }
      written += 1;
      const [actual] = await litert.run(file, module, inputs);
      const wanted = interpret(module, inputs).get("y")!.data;
      const y = nodeOf(module.graph, module.graph.outputs[0]!.node);
      const shared = sharedRanges(module.graph, ranges).get(y.id)!;
      const [own = 1] = quantizationOf(shared).scales;
      const step = op === "softmax" || op === "sigmoid" ? 1 / 256 : op === "tanh" ? 1 / 128 : own;
      const x = inputs.get("x0")!.data;
      for (const [at, value] of actual!.entries()) {
        const more = op === "silu" ? siluOff * Math.abs(x[at]!) : 0;
        // A result of f32 would not be a whole number of steps.
        if (Number.isFinite(value))
          expect(Math.abs(value / step - Math.round(value / step))).toBeLessThan(1e-3);
        const off = value === wanted[at] ? 0 : Math.abs(value - wanted[at]!);
        expect(off, `${sample.name}: element ${at} is ${value} instead of ${wanted[at]}`).toBeLessThan(
          (onlyMove.has(op) ? 2 : 1) * stepsOff * step + more,
        );
      }
    }
    expect(written).toBeGreaterThan(0);
  });
});
