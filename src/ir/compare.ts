// Compares two graphs, except ids, spans, origins and positions, which are not part of a text.

import type { Graph, Node, NodeId, Output, WeightId } from "./graph.js";
import { inputNodes, nodeOf } from "./graph.js";
import { printType, sameType } from "./type.js";
import type { Module, WeightSource, WeightStore } from "./weights.js";
import { entryOf, inputsOf } from "./weights.js";

/**
 * The first difference between two graphs, in words, or undefined if they are equal. Nodes are matched by name. Weights are equal if
 * their values have the same source, so the stores may differ. Zeros for omitted operands and scalars are compared as values of their
 * users, not by name: texts write them in place or omit them. Kernels without nodes are ignored.
 */
export function sameGraph(a: Module, b: Module): string | undefined {
  const { graph: left } = a;
  const { graph: right } = b;
  return (
    differ("the names", left.name, right.name) ??
    differ("the batches", left.batch ?? "none", right.batch ?? "none") ??
    differ("the inputs", inputNodes(left).map(nameOf).join(", "), inputNodes(right).map(nameOf).join(", ")) ??
    sameNodes(a, b) ??
    sameOutputs(a, b) ??
    differ("the pictures", factsText(left.pictures), factsText(right.pictures)) ??
    differ("the labels", factsText(left.labels), factsText(right.labels)) ??
    sameKernels(left, right)
  );
}

/** Facts by name as a text, in the order of names. */
function factsText(facts: ReadonlyMap<string, object> = new Map()): string {
  const sorted = (_: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(byName))
      : value;
  return JSON.stringify([...facts].toSorted(byName), sorted);
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/**
 * Whether two weights have the same type and the same source, including the entries of their formulas. Each pair of entries
 * is compared once and without recursion, since formulas may be long and use a part many times.
 */
function sameWeight(a: WeightStore, idA: WeightId, b: WeightStore, idB: WeightId): boolean {
  const open: (readonly [WeightId, WeightId])[] = [[idA, idB]];
  const seen = new Set<string>();
  for (let pair = open.pop(); pair; pair = open.pop()) {
    const [left, right] = pair;
    const key = JSON.stringify(pair);
    if ((a === b && left === right) || seen.has(key)) continue;
    seen.add(key);
    const [one, other] = [entryOf(a, left), entryOf(b, right)];
    if (!sameType(one.type, other.type) || !sameSource(one.source, other.source)) return false;
    const inputs = inputsOf(other.source);
    for (const [at, input] of inputsOf(one.source).entries()) open.push([input, inputs[at] ?? ""]);
  }
  return true;
}

/** Whether two sources are the same, except for the entries that they are computed from. */
function sameSource(one: WeightSource, other: WeightSource): boolean {
  switch (one.kind) {
    case "absent":
      return other.kind === "absent";
    case "file":
      return other.kind === "file" && one.file === other.file && one.key === other.key;
    case "seeded":
      return (
        other.kind === "seeded" &&
        one.generator === other.generator &&
        (isConstantGenerator(one.generator) || (one.seed === other.seed && one.fanIn === other.fanIn))
      );
    case "compact":
      return other.kind === "compact" && one.form.codes === other.form.codes;
    case "literal":
      return other.kind === "literal" && one.data.every((value, at) => Object.is(value, other.data[at]));
    case "expression":
      return (
        other.kind === "expression" &&
        one.op === other.op &&
        sameValue(one.attributes, other.attributes) &&
        one.inputs.length === other.inputs.length
      );
    default:
      return one satisfies never;
  }
}

/** Whether a generator gives the same values for all seeds. */
export function isConstantGenerator(generator: string): boolean {
  return generator !== "he_normal";
}

/** Whether a node is compared as a value of its users, not by name: a scalar, or zeros for an omitted operand. */
export function isPlainConstant(module: Module, node: Node): boolean {
  if (node.op !== "constant") return false;
  const { type, source } = entryOf(module.weights, node.attributes.weight);
  return (
    source.kind === "absent" || (source.kind === "literal" && type.shape.length === 0 && type.dtype === "f32")
  );
}

function sameNodes(a: Module, b: Module): string | undefined {
  const left = namedNodes(a);
  const right = namedNodes(b);
  for (const name of right.keys()) if (!left.has(name)) return `only the second has a node ${name}`;
  for (const [name, node] of left) {
    const other = right.get(name);
    if (!other) return `only the first has a node ${name}`;
    const difference = sameNode(a, node, b, other);
    if (difference !== undefined) return `${name}: ${difference}`;
  }
  return undefined;
}

function sameNode(a: Module, node: Node, b: Module, other: Node): string | undefined {
  const difference =
    differ("the ops", node.op, other.op) ??
    differ("the types", printType(node.type), printType(other.type)) ??
    differ("the kernels", node.kernel ?? "none", other.kernel ?? "none");
  if (difference !== undefined) return difference;
  if (node.op === "constant" && other.op === "constant") {
    const same = sameWeight(a.weights, node.attributes.weight, b.weights, other.attributes.weight);
    return same ? undefined : "the weights differ";
  }
  if (!sameValue(node.attributes, other.attributes))
    return `the attributes differ: ${JSON.stringify(node.attributes)} and ${JSON.stringify(other.attributes)}`;
  return (
    differ("the numbers of operands", `${node.inputs.length}`, `${other.inputs.length}`) ??
    firstOf(node.inputs, (input, at) => sameOperand(a, input, b, other.inputs[at] ?? -1, `operands ${at}`))
  );
}

function sameOperand(a: Module, idA: NodeId, b: Module, idB: NodeId, what: string): string | undefined {
  const left = nodeOf(a.graph, idA);
  const right = nodeOf(b.graph, idB);
  const isPlain = isPlainConstant(a, left);
  if (isPlain !== isPlainConstant(b, right) || !isPlain) return differ(what, left.name, right.name);
  return sameNode(a, left, b, right) === undefined
    ? undefined
    : `${what} differ: ${left.name} and ${right.name}`;
}

function sameOutputs(a: Module, b: Module): string | undefined {
  const [left, right] = [a.graph.outputs, b.graph.outputs];
  return (
    differ("the outputs", left.map(outputText).join(", "), right.map(outputText).join(", ")) ??
    firstOf(left, (output, at) =>
      sameOperand(a, output.node, b, right[at]?.node ?? -1, `the values of output ${output.name}`),
    )
  );
}

function outputText({ name, once }: Output): string {
  return once ? `${name} (once)` : name;
}

function sameKernels(a: Graph, b: Graph): string | undefined {
  const used = new Set(
    [...a.nodes.values()].flatMap((node) => (node.kernel === undefined ? [] : [node.kernel])),
  );
  return firstOf([...used], (id) => {
    const print = ({ kernels }: Graph): string =>
      JSON.stringify(
        Object.entries(kernels.get(id) ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1)),
      );
    return differ(`the plans of kernel ${id}`, print(a), print(b));
  });
}

function namedNodes(module: Module): Map<string, Node> {
  const nodes = [...module.graph.nodes.values()].filter((node) => !isPlainConstant(module, node));
  return new Map(nodes.map((node) => [node.name, node]));
}

function nameOf(node: Node): string {
  return node.name;
}

function differ(what: string, a: string, b: string): string | undefined {
  return a === b ? undefined : `${what} differ: ${a} and ${b}`;
}

function firstOf<T>(
  items: readonly T[],
  test: (item: T, at: number) => string | undefined,
): string | undefined {
  for (const [at, item] of items.entries()) {
    const found = test(item, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Equality of attribute values, and of records of them in any order of keys. */
function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => sameValue(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}
