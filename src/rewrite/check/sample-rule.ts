// Draws samples for the check of a rule: small random modules whose output is the rule's left side over random operands.

import type { Graph, Node, NodeId, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { elements, f32, isInteger, sameType } from "#ir/type.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes, Op } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import type { UserRule } from "../rule/rule.js";
import type { PlainOp, PlainPattern, PlainVariable } from "./choose-pattern.js";
import { choosePattern } from "./choose-pattern.js";
import { outputsOf } from "./compare-sides.js";
import { sampleAttributes } from "./draw-attributes.js";
import {
  drawExtents,
  drawOperands,
  fitTypes,
  wishedLists,
  wishedResult,
  wishedTypes,
} from "./draw-operands.js";
import type { ConstantKind } from "./draw-values.js";
import { constantKinds, drawBetween, drawConstant, drawInteger, likelyConstantKinds } from "./draw-values.js";
import type { SampleState } from "./sample-state.js";
import { add, addConstant } from "./sample-state.js";
import type { Wishes } from "./wishes.js";
import { noWishes } from "./wishes.js";

/** A module whose nodes `roots` match the ops of the left side. */
export interface Sample {
  readonly module: Module;
  readonly roots: readonly NodeId[];
}

/**
 * One attempt at a sample. Undefined if the drawn operands do not fit together, which is common: the caller draws again.
 * The left side is built from the inside out, and the other operands of an outer op take the shape of the inner one where they must. With
 * `integers`, ops that take integers mostly get some. Wishes are fulfilled where the ops allow it.
 */
export function sampleRule(
  rule: UserRule,
  random: Random,
  weights: WeightStore,
  elements: "f32" | "integers" = "f32",
  wishes: Wishes = noWishes,
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
    extents: drawExtents(random, wishes),
    constants: random.pick(kindsOf(rule)),
    wishes,
  };
  const chosen = choosePattern(rule, random, wishes);
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
function sampleReader(state: SampleState, name: string, ops: readonly OpName[] | "output"): Node | undefined {
  const value = state.variables.get(name);
  if (!value || ops === "output" || (ops.length === 0 && state.random.next() < 0.4)) return value;
  const op = ops.length === 0 ? "relu" : state.random.pick(ops);
  const operands = opOf(op).operands.map((_, at): PlainVariable => {
    const own = at === 0 ? name : `reader.${name}.${at}`;
    return { kind: "variable", name: own, of: own };
  });
  const span = state.rule.span ?? { file: "", start: 0, end: 0 };
  return sampleOp(state, { kind: "op", ops: [op], operands, attributes: [], rest: `rest of ${name}`, span });
}

/** The most elements of a value and the most multiply-accumulates of an op, so that a check is quick; and those of what a condition needs. */
const most = { elements: 1024, macs: 20_000 };
const mostWished = { elements: 2 ** 15, macs: 2 ** 19 };

/** How often operands and attributes of an op are drawn that must fit known operands, or wishes. */
const mostDraws = { known: 8, wished: 24 };

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
  const { values, rests, wishes } = state;
  const draws = wishes.isEmpty ? (inner.size > 0 ? mostDraws.known : 1) : mostDraws.wished;
  const before = [new Map(values), new Map(rests)] as const;
  for (let draw = 0; draw < draws; draw += 1) {
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
  const drawn = wishedLists(state, pattern, drawOperands(state, name, inner));
  const count = op.operands.at(-1)?.variadic ? pattern.operands.length : drawn.inputs.length;
  const fitting = fitTypes(state, count, drawn.inputs, inner, op.scalar !== undefined);
  const types = wishedTypes(state, pattern, fitting, inner);
  const attributes = sampleAttributes(state, name, pattern, drawn.attributes as Attributes);
  if (!attributes) return undefined;
  const whole = inferred(state, name, types, attributes);
  const others = whole && wishedResult(state, pattern, whole, inner);
  return (others && inferred(state, name, others, attributes)) ?? whole;
}

function inferred(
  { wishes }: SampleState,
  name: OpName,
  types: readonly TensorType[],
  attributes: Attributes,
): Drawn | undefined {
  const bounds = wishes.isEmpty ? most : mostWished;
  const normal = normalizeAttributes(name, types, attributes);
  if (isProblem(normal)) return undefined;
  const type = inferType(name, types, normal);
  if (isProblem(type) || elements(type.shape) > bounds.elements) return undefined;
  return opOf(name).macs(types, normal, type) > bounds.macs ? undefined : { types, attributes: normal, type };
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
  const numbers = isInteger(type.dtype) ? undefined : state.wishes.numbers(pattern.name);
  // Inputs have both signs.
  const constant =
    numbers !== undefined ||
    rule.hints.constants.has(pattern.of) ||
    random.next() < (role === "weight" ? 0.8 : 0.1) ||
    positive;
  const fill = numbers ? drawBetween(random, numbers) : positive ? () => 0.01 + random.next() : undefined;
  // Two variables may be bound to one value.
  const same = [...state.variables.values()].find(
    (other) => sameType(other.type, type) && (other.op === "constant" || !constant),
  );
  const node =
    same && !positive && !numbers && random.next() < 0.08
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
