// Breaks each constraint of `verify` once, which must name it; changes each part of a graph once, which `sameGraph` must see.

import { makePlan } from "#template/plan.js";
import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { sameGraph } from "#ir/compare.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import type { Constraint } from "#ops/verify.js";
import { constraints, verify } from "#ops/verify.js";

const text = `net m {
  input x: f32[N, 4, 4, 2]
  a = conv2d(x, filters=2, kernel=3x3, padding=same)
  b = relu(a)
  c = sigmoid(a)
  d = b + c
  e = d * 2
  output e
}`;

function sound(): Module {
  const ast = parse(text, "m.net").value;
  const module = ast && elaborate(ast).value;
  if (!module) throw new Error("the net of this test is wrong");
  return module;
}

/** The module with nodes changed by name; `undefined` deletes one. */
function edit(changes: Readonly<Record<string, object | undefined>>, graph: Partial<Graph> = {}): Module {
  const module = sound();
  const nodes = new Map<NodeId, Node>();
  for (const [id, node] of module.graph.nodes) {
    if (!(node.name in changes)) nodes.set(id, node);
    else if (changes[node.name]) nodes.set(id, makeNode({ ...node, ...changes[node.name] }));
  }
  return { ...module, graph: { ...module.graph, nodes, ...graph } };
}

const id = (name: string): NodeId => [...sound().graph.nodes.values()].find((node) => node.name === name)!.id;
const conv = { stride: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1 };
const kernels = new Map(["k1", "k2"].map((name) => [name, makePlan("elementwise")] as const));

const broken: readonly [Constraint, string, Module][] = [
  ["form", "no origin", edit({ b: { origin: undefined } })],
  ["ids", "another id", edit({ b: { id: 99 } })],
  ["ids", "an id that is not below nextId", edit({}, { nextId: 3 })],
  ["operands", "an operand that is not there", edit({ b: { inputs: [99] } })],
  ["operands", "an operand too few", edit({ d: { inputs: [id("b")] } })],
  ["operands", "an op that does not exist", edit({ b: { op: "rleu" } })],
  ["acyclic", "a cycle", edit({ b: { inputs: [id("e")] } })],
  ["names", "two nodes of a name", edit({ b: { name: "c" } })],
  ["names", "two outputs of a name", edit({}, { outputs: [0, 1].map(() => ({ name: "e", node: id("e") })) })],
  ["outputs", "no output", edit({}, { outputs: [] })],
  ["outputs", "an output that is not there", edit({ e: undefined })],
  ["types", "a type that is not inferred", edit({ b: { type: { dtype: "f32", shape: [1, 4, 4, 3] } } })],
  ["types", "an empty type", edit({ x: { type: { dtype: "f32", shape: [1, 0, 4, 2] } } })],
  ["attributes", "padding that is not normal", edit({ a: { attributes: { ...conv, padding: "same" } } })],
  ["attributes", "an attribute of another kind", edit({ a: { attributes: { ...conv, groups: "one" } } })],
  ["attributes", "an attribute that is unknown", edit({ b: { attributes: { alpha: 1 } } })],
  ["attributes", "an attribute too few", edit({ a: { attributes: { ...conv, groups: undefined } } })],
  ["weights", "an entry that is not there", edit({ "a.conv2d.bias": { attributes: { weight: "none" } } })],
  [
    "weights",
    "an entry of another type",
    edit({ "a.conv2d.bias": { attributes: { weight: "a.conv2d.kernel" } } }),
  ],
  ["kernels", "a kernel without a label", edit({ b: { kernel: "k9" } })],
  ["kernels", "a constant in a kernel", edit({ "a.conv2d.bias": { kernel: "k1" } }, { kernels })],
  ["one result", "two results", edit({ b: { kernel: "k1" }, c: { kernel: "k1" } }, { kernels })],
  [
    "convex",
    "a path that comes back",
    edit({ a: { kernel: "k1" }, b: { kernel: "k1" }, d: { kernel: "k1" } }, { kernels }),
  ],
  [
    "batch",
    "an op that mixes it",
    edit({ e: { op: "softmax", inputs: [id("d")], attributes: { axis: -4 } } }),
  ],
  ["batch", "an output without it", edit({}, { outputs: [{ name: "w", node: id("a.conv2d.bias") }] })],
];

describe("verify", () => {
  test("finds nothing in a valid module", () => expect(verify(sound())).toEqual([]));
  test.each(broken)("%s: %s", (label, _, module) => {
    const labels = verify(module).map((message) => message.slice(0, message.indexOf(":")));
    expect(labels.length).toBeGreaterThan(0);
    // A path that leaves the kernel also makes a kernel with two results.
    if (label === "convex") expect(labels).toEqual(["one result", "convex"]);
    else expect(new Set(labels)).toEqual(new Set([label]));
  });
  test("this test breaks every constraint", () => {
    expect([...new Set(broken.map(([label]) => label))]).toEqual(Object.keys(constraints));
  });
});

const different: readonly [string, Module][] = [
  ["the name", edit({}, { name: "n" })],
  ["the batch", edit({}, { batch: "M" })],
  ["a node's name", edit({ b: { name: "bb" } })],
  ["an op", edit({ b: { op: "sigmoid" } })],
  ["a type", edit({ b: { type: { dtype: "f32", shape: [1, 4, 4, 3] } } })],
  ["an attribute", edit({ a: { attributes: { ...conv, groups: 2 } } })],
  ["an operand", edit({ d: { inputs: [id("b"), id("b")] } })],
  ["the order of operands", edit({ d: { inputs: [id("c"), id("b")] } })],
  ["a weight", edit({ "a.conv2d.kernel": { attributes: { weight: "a.conv2d.bias" } } })],
  ["an output's name", edit({}, { outputs: [{ name: "f", node: id("e") }] })],
  ["an output's node", edit({}, { outputs: [{ name: "e", node: id("d") }] })],
  ["a kernel", edit({ b: { kernel: "k1" } }, { kernels })],
  ["a node more", edit({ e: undefined }, { outputs: [{ name: "e", node: id("d") }] })],
];

describe("sameGraph", () => {
  test("finds a graph the same as itself, whatever its ids", () => {
    const module = edit({ b: { position: 7, origin: { spans: [], pass: "p" } } });
    expect(sameGraph(sound(), module)).toBeUndefined();
  });
  test.each(different)("sees %s", (_, module) => {
    expect(sameGraph(sound(), module)).toBeDefined();
    expect(sameGraph(module, sound())).toBeDefined();
  });
});
