// Writes an example of a check as a net in the language: both sides of a rule with their operands, ready to be run.

import { lineText } from "#diagnostic/escape.js";
import { printGraph } from "#inspect/lift.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { isInteger } from "#ir/type.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { writtenSide } from "#rewrite/check/apply-once.js";
import type { Side } from "#rewrite/check/compare-sides.js";
import { cone } from "#rewrite/check/evaluate.js";
import type { Example } from "#rewrite/check/example.js";
import type { UserRule } from "#rewrite/rule/rule.js";
import { shortSource } from "./example-values.js";

/** The passes that show the values of both sides: without those that compute constants, kernels compute them. Some kernels take no zero points. */
const shownBy = { floats: "fuse", integers: "center-integers,divide-sums,fuse" } as const;

/**
 * The text of a net with the outputs `left` and `right` that computes an example; with one output where the rule did not apply. Operands have
 * the names of the rule's variables. If the values of inputs matter, they are parameters, and a comment says how to run the net.
 */
export function exampleNet(rule: UserRule, example: Example): string {
  const module = exampleModule(rule, example);
  const text = printGraph(module, { literals: Number.POSITIVE_INFINITY });
  const { kind } = example.shown;
  if (kind === "cost" || kind === "miss") return text;
  const hasIntegers = [...module.graph.nodes.values()].some(({ type }) => isInteger(type.dtype));
  const command = `cleave run FILE --passes ${shownBy[hasIntegers ? "integers" : "floats"]} --json`;
  return `# ${lineText(`${rule.name}: ${command}`)}\n${text}`;
}

/** One graph with both sides; they share their operands. */
function exampleModule(rule: UserRule, { left, right: folded, inputs }: Example): Module {
  const { weights } = left.module;
  const right = folded && (writtenSide(rule, left) ?? folded);
  const nodes = new Map<NodeId, Node>();
  for (const { module, roots } of right ? [left, right] : [left])
    for (const node of cone(module, roots))
      nodes.set(node.id, asParameter(weights, node, inputs.get(node.id)));
  const outputs = left.roots.flatMap((node, at) => [
    { name: sideName("left", left, at), node },
    ...(right?.roots[at] === undefined ? [] : [{ name: sideName("right", left, at), node: right.roots[at] }]),
  ]);
  const names = namesOf(nodes, left, right);
  for (const [id, node] of nodes) nodes.set(id, { ...node, name: names.get(id) ?? node.name });
  const nextId = (right ?? left).module.graph.nextId;
  const graph: Graph = { name: rule.name, nodes, outputs, kernels: new Map(), nextId };
  return { graph, weights };
}

/** `left`, or `left1`, `left2`, … if the sides have several terms. */
function sideName(side: "left" | "right", { roots }: Side, at: number): string {
  return roots.length > 1 ? `${side}${at + 1}` : side;
}

/** The roots are named `left` and `right`, operands as in the rule, other values `l1`, `l2`, … and `r1`, `r2`, …, and numbers `c1`, `c2`, … */
function namesOf(
  nodes: ReadonlyMap<NodeId, Node>,
  left: Side,
  right: Side | undefined,
): ReadonlyMap<NodeId, string> {
  const names = new Map<NodeId, string>();
  const taken = new Set(
    left.roots.flatMap((_, at) => [sideName("left", left, at), sideName("right", left, at)]),
  );
  const give = (id: NodeId, wish: string): void => {
    let name = wish;
    for (let count = 2; taken.has(name); count += 1) name = `${wish}.${count}`;
    taken.add(name);
    names.set(id, name);
  };
  const isInner = ({ name }: Node): boolean => /^(v\d+|r(\.\d+)?)$/.test(name);
  for (const [id, node] of nodes) if (!isInner(node)) give(id, node.name);
  const ofLeft = new Set(cone(left.module, left.roots).map(({ id }) => id));
  const counts = { l: 0, r: 0, c: 0 };
  for (const [id, node] of nodes) {
    if (!isInner(node)) continue;
    const letter = node.op === "constant" ? "c" : ofLeft.has(id) ? "l" : "r";
    counts[letter] += 1;
    give(id, `${letter}${counts[letter]}`);
  }
  for (const [at, root] of left.roots.entries()) names.set(root, sideName("left", left, at));
  for (const [at, root] of (right?.roots ?? []).entries())
    if (!ofLeft.has(root)) names.set(root, sideName("right", left, at));
  return names;
}

/** An input with values as a constant; a constant by the shortest text for it. */
function asParameter(weights: WeightStore, node: Node, value: Tensor | undefined): Node {
  const data =
    value?.data ??
    (node.op === "constant" && isLiteral(weights, node)
      ? weights.read(node.attributes.weight).data
      : undefined);
  if (data === undefined) return node;
  const weight = weights.add(node.name, node.type, shortSource(weights, node.type, Float32Array.from(data)));
  const { id, name, inputs, type, origin, position } = node;
  return makeNode({ id, name, inputs, type, origin, position, op: "constant", attributes: { weight } });
}

function isLiteral(weights: WeightStore, node: Extract<Node, { op: "constant" }>): boolean {
  return weights.entries.get(node.attributes.weight)?.source.kind === "literal";
}
