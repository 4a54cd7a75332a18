// Gradients against central differences of the interpreter, in float64: each op on random shapes, and random nets.

import { describe, expect, test } from "vitest";
import { gradientModule } from "#gradient/gradient-module.js";
import { ruleOf } from "#gradient/rules/index.js";
import { interpretAll } from "#interpret/interpret.js";
import type { Node, NodeId, OpName } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { inferType, makeNode, opNames, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { createWeightStore } from "#weights/store.js";
import { randomModule } from "../random-graph.js";
import { scaled } from "../scale.js";

const withRule = opNames.filter((op) => op !== "input" && op !== "constant" && ruleOf(op));
const withoutRule = opNames.filter((op) => !ruleOf(op));

/** A net of one op whose operands are all inputs. */
function opNet(op: OpName, random: Random): Module {
  const { inputs, attributes } = opOf(op).sample(random);
  const type = inferType(op, inputs, attributes as never);
  if (isProblem(type)) throw new Error(type.problem);
  const nodes = new Map<NodeId, Node>();
  const add = (name: string, kind: OpName, of: readonly NodeId[], own: typeof type, values: object): void => {
    const id = nodes.size;
    const origin = { spans: [] };
    nodes.set(
      id,
      makeNode({
        id,
        position: id,
        name,
        op: kind,
        inputs: of,
        type: own,
        attributes: { ...values },
        origin,
      }),
    );
  };
  for (const [at, one] of inputs.entries()) add(`x${at}`, "input", [], one, {});
  add("y", op, [...inputs.keys()], type, attributes);
  const outputs = [{ name: "y", node: inputs.length }];
  const graph = { name: op, nodes, outputs, kernels: new Map(), nextId: nodes.size };
  return { graph, weights: createWeightStore() };
}

/** Values where the op is smooth; with `ties`, few different values, so that some are equal. */
function drawOperand(
  random: Random,
  op: OpName,
  at: number,
  { shape }: { shape: readonly number[] },
): Tensor {
  const operand = opOf(op).operands[Math.min(at, opOf(op).operands.length - 1)]!;
  if (operand.places) return tensor(shape, () => random.int(-9, 9));
  const positive = ["log", "sqrt", "rsqrt"].includes(op) || operand.name === "variance";
  return tensor(shape, () => {
    const value = random.normal();
    if (positive || (op === "pow" && at === 0)) return Math.abs(value) + 0.2;
    if (op === "acosh") return Math.abs(value) + 1.1;
    if (op === "atanh") return 0.95 * Math.tanh(value);
    if (op === "reciprocal" || (op === "div" && at === 1)) return value + Math.sign(value) * 0.3;
    return value;
  });
}

/**
 * The derivatives along a random direction of each wanted value, by the gradient and by central differences of L = Σ seed · y. The wanted
 * values are inputs of the module.
 */
function expectGradients(module: Module, inputs: Map<string, Tensor>, random: Random, name: string): void {
  const outputs = [...new Set(module.graph.outputs.map(({ node }) => node))];
  const wanted = inputNodes(module.graph).map(({ id }) => id);
  const { value, diagnostics } = gradientModule(module, { outputs, wanted });
  expect(diagnostics).toEqual([]);
  const { seeds, gradients, module: backward } = value!;
  const seedValues = new Map(
    seeds.map((seed, at) => [
      seed.name,
      tensor(nodeOf(module.graph, outputs[at]!).type.shape, () => random.normal()),
    ]),
  );
  const all = interpretAll(backward, new Map([...inputs, ...seedValues]));
  const loss = (values: Map<string, Tensor>): number => {
    const found = interpretAll(module, values);
    return outputs.reduce((sum, output, at) => {
      const seed = seedValues.get(seeds[at]!.name)!.data;
      return sum + found.get(output)!.data.reduce((part, y, index) => part + y * seed[index]!, 0);
    }, 0);
  };
  for (const [at, id] of wanted.entries()) {
    const input = inputs.get(nodeOf(module.graph, id).name)!;
    expect(nodeOf(backward.graph, gradients[at]!).type.shape).toEqual(input.shape);
    const gradient = all.get(gradients[at]!)!.data;
    const direction = Float64Array.from(gradient, () => random.normal());
    const moved = (by: number): number => {
      const data = input.data.map((x, index) => x + by * direction[index]!);
      return loss(new Map([...inputs, [nodeOf(module.graph, id).name, { shape: input.shape, data }]]));
    };
    const step = 1e-6;
    const difference = (moved(step) - moved(-step)) / (2 * step);
    const product = gradient.reduce((sum, g, index) => sum + g * direction[index]!, 0);
    const size = gradient.reduce((sum, g, index) => sum + Math.abs(g * direction[index]!), 0);
    expect(
      Math.abs(product - difference),
      `${name}, ${nodeOf(module.graph, id).name}: ${product}, not ${difference}`,
    ).toBeLessThanOrEqual(1e-5 * (1 + size));
  }
}

describe("each op", () => {
  test.each(withRule)("%s", (op) => {
    const count = scaled(40);
    let checked = 0;
    for (let seed = 0; seed < count; seed += 1) {
      const random = seededRandom(seed * 7919 + 3);
      const module = opNet(op, random);
      const name = `seed ${seed} ${JSON.stringify(module.graph.nodes.get(module.graph.outputs[0]!.node))} of ${inputNodes(
        module.graph,
      )
        .map(({ type }) => `[${type.shape.join()}]`)
        .join(" ")}`;
      const inputs = new Map(
        inputNodes(module.graph).map((node, at) => [node.name, drawOperand(random, op, at, node.type)]),
      );
      if (
        [...interpretAll(module, inputs).values()].some(({ data }) => data.some((x) => !Number.isFinite(x)))
      )
        continue;
      const places = opOf(op).operands.some(({ places: is }) => is);
      if (places) expectGradients(withConstantPlaces(module, inputs), inputs, random, name);
      else expectGradients(module, inputs, random, name);
      checked += 1;
    }
    expect(checked).toBeGreaterThan(count / 2);
  });
});

describe("ties and kinks", () => {
  /** ∂(Σ y)/∂x of an op of one operand at given points. */
  const slopes = (op: OpName, places: readonly number[], attributes: object = {}): number[] => {
    const shape = [places.length];
    const module = chain([{ op, shape, attributes }], shape);
    const { value } = gradientModule(module, { outputs: [1], wanted: [0], seeds: "ones" });
    const x = { shape, data: Float64Array.from(places) };
    return [...interpretAll(value!.module, new Map([["x", x]])).get(value!.gradients[0]!)!.data];
  };

  test("relu has slope 0 at 0, and so have other ops that are flat below", () => {
    expect(slopes("relu", [-1, 0, 1])).toEqual([0, 0, 1]);
    expect(slopes("relu6", [-1, 0, 3, 7])).toEqual([0, 0, 1, 0]);
    expect(slopes("leaky_relu", [-1, 0, 1], { alpha: 0.25 })).toEqual([0.25, 0.25, 1]);
  });

  test.each([
    ["sigmoid", 0.25],
    ["silu", 0.5],
    ["softplus", 0.5],
    ["mish", 0.6],
    ["gelu", 0.5],
    ["elu", 1],
    ["atan", 1],
    ["asinh", 1],
    ["atanh", 1],
    ["sinh", 1],
    ["cosh", 0],
  ] as const)("%s is smooth at 0, whatever pieces it is written in", (op, slope) => {
    const attributes = op === "elu" ? { alpha: 1 } : {};
    for (const found of slopes(op, [0, -1e-9, 1e-9], attributes)) expect(found).toBeCloseTo(slope, 6);
  });

  test("sinh and asinh are right where their pieces meet", () => {
    for (const at of [-1, 1]) expect(slopes("sinh", [at])[0]).toBeCloseTo(Math.cosh(1), 6);
  });

  test("equal maxima share the gradient, in pools, reductions and ops of two operands", () => {
    const x = { shape: [1, 2, 2, 1], data: Float64Array.of(3, 3, 1, 3) };
    const third = Math.fround(1 / 3);
    for (const [op, shape, attributes] of [
      ["max_pool", [1, 1, 1, 1], { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], padding: [0, 0, 0, 0] }],
      ["global_max_pool", [1, 1], { keepdims: false }],
      ["reduce_max", [], { axes: [], keepdims: false }],
    ] as const) {
      const { value } = gradientModule(chain([{ op, shape, attributes }], x.shape), {
        outputs: [1],
        wanted: [0],
        seeds: "ones",
      });
      const gradient = interpretAll(value!.module, new Map([["x", x]])).get(value!.gradients[0]!)!;
      for (const [at, share] of [third, third, 0, third].entries())
        expect(gradient.data[at]).toBeCloseTo(share, 6);
    }
    const both = chain([{ op: "max", shape: [2], attributes: {}, inputs: [0, 0] }], [2]);
    const { value } = gradientModule(both, { outputs: [1], wanted: [0], seeds: "ones" });
    const of = { shape: [2], data: Float64Array.of(1, -2) };
    expect([...interpretAll(value!.module, new Map([["x", of]])).get(value!.gradients[0]!)!.data]).toEqual([
      1, 1,
    ]);
  });
});

describe("nets", () => {
  test("random nets, by inputs and weights", () => {
    const count = scaled(120);
    let checked = 0;
    for (let seed = 0; seed < count; seed += 1) {
      const random = seededRandom(seed * 104_729 + 11);
      const module = withInputs(randomModule(random, { without: withoutRule }));
      // Weights of 0 and ½ make values of exactly 0, where activations have kinks; other weights do not.
      const nudged = (w: number): number => (w === 0 ? random.normal() : w * (1 + 0.02 * random.next()));
      const inputs = new Map(
        inputNodes(module.graph).map(({ name, type }) => {
          const weight = weightValues.get(name);
          return [name, tensor(type.shape, (at) => (weight ? nudged(weight.data[at]!) : random.normal()))];
        }),
      );
      const values = [...interpretAll(module, inputs).values()];
      if (values.some(({ data }) => data.some((x) => !(Math.abs(x) < 1e4)))) continue;
      expectGradients(module, inputs, random, `seed ${seed}`);
      checked += 1;
    }
    expect(checked).toBeGreaterThan((2 * count) / 3);
  });

  test.each(withoutRule)("a gradient through %s is an error that names the op", (op) => {
    const random = seededRandom(5);
    const module = opNet(op, random);
    const wanted = inputNodes(module.graph).filter((_, at) => !opOf(op).operands[at]!.places);
    const { value, diagnostics } = gradientModule(module, {
      outputs: [module.graph.outputs[0]!.node],
      wanted: wanted.map(({ id }) => id),
    });
    expect(value).toBeUndefined();
    expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      `no-gradient: \`y\`: ${op} has no gradient${opOf(op).integers === "converts" ? ", since its values are integers" : ""}`,
    ]);
  });

  test("a value without effect has a gradient of zeros, and the outputs are unchanged", () => {
    const module = chain([{ op: "relu", shape: [3], attributes: {} }], [3]);
    const { value } = gradientModule(module, { outputs: [0], wanted: [1], seeds: "ones" });
    const x = { shape: [3], data: Float64Array.of(1, -1, 2) };
    const all = interpretAll(value!.module, new Map([["x", x]]));
    expect([...all.get(value!.gradients[0]!)!.data]).toEqual([0, 0, 0]);
    expect(value!.module.graph.outputs).toEqual(module.graph.outputs);
  });
});

interface Link {
  readonly op: OpName;
  readonly shape: readonly number[];
  readonly attributes: object;
  readonly inputs?: readonly NodeId[];
}

/** Ops one after another over an input `x`. */
function chain(links: readonly Link[], shape: readonly number[]): Module {
  const origin = { spans: [] };
  const nodes = new Map<NodeId, Node>();
  const base = { position: 0, type: { dtype: "f32", shape }, origin } as const;
  nodes.set(0, makeNode({ ...base, id: 0, name: "x", op: "input", inputs: [], attributes: {} }));
  for (const { op, shape: own, attributes, inputs } of links) {
    const id = nodes.size;
    const type = { dtype: "f32", shape: own } as const;
    nodes.set(
      id,
      makeNode({
        id,
        position: id,
        name: op,
        op,
        inputs: inputs ?? [id - 1],
        type,
        attributes: { ...attributes },
        origin,
      }),
    );
  }
  const last = nodes.size - 1;
  const outputs = [{ name: "y", node: last }];
  return {
    graph: { name: "chain", nodes, outputs, kernels: new Map(), nextId: nodes.size },
    weights: createWeightStore(),
  };
}

/** Values of the weights that became inputs, by name. */
const weightValues = new Map<string, Tensor>();

/** The module with its weights as inputs. */
function withInputs(module: Module): Module {
  weightValues.clear();
  const nodes = new Map(module.graph.nodes);
  for (const node of module.graph.nodes.values()) {
    if (node.op !== "constant") continue;
    weightValues.set(node.name, module.weights.read(node.attributes.weight));
    nodes.set(node.id, makeNode({ ...node, op: "input", attributes: {} }));
  }
  return { ...module, graph: { ...module.graph, nodes } };
}

/** Turns indices into constants, because differences along them do not exist. */
function withConstantPlaces(module: Module, inputs: ReadonlyMap<string, Tensor>): Module {
  const nodes = new Map(module.graph.nodes);
  const y = nodes.get(module.graph.outputs[0]!.node)!;
  for (const [at, id] of y.inputs.entries()) {
    if (!opOf(y.op).operands[at]!.places) continue;
    const node = nodes.get(id)!;
    const data = Float32Array.from(inputs.get(node.name)!.data);
    const weight = module.weights.add(node.name, node.type, { kind: "literal", data });
    nodes.set(id, makeNode({ ...node, op: "constant", attributes: { weight } }));
  }
  return { ...module, graph: { ...module.graph, nodes } };
}
