// Which ops make infinities and NaN of finite operands, and which hide them: the declaration of each op against its meaning.

import { describe, expect, test } from "vitest";
import type { OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { nodeOf, operands } from "#ir/graph.js";
import { evalNode, opOf } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import { computingOps, opSample } from "../op-module.js";

const sizes = [1e-3, 0.1, 0.5, 1, 1.5, 2, 3, 10, 100];
const positive = sizes;
const all = [0, -0, ...sizes, ...sizes.map((size) => -size)];
const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Whether results of the op are finite in f32 with operands drawn from some values, the last one from others. */
function staysFinite(op: OpName, values: readonly number[], last = values): boolean {
  for (let seed = 0; seed < 200; seed += 1) {
    const { module, inputs } = opSample(op, seed);
    const { graph, weights } = module;
    const node = nodeOf(graph, graph.outputs[0]!.node);
    // An infinite pad, by its attribute.
    if (node.op === "pad" && !Number.isFinite(node.attributes.value)) continue;
    const random = seededRandom(seed);
    const own = operands(graph, node).map((one, at, { length }): Tensor => {
      if (one.op === "constant") return weights.read(one.attributes.weight);
      const from = at === length - 1 ? last : values;
      return opOf(op).operands[at]?.places
        ? inputs.get(one.name)!
        : { shape: one.type.shape, data: inputs.get(one.name)!.data.map(() => random.pick(from)) };
    });
    if (!evalNode(node, own).data.every((value) => Number.isFinite(Math.fround(value)))) return false;
  }
  return true;
}

describe("of finite operands", () => {
  test.each(computingOps)("%s", (op) => {
    const { nonFinite } = opOf(op);
    const isMaking = nonFinite === "near zero" || nonFinite === "elsewhere";
    expect(staysFinite(op, all)).toBe(!isMaking);
    // With a last operand away from zero, only ops that make them elsewhere do.
    if (isMaking) expect(staysFinite(op, all, positive)).toBe(nonFinite === "near zero");
  });
});

describe("of operands that are not finite", () => {
  test.each(computingOps)("%s", (op) => {
    expect(staysFinite(op, [...all, ...special])).toBe(opOf(op).nonFinite === "never");
  });
});
