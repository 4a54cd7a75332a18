// Draws samples for the check of a rule: small random modules whose output is the rule's left side over random operands.

import { greatest } from "#diagnostic/extremes.js";
import type { AttributeValue, Graph, Node, NodeId, OpName } from "#ir/graph.js";
import type { IntegerType, Shape, TensorType } from "#ir/type.js";
import { elements, f32, isInteger, sameType } from "#ir/type.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { AttributeKind } from "#ops/attributes.js";
import type { Attributes, Op } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { zeroNames } from "#ops/result-type.js";
import type { Random } from "#ops/random.js";
import { constantNode } from "../rule/replacement-builder.js";
import type { AttributePattern, UserRule } from "../rule/rule.js";
import type { PlainOp, PlainPattern, PlainVariable } from "./choose-pattern.js";
import { choosePattern } from "./choose-pattern.js";
import { outputsOf } from "./compare-sides.js";
import type { ConstantKind } from "./draw-values.js";
import { constantKinds, drawConstant, drawInteger, likelyConstantKinds } from "./draw-values.js";
import { elementOf } from "./sample-integers.js";

/** A module whose nodes `roots` match the ops of the left side. */
export interface Sample {
  readonly module: Module;
  readonly roots: readonly NodeId[];
}

/**
 * One attempt at a sample. Undefined if the drawn operands do not fit together, which is common: the caller draws again.
 * The left side is built from the inside out, and the other operands of an outer op take the shape of the inner one where they must. With
 * `integers`, ops that take integers mostly get some.
 */
export function sampleRule(
  rule: UserRule,
  random: Random,
  weights: WeightStore,
  elements: "f32" | "integers" = "f32",
): Sample | undefined {
  const state: SampleState = {
    dtype: elements === "f32" ? undefined : random.pick(["u8", "i8"] as const),
    rule,
    random,
    weights,
    nodes: new Map(),
    variables: new Map(),
    values: new Map(),
    rests: new Map(),
    extents: random.pick(extentChoices),
    constants: random.pick(kindsOf(rule)),
  };
  const chosen = choosePattern(rule, random);
  const roots = chosen?.roots.map((root) => sampleOp(state, root)).filter((root) => root !== undefined);
  if (!chosen || !roots || roots.length < chosen.roots.length) return undefined;
  const read = chosen.readers.flatMap(({ name, ops }) => sampleReader(state, name, ops) ?? []);
  const graph: Graph = {
    name: "sample",
    nodes: state.nodes,
    outputs: outputsOf([...roots, ...read].map(({ id }) => id)),
    kernels: new Map(),
    nextId: state.nodes.size,
  };
  return { module: { graph, weights }, roots: roots.map(({ id }) => id) };
}

/** Something outside the left side that uses a value: an op that reads it, or the value as an output. */
function sampleReader(state: SampleState, name: string, ops: readonly OpName[]): Node | undefined {
  const value = state.variables.get(name);
  if (!value || (ops.length === 0 && state.random.next() < 0.4)) return value;
  const op = ops.length === 0 ? "relu" : state.random.pick(ops);
  const operands = opOf(op).operands.map((_, at): PlainVariable => {
    const own = at === 0 ? name : `reader.${name}.${at}`;
    return { kind: "variable", name: own, of: own };
  });
  const span = state.rule.span ?? { file: "", start: 0, end: 0 };
  return sampleOp(state, { kind: "op", ops: [op], operands, attributes: [], rest: `rest of ${name}`, span });
}

/**
 * The extents, other than 1, that one sample uses; an empty list means those that the ops draw. With few extents, operands of different
 * ops often fit together. Only equal extents show a mix-up of axes: with different ones, the types would differ.
 */
const extentChoices: readonly (readonly number[])[] = [[], [], [], [2], [2], [3], [2, 3], [7, 9]];

/** The most elements of a value and the most multiply-accumulates of an op, so that a check is quick. */
const mostElements = 1024;
const mostMacs = 20_000;

interface SampleState {
  /** The type of integers in the sample, if it has any. */
  readonly dtype: IntegerType | undefined;
  readonly rule: UserRule;
  readonly random: Random;
  readonly weights: WeightStore;
  readonly nodes: Map<NodeId, Node>;
  readonly variables: Map<string, Node>;
  readonly values: Map<string, AttributeValue>;
  readonly rests: Map<string, Attributes>;
  readonly extents: readonly number[];
  readonly constants: ConstantKind;
}

function sampleOp(state: SampleState, pattern: PlainOp): Node | undefined {
  const { random, variables } = state;
  const known = pattern.binder === undefined ? undefined : variables.get(pattern.binder);
  if (known) return known;
  const name = random.pick(pattern.ops);
  const op = opOf(name);
  // The operands that are known already: inner ops, which are built first, and variables that they bound.
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
  const drawn = drawFitting(state, name, pattern, inner);
  if (!drawn) return undefined;
  const { types, attributes, type } = drawn;

  const inputs = types.map((operandType, at) => {
    const known = inner.get(at);
    if (known) return known.id;
    const operand = pattern.operands[at];
    // An operand that the pattern leaves out is zero.
    const node = operand
      ? sampleOperand(state, operand, operandType, op.operands[at])
      : addConstant(state, operandType, () => 0);
    return node?.id;
  });
  const ids = inputs.filter((id) => id !== undefined);
  if (ids.length < inputs.length) return undefined;
  const node = add(
    state,
    (base) => makeNode({ ...base, op: name, inputs: ids, attributes: { ...attributes }, type }),
    pattern.binder,
  );
  if (pattern.binder !== undefined) variables.set(pattern.binder, node);
  return node;
}

interface Drawn {
  readonly types: readonly TensorType[];
  readonly attributes: Attributes;
  readonly type: TensorType;
}

/** Draws a few times until operands and attributes fit the known operands: a slice of a slice seldom fits at once. */
function drawFitting(
  state: SampleState,
  name: OpName,
  pattern: PlainOp,
  inner: ReadonlyMap<number, Node>,
): Drawn | undefined {
  const { values, rests } = state;
  const before = [new Map(values), new Map(rests)] as const;
  for (let draw = 0; draw < (inner.size > 0 ? 8 : 1); draw += 1) {
    const drawn = drawOnce(state, name, pattern, inner);
    if (drawn) return drawn;
    restore(values, before[0]);
    restore(rests, before[1]);
  }
  return undefined;
}

function restore<T>(map: Map<string, T>, before: ReadonlyMap<string, T>): void {
  map.clear();
  for (const [key, value] of before) map.set(key, value);
}

function drawOnce(
  state: SampleState,
  name: OpName,
  pattern: PlainOp,
  inner: ReadonlyMap<number, Node>,
): Drawn | undefined {
  const op = opOf(name);
  const drawn = drawOperands(state, name, inner);
  const count = op.operands.at(-1)?.variadic ? pattern.operands.length : drawn.inputs.length;
  const types = fitTypes(state, count, drawn.inputs, inner, op.scalar !== undefined);
  const attributes = sampleAttributes(state, name, pattern, drawn.attributes as Attributes);
  if (!attributes) return undefined;
  const normal = normalizeAttributes(name, types, attributes);
  if (isProblem(normal)) return undefined;
  const type = inferType(name, types, normal);
  if (isProblem(type) || elements(type.shape) > mostElements) return undefined;
  return op.macs(types, normal, type) > mostMacs ? undefined : { types, attributes: normal, type };
}

/** The operands and attributes that an op draws, with the extents of the sample, and sometimes with one that the rule mentions. */
function drawOperands(
  state: SampleState,
  name: OpName,
  inner: ReadonlyMap<number, Node>,
): ReturnType<ReturnType<typeof opOf>["sample"]> {
  const { random, extents } = state;
  const drawn = opOf(name).sample(random);
  const hint = hintedExtent(state, drawn.inputs);
  const change = (extent: number): number => {
    if (extent === hint?.from) return hint.to;
    return extent === 1 ? 1 : (extents[extent % extents.length] ?? extent);
  };
  const element = elementOf(state, name, inner);
  const inputs = drawn.inputs.map(({ shape }, at) => ({ dtype: element(at), shape: shape.map(change) }));
  const zeros = element(0) === "f32" ? [] : zeroNames(opOf(name));
  const points = Object.fromEntries(zeros.map((zero) => [zero, random.pick([0, 0, 3, 100])]));
  const attributes = { ...drawn.attributes, ...points };
  return { inputs: hintedRank(state, name, inputs), attributes } as typeof drawn;
}

/** Conditions such as `channels(x) == 64` need an extent that is seldom drawn. */
function hintedExtent(
  { random, rule }: SampleState,
  inputs: readonly TensorType[],
): { readonly from: number; readonly to: number } | undefined {
  const mentioned = [...rule.literals.numbers, ...rule.literals.lists.flat()];
  const wanted = mentioned.filter((one) => Number.isInteger(one) && one >= 1 && one <= 512);
  const given = inputs.flatMap(({ shape }) => shape);
  if (wanted.length === 0 || given.length === 0 || random.next() > 0.5) return undefined;
  const to = random.pick(wanted) + random.pick([0, 0, 0, 1, -1]);
  return { from: random.pick(given), to: Math.max(1, to) };
}

/** Conditions such as `rank(x) == 5` need more axes than ops draw. */
function hintedRank({ random, rule }: SampleState, name: OpName, inputs: TensorType[]): TensorType[] {
  const ranks = rule.literals.numbers.filter((one) => Number.isInteger(one) && one >= 4 && one <= 16);
  if (ranks.length === 0 || !opOf(name).scalar || random.next() > 0.3) return inputs;
  const rank = random.pick(ranks) + random.pick([0, 0, 1]);
  const most = greatest(inputs.map(({ shape }) => shape.length));
  return inputs.map((type) =>
    type.shape.length < most
      ? type
      : {
          dtype: type.dtype,
          shape: [...Array.from({ length: Math.max(0, rank - most) }, () => random.int(1, 2)), ...type.shape],
        },
  );
}

/**
 * Operand types that fit the known ones: if a known operand replaces a drawn extent, all drawn operands replace it. The other operand of
 * an elementwise op is often one that broadcasts to the known one.
 */
function fitTypes(
  { random }: SampleState,
  count: number,
  drawn: readonly TensorType[],
  inner: ReadonlyMap<number, Node>,
  broadcasts: boolean,
): TensorType[] {
  const changes = new Map<number, number>();
  for (const [at, node] of inner) {
    const before = drawn[at]?.shape ?? [];
    const after = node.type.shape;
    if (before.length !== after.length) continue;
    for (let axis = 0; axis < after.length; axis += 1) changes.set(before[axis] ?? 1, after[axis] ?? 1);
  }
  const fit = (shape: Shape): number[] => shape.map((extent) => changes.get(extent) ?? extent);
  const [first] = inner.values();
  return Array.from({ length: count }, (_, at) => {
    const known = inner.get(at);
    if (known) return known.type;
    const { dtype, shape } = drawn[at] ?? drawn.at(-1) ?? f32();
    if (broadcasts && first && random.next() < 0.5)
      return { dtype, shape: broadcastType(random, first.type.shape).shape };
    return { dtype, shape: fit(shape) };
  });
}

/** A shape that broadcasts to the given one: without some leading axes, others 1. Often all axes but one are 1, as for channels. */
function broadcastType(random: Random, shape: Shape): TensorType {
  if (random.next() < 0.3) {
    const only = random.int(0, shape.length);
    return f32(...shape.map((extent, axis) => (axis === only ? extent : 1)));
  }
  const leftOut = random.int(0, shape.length);
  return f32(...shape.slice(leftOut).map((extent) => (random.next() < 0.4 ? 1 : extent)));
}

function sampleOperand(
  state: SampleState,
  pattern: PlainPattern,
  type: TensorType,
  { role, positive = false }: Partial<Op["operands"][number]> = {},
): Node | undefined {
  if (pattern.kind === "op") return undefined;
  if (pattern.kind === "uniform") {
    const scalar = state.random.next() < 0.5 ? f32() : type;
    return addConstant(state, scalar, () => pattern.value);
  }
  const known = state.variables.get(pattern.name);
  if (known) return sameType(known.type, type) ? known : undefined;
  const { random, rule } = state;
  // Inputs have both signs.
  const constant =
    rule.hints.constants.has(pattern.of) || random.next() < (role === "weight" ? 0.8 : 0.1) || positive;
  const fill = positive ? () => 0.01 + random.next() : undefined;
  // Two variables may be bound to one value.
  const same = [...state.variables.values()].find(
    (other) => sameType(other.type, type) && (other.op === "constant" || !constant),
  );
  const node =
    same && !positive && random.next() < 0.08
      ? same
      : constant
        ? addConstant(state, type, fill ?? valuesOf(state, type), pattern.name)
        : add(
            state,
            (base) => makeNode({ ...base, op: "input", inputs: [], attributes: {}, type }),
            pattern.name,
          );
  state.variables.set(pattern.name, node);
  return node;
}

function valuesOf({ random, rule, constants }: SampleState, type: TensorType): (index: number) => number {
  if (isInteger(type.dtype)) return drawInteger(random, type.dtype);
  const kind = random.next() < 0.8 ? constants : random.pick(kindsOf(rule));
  return drawConstant(random, kind, elements(type.shape) === 1, {
    literals: rule.literals.numbers,
    approx: rule.approx !== undefined,
  });
}

function kindsOf({ approx }: UserRule): readonly ConstantKind[] {
  return approx === undefined ? constantKinds : likelyConstantKinds;
}

function sampleAttributes(
  state: SampleState,
  name: OpName,
  pattern: PlainOp,
  drawn: Attributes,
): Attributes | undefined {
  const op = opOf(name);
  const attributes: Record<string, AttributeValue> = {};
  const rest: Record<string, AttributeValue> = {};
  const known = pattern.rest === undefined ? undefined : state.rests.get(pattern.rest);
  for (const [key, kind] of Object.entries(op.attributes)) {
    const term = pattern.attributes.find(([one]) => one === key)?.[1];
    const own = isNumber(kind) ? otherNumber(state, drawn[key]) : drawn[key];
    const value = term
      ? attributeOf(state, term, own, kind)
      : pattern.rest === undefined
        ? kind.default
        : (known?.[key] ?? own);
    if (value === undefined) return undefined;
    attributes[key] = value;
    if (!term) rest[key] = value;
  }
  if (pattern.rest !== undefined && !known) state.rests.set(pattern.rest, rest);
  return attributes;
}

function isNumber(kind: { readonly expects: string }): boolean {
  return kind.expects === "a number";
}

/** Slopes, bounds and the like that a rule may not expect: 0, negative ones, numbers that it mentions, a lower bound above the upper one. */
function otherNumber(
  { random, rule }: SampleState,
  drawn: AttributeValue | undefined,
): AttributeValue | undefined {
  if (random.next() < 0.6) return drawn;
  return random.pick([0, 1, -1, 0.5, -0.5, 6, -3, 1e-12, 100, ...rule.literals.numbers]);
}

function attributeOf(
  state: SampleState,
  term: AttributePattern,
  drawn: AttributeValue | undefined,
  kind?: AttributeKind<AttributeValue>,
): AttributeValue | undefined {
  switch (term.kind) {
    case "value":
      return term.value;
    case "variable": {
      const known = state.values.get(term.name);
      // Two attributes often fit together only if they are small or special numbers (an order of axes, amounts of a pad).
      const value = known ?? (state.random.next() < 0.4 ? likelier(state, drawn, kind) : drawn);
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

/**
 * One of: a list that the rule mentions; a list of −1, which means the rest or the last axis; the list with zeros at its ends, as for the
 * padding of an image; the sorted list, if it is an order of axes.
 */
function likelier(
  { random, rule }: SampleState,
  drawn: AttributeValue | undefined,
  kind: AttributeKind<AttributeValue> | undefined,
): AttributeValue | undefined {
  if (typeof drawn !== "object") return drawn;
  const mentioned = rule.literals.lists.filter((list) => list.length === drawn.length);
  const sorted = drawn.toSorted((a, b) => a - b);
  const isOrder = sorted.length > 1 && sorted.every((item, index) => item === index);
  const inner = drawn.map((item, index) => (index === 0 || index === drawn.length - 1 ? 0 : item));
  const value = random.pick([
    ...mentioned,
    drawn.map(() => -1),
    isOrder ? sorted : inner,
    isOrder ? sorted : inner,
  ]);
  // If the op does not allow the new list, the drawn one stays.
  return kind === undefined || kind.parse({ kind: "list", value, size: false }) !== undefined ? value : drawn;
}

function addConstant(
  state: SampleState,
  type: TensorType,
  fill: (index: number) => number,
  name?: string,
): Node {
  const data = Float32Array.from({ length: elements(type.shape) }, (_, index) => fill(index));
  const weight = state.weights.add(`w${state.nodes.size}`, type, { kind: "literal", data });
  return add(state, (base) => constantNode({ ...base, type }, weight), name);
}

type Base = Pick<Node, "id" | "name" | "position" | "origin">;

/** Adds a node; a value that the rule names has that name. */
function add(state: SampleState, make: (base: Base) => Node, name?: string): Node {
  const id = state.nodes.size;
  const node = make({ id, name: name ?? `v${id}`, position: id, origin: { spans: [] } });
  state.nodes.set(id, node);
  return node;
}
