// Random places for a rule to apply at: a small module whose output is the rule's left side over random operands.

import type { AttributeValue, Graph, Node, NodeId, OpName } from "#ir/graph.js";
import type { Shape, TensorType } from "#ir/type.js";
import { elements, f32, sameType } from "#ir/type.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { constantNode } from "./build.js";
import type { AttributePattern, OpPattern, Pattern, Rule } from "./rule.js";

/** A module with the left side at `root`. */
export interface Sample {
  readonly module: Module;
  readonly root: NodeId;
}

/**
 * One attempt at a sample; undefined if the drawn operands do not fit together, which is common: the caller draws again.
 * The left side is built from the inside out, and operands beside an inner op take its shape where they must.
 */
export function sampleRule(rule: Rule, random: Random, weights: WeightStore): Sample | undefined {
  const state: State = {
    rule,
    random,
    weights,
    nodes: new Map(),
    variables: new Map(),
    values: new Map(),
    flavour: random.pick(flavours),
  };
  const root = sampleOp(state, rule.pattern);
  if (!root) return undefined;
  const graph: Graph = {
    name: "sample",
    nodes: state.nodes,
    outputs: [{ name: "y", node: root.id }],
    kernels: new Map(),
    nextId: state.nodes.size,
  };
  return { module: { graph, weights }, root: root.id };
}

/** How the values of constants are drawn; conditions such as `value(c) >= 0` want some of them. */
const flavours = ["normal", "normal", "positive", "uniform", "fraction"] as const;

interface State {
  readonly rule: Rule;
  readonly random: Random;
  readonly weights: WeightStore;
  readonly nodes: Map<NodeId, Node>;
  readonly variables: Map<string, Node>;
  readonly values: Map<string, AttributeValue>;
  readonly flavour: (typeof flavours)[number];
}

function sampleOp(state: State, pattern: OpPattern): Node | undefined {
  const { random } = state;
  const name = random.pick(pattern.ops);
  const op = opOf(name);
  const drawn = drawOperands(state, name);
  // What is known of operands already: inner ops, which are built first, and variables bound by them.
  const inner = new Map<number, Node>();
  for (const [at, operand] of pattern.operands.entries()) {
    if (operand.kind !== "op") continue;
    const node = sampleOp(state, operand);
    if (!node) return undefined;
    inner.set(at, node);
  }
  for (const [at, operand] of pattern.operands.entries()) {
    const bound = operand.kind === "variable" ? state.variables.get(operand.name) : undefined;
    if (bound) inner.set(at, bound);
  }
  const types = fitTypes(
    op.operands.at(-1)?.variadic ? pattern.operands.length : drawn.inputs.length,
    drawn.inputs,
    inner,
  );
  const attributes = sampleAttributes(state, name, pattern, drawn.attributes as Attributes);
  if (!attributes) return undefined;
  const normal = normalizeAttributes(name, types, attributes);
  if (isProblem(normal)) return undefined;
  const type = inferType(name, types, normal);
  if (isProblem(type) || elements(type.shape) > 4096) return undefined;

  const inputs = types.map((operandType, at) => {
    const known = inner.get(at);
    if (known) return known.id;
    const operand = pattern.operands[at];
    // An operand that the pattern leaves out is zeros.
    const node = operand
      ? sampleOperand(state, operand, operandType, op.operands[at]?.role === "weight")
      : addConstant(state, operandType, () => 0);
    return node?.id;
  });
  const ids = inputs.filter((id) => id !== undefined);
  if (ids.length < inputs.length) return undefined;
  return add(state, (base) => makeNode({ ...base, op: name, inputs: ids, attributes: { ...normal }, type }));
}

/** Now and then all extents are equal: only then can a mix-up of axes be seen, since else the types would differ. */
function drawOperands({ random }: State, name: OpName): ReturnType<ReturnType<typeof opOf>["sample"]> {
  const drawn = opOf(name).sample(random);
  if (random.next() < 0.7) return drawn;
  const extent = random.int(2, 3);
  return {
    ...drawn,
    inputs: drawn.inputs.map(({ shape }) => f32(...shape.map((one) => (one === 1 ? 1 : extent)))),
  };
}

/** Operand types that go with the known ones: every extent of a drawn operand that the inner one changes is changed alike. */
function fitTypes(
  count: number,
  drawn: readonly TensorType[],
  inner: ReadonlyMap<number, Node>,
): TensorType[] {
  const changes = new Map<number, number>();
  for (const [at, node] of inner) {
    const before = drawn[at]?.shape ?? [];
    const after = node.type.shape;
    if (before.length !== after.length) continue;
    for (let axis = 0; axis < after.length; axis += 1) changes.set(before[axis] ?? 1, after[axis] ?? 1);
  }
  const fit = (shape: Shape): number[] => shape.map((extent) => changes.get(extent) ?? extent);
  return Array.from({ length: count }, (_, at) => {
    const known = inner.get(at);
    return known ? known.type : f32(...fit((drawn[at] ?? drawn.at(-1) ?? f32()).shape));
  });
}

function sampleOperand(state: State, pattern: Pattern, type: TensorType, weight: boolean): Node | undefined {
  if (pattern.kind === "op") return undefined;
  if (pattern.kind === "uniform") {
    const scalar = state.random.next() < 0.5 ? f32() : type;
    return addConstant(state, scalar, () => pattern.value);
  }
  const known = state.variables.get(pattern.name);
  if (known) return sameType(known.type, type) ? known : undefined;
  const constant = state.rule.constants.has(pattern.name) || state.random.next() < (weight ? 0.8 : 0.2);
  const node = constant
    ? addConstant(state, type, valuesOf(state, type))
    : add(state, (base) => makeNode({ ...base, op: "input", inputs: [], attributes: {}, type }));
  state.variables.set(pattern.name, node);
  return node;
}

function valuesOf({ random, flavour }: State, type: TensorType): (index: number) => number {
  const one = random.pick([0, 1, 0.5, -1, 2, 0.01]);
  // A scalar often comes as one of the numbers that rules look for.
  if (flavour === "uniform" || elements(type.shape) === 1) return () => one;
  if (flavour === "positive") return () => 0.5 + random.next();
  if (flavour === "fraction") return () => random.next();
  return () => random.normal();
}

function sampleAttributes(
  state: State,
  name: OpName,
  pattern: OpPattern,
  drawn: Attributes,
): Attributes | undefined {
  const op = opOf(name);
  const attributes: Record<string, AttributeValue> = {};
  for (const [key, kind] of Object.entries(op.attributes)) {
    const term = pattern.attributes.find(([one]) => one === key)?.[1];
    const value = term
      ? attributeOf(state, term, drawn[key])
      : pattern.rest !== undefined
        ? drawn[key]
        : kind.default;
    if (value === undefined) return undefined;
    attributes[key] = value;
  }
  return attributes;
}

function attributeOf(
  state: State,
  term: AttributePattern,
  drawn: AttributeValue | undefined,
): AttributeValue | undefined {
  switch (term.kind) {
    case "value":
      return term.value;
    case "variable": {
      const known = state.values.get(term.name);
      // Often nothing but a choice of small numbers makes two attributes go together (an order of axes, amounts of a pad).
      const value = known ?? (state.random.next() < 0.3 ? plainer(drawn) : drawn);
      if (value !== undefined) state.values.set(term.name, value);
      return value;
    }
    case "list": {
      if (typeof drawn !== "object") return undefined;
      const items = term.items.map((item, at) => attributeOf(state, item, drawn[at]));
      const numbers = items.filter((item) => typeof item === "number");
      return numbers.length === term.items.length ? numbers : undefined;
    }
    default:
      return term satisfies never;
  }
}

/** A list with zeros at its ends, as a pad of an image has; a sorted one, if it is an order. */
function plainer(value: AttributeValue | undefined): AttributeValue | undefined {
  if (typeof value !== "object") return value;
  const sorted = value.toSorted((a, b) => a - b);
  if (sorted.length > 1 && sorted.every((item, index) => item === index)) return sorted;
  return value.map((item, index) => (index === 0 || index === value.length - 1 ? 0 : item));
}

function addConstant(state: State, type: TensorType, fill: (index: number) => number): Node {
  const data = Float32Array.from({ length: elements(type.shape) }, (_, index) => fill(index));
  const weight = state.weights.add(`w${state.nodes.size}`, type, { kind: "literal", data });
  return add(state, (base) => constantNode({ ...base, type }, weight));
}

type Base = Pick<Node, "id" | "name" | "position" | "origin">;

function add(state: State, make: (base: Base) => Node): Node {
  const id = state.nodes.size;
  const node = make({ id, name: `v${id}`, position: id, origin: { spans: [] } });
  state.nodes.set(id, node);
  return node;
}
