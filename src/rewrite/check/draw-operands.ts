// Draws the types of an op's operands in a sample: as the op draws them, changed so that they fit each other and the rule.

import { greatest } from "#diagnostic/extremes.js";
import type { Node, OpName } from "#ir/graph.js";
import type { Shape, TensorType } from "#ir/type.js";
import { f32, sameShape } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { Random } from "#ops/random.js";
import type { Attributes } from "#ops/op.js";
import { zeroNames } from "#ops/result-type.js";
import type { PlainOp } from "./choose-pattern.js";
import { elementOf } from "./sample-integers.js";
import type { SampleState } from "./sample-state.js";
import type { Wishes } from "./wishes.js";

/**
 * The extents, other than 1, that one sample uses; an empty list means those that the ops draw. With few extents, operands of different
 * ops often fit together. Only equal extents show a mix-up of axes: with different ones, the types would differ.
 */
const extentChoices: readonly (readonly number[])[] = [[], [], [], [2], [2], [3], [2, 3], [7, 9]];

/** With wishes, most extents are small: those that a condition asks for may be large. */
const wishedExtents: readonly (readonly number[])[] = [[], [], [1], [1], [2], [1, 2], [3]];

export function drawExtents(random: Random, wishes: Wishes): readonly number[] {
  return random.pick(wishes.isEmpty ? extentChoices : wishedExtents);
}

/** The operands and attributes that an op draws, with the extents of the sample, and sometimes with one that the rule mentions. */
export function drawOperands(
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
export function fitTypes(
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

/** Operands with as many axes as a list of attributes has items, where a longer or shorter list is wished for: an order of axes has one for each. */
export function wishedLists(
  { wishes }: SampleState,
  pattern: PlainOp,
  drawn: ReturnType<typeof drawOperands>,
): ReturnType<typeof drawOperands> {
  if (wishes.isEmpty) return drawn;
  const attributes = drawn.attributes as Attributes;
  for (const [key, term] of pattern.attributes) {
    const wished = term.kind === "variable" ? wishes.attribute(term.name) : undefined;
    const before = attributes[key];
    if (typeof wished !== "object" || typeof before !== "object" || wished.length === before.length) continue;
    const inputs = drawn.inputs.map((type) => {
      const { shape } = type;
      if (shape.length !== before.length) return type;
      const added = Array.from({ length: Math.max(0, wished.length - shape.length) }, () => 2);
      return { ...type, shape: [...added, ...shape.slice(-wished.length || shape.length)] };
    });
    return { ...drawn, inputs };
  }
  return drawn;
}

/** The types with the extents that are wished for. Mostly, an extent that changes is that of other operands too. */
export function wishedTypes(
  { random, wishes }: SampleState,
  pattern: PlainOp,
  types: readonly TensorType[],
  inner: ReadonlyMap<number, Node>,
): readonly TensorType[] {
  if (wishes.isEmpty) return types;
  const changes = new Map<number, number>();
  const wished = types.map((type, at) => {
    const operand = pattern.operands[at];
    if (inner.has(at) || operand?.kind !== "variable") return type;
    const shape = wishes.shape(operand.name, type.shape);
    if (sameShape(shape, type.shape)) return type;
    noteChanges(changes, type.shape, shape);
    return { ...type, shape };
  });
  if (random.next() < 0.3) return wished;
  return wished.map((type, at) => (inner.has(at) || type !== types[at] ? type : replaced(type, changes)));
}

/** Types of operands by which the result has the extents that are wished for, where it lacks some. */
export function wishedResult(
  { wishes }: SampleState,
  { binder }: PlainOp,
  { types, type }: { readonly types: readonly TensorType[]; readonly type: TensorType },
  inner: ReadonlyMap<number, Node>,
): readonly TensorType[] | undefined {
  if (binder === undefined || wishes.isEmpty) return undefined;
  const changes = new Map<number, number>();
  noteChanges(changes, type.shape, wishes.shape(binder, type.shape));
  if (changes.size === 0) return undefined;
  return types.map((one, at) => (inner.has(at) ? one : replaced(one, changes)));
}

/** Notes which extents became others, if only extents changed. An extent of 1 broadcasts, and says nothing about others. */
function noteChanges(changes: Map<number, number>, before: Shape, after: Shape): void {
  if (before.length !== after.length) return;
  for (const [axis, extent] of before.entries()) {
    const other = after[axis] ?? extent;
    if (extent !== other && extent !== 1) changes.set(extent, other);
  }
}

function replaced(type: TensorType, changes: ReadonlyMap<number, number>): TensorType {
  return { ...type, shape: type.shape.map((extent) => changes.get(extent) ?? extent) };
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
