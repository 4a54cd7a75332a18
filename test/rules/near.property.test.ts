// Every built-in rule says why it does not apply: of a sample to which it applies, one thing is changed, and that is what it names.

import { expect, test } from "vitest";
import { builtInRules } from "#passes/rules/index.js";
import type { AttributeValue, Graph, Node, NodeId } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { inferType, isOp, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { seededRandom } from "#ops/random.js";
import type { Side } from "#rewrite/check/compare-sides.js";
import { checkRule } from "#rewrite/check/check-rule.js";
import { applicationsOf, nearMatches } from "#rewrite/rule/near.js";
import type { Rule } from "#rewrite/rule/rule.js";
import { createWeightStore } from "#weights/store.js";

const checks = builtInRules().map((rule) => [rule.name, rule] as const);

test.each(checks)("%s", (_, rule) => {
  const { lefts } = checkRule(rule, { createStore: createWeightStore, samples: 8, attempts: 2000 });
  expect(lefts.length).toBeGreaterThan(0);
  for (const left of lefts) {
    const [application] = applicationsOf(rule, left.module);
    expect(application?.roots[0]?.id).toBe(left.roots[0]);
    for (const id of application!.covered) {
      if (id === left.roots[0]) continue;
      cutOff(rule, left, id);
      useElsewhere(rule, left, id);
    }
    for (const id of application!.covered) changeAttributes(rule, left, id);
  }
});

/** How many changes were named. */
const named = { cuts: 0, uses: 0, attributes: 0 };

test("many changes were tried", () => {
  for (const count of Object.values(named)) expect(count).toBeGreaterThan(100);
});

/** An inner node becomes an input: then the rule names it. */
function cutOff(rule: Rule, { module, roots: [root = 0] }: Side, id: NodeId): void {
  const { name, position, origin, type } = module.graph.nodes.get(id)!;
  const cut = makeNode({ id, name, position, origin, type, op: "input", inputs: [], attributes: {} });
  const changed = withNode(module, cut);
  if (applies(rule, changed, root)) return;
  const near = nearMatches(rule, changed).find((one) => one.root.id === root);
  // Where no other op of the left side is left, nothing is near.
  if (!near) return;
  expect(near.differences.flatMap((one) => (one.kind === "miss" ? [] : [one.node.id]))).toContain(id);
  named.cuts += 1;
}

/** Something else reads an inner node: then the rule names both, unless it may be read. */
function useElsewhere(rule: Rule, { module, roots: [root = 0] }: Side, id: NodeId): void {
  const { type, origin } = module.graph.nodes.get(id)!;
  const reader = makeNode({
    id: module.graph.nextId,
    name: "elsewhere",
    position: module.graph.nextId,
    origin,
    type,
    op: "relu",
    inputs: [id],
    attributes: {},
  });
  const { graph } = withNode(module, reader);
  const outputs = [...graph.outputs, { name: "elsewhere", node: reader.id }];
  const changed: Module = { graph: { ...graph, outputs, nextId: reader.id + 1 }, weights: module.weights };
  if (applies(rule, changed, root)) return;
  const near = nearMatches(rule, changed).find((one) => one.root.id === root);
  const misses = near!.differences.flatMap((one) => (one.kind === "miss" ? [one.miss] : []));
  expect(misses).toContainEqual(expect.objectContaining({ kind: "use" }));
  const use = misses.find((one) => one.kind === "use")!;
  expect(users(changed.graph).get(use.node.id)).toContain(reader.id);
  expect(use.reader?.name).toBe("elsewhere");
  named.uses += 1;
}

/** An attribute of an op has another value: then the rule still applies, or names the attribute, or says that something after the match fails. */
function changeAttributes(rule: Rule, { module, roots: [root = 0] }: Side, id: NodeId): void {
  const node = module.graph.nodes.get(id)!;
  if (!isOp(node.op)) return;
  const random = seededRandom(id + 1);
  const types = node.inputs.map((input) => module.graph.nodes.get(input)!.type);
  for (let draw = 0; draw < 4; draw += 1) {
    const drawn = opOf(node.op).sample(random).attributes as Readonly<Record<string, AttributeValue>>;
    for (const key of Object.keys(opOf(node.op).attributes)) {
      const before = node.attributes as Readonly<Record<string, AttributeValue>>;
      const attributes = normalizeAttributes(node.op, types, { ...before, [key]: drawn[key]! });
      if (drawn[key] === undefined || isProblem(attributes)) continue;
      const type = inferType(node.op, types, attributes);
      if (isProblem(type) || JSON.stringify(type) !== JSON.stringify(node.type)) continue;
      const changed = withNode(module, { ...node, attributes } as Node);
      if (applies(rule, changed, root)) continue;
      const near = nearMatches(rule, changed).find((one) => one.root.id === root);
      expect(near, `${key} of ${node.op}`).toBeDefined();
      for (const one of near!.differences)
        if (one.kind === "attribute")
          expect(one.found).toEqual(nodeValue(changed.graph, one.node.id, one.key));
      const isNamed = near!.differences.some(
        (one) =>
          one.kind === "miss" ||
          one.kind === "rest" ||
          (one.kind === "attribute" && isChanged(before, attributes, one.key)),
      );
      expect(isNamed, `${key} of ${node.op}: ${near!.differences.map(({ kind }) => kind).join()}`).toBe(true);
      named.attributes += 1;
    }
  }
}

function isChanged(before: object, after: object, key: string): boolean {
  const [a, b] = [before, after].map((one) => JSON.stringify((one as Record<string, unknown>)[key]));
  // A derived attribute follows from others.
  return a !== b || a === undefined;
}

function nodeValue(graph: Graph, id: NodeId, key: string): AttributeValue | undefined {
  const node = graph.nodes.get(id)!;
  const types = node.inputs.map((input) => graph.nodes.get(input)!.type);
  const attributes = node.attributes as Readonly<Record<string, AttributeValue>>;
  return attributes[key] ?? opOf(node.op).derived?.[key]?.(types, attributes);
}

function applies(rule: Rule, module: Module, root: NodeId): boolean {
  return applicationsOf(rule, module).some(({ roots }) => roots[0]?.id === root);
}

function withNode({ graph, weights }: Module, node: Node): Module {
  return { graph: { ...graph, nodes: new Map(graph.nodes).set(node.id, node) }, weights };
}
