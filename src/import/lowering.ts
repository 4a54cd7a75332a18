// Helpers for lowering operators of all formats: they convert references to values and values to numbers, and normalize axes.

import { bug } from "#diagnostic/diagnostic.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { operandLimit } from "#ops/index.js";
import type { ImportBuilder } from "./builder.js";
import { smallLimit } from "./builder.js";
import type { ElementType } from "./element-type.js";
import { float32, int64 } from "./element-type.js";
import { needsConstant, refuse, refuseBatch } from "./refusal.js";
import type { Ref, Value } from "./value.js";
import { natural } from "#ir/axis-order.js";

/** The context in which operators are lowered. */
export interface Lowering {
  readonly build: ImportBuilder;
}

/** Refuses an operator that has more operands or results than a node may have. */
export function checkMany(count: number, what: "operands" | "results" | "branches"): void {
  if (count > operandLimit)
    refuse(
      "unsupported-operator",
      `it has ${count} ${what}; up to ${operandLimit} are supported`,
      what === "operands"
        ? "put parts of them together first, and then the results"
        : "take it apart in a few steps, or in JavaScript behind the net",
    );
}

/** A number as a value without axes. */
export function scalar(ctx: Lowering, value: number): Value {
  return valueOf(ctx.build.literal([value], []));
}

/** The value of a reference, with its axes in their natural order or in another one. */
export function valueOf(ref: Ref, type: ElementType = float32, order = natural(ref.shape.length)): Value {
  const shape = new Array<number>(order.length).fill(1);
  for (const [place, axis] of order.entries()) shape[axis] = ref.shape[place] ?? 1;
  if (ref.kind === "constant" && !order.every((axis, at) => axis === at)) bug("a constant out of order");
  return { type, shape, ref, order };
}

/** The value of a reference whose axes are in this order; a constant is brought back to the natural order. */
export function ordered(
  ctx: Lowering,
  ref: Ref,
  order: readonly number[],
  type: ElementType = float32,
): Value {
  if (ref.kind === "node") return valueOf(ref, type, [...order]);
  const shape = new Array<number>(order.length).fill(1);
  for (const [place, axis] of order.entries()) shape[axis] = ref.shape[place] ?? 1;
  const back = order.map((_, axis) => order.indexOf(axis));
  const same = back.every((axis, at) => axis === at);
  return valueOf(same ? ref : ctx.build.emit("transpose", [ref], { perm: back }), type);
}

/** A constant of integers. */
export function intsValue(ctx: Lowering, numbers: readonly number[], shape: Shape = [numbers.length]): Value {
  return valueOf(ctx.build.literal(numbers, shape), int64);
}

/** The numbers of a value that must be known during the import and must not depend on the size of the batch. */
export function numbersOf(value: Value, what: string): readonly number[] {
  const numbers = knownNumbers(value, what);
  if (value.ref.kind === "constant" && value.ref.batchPowers)
    refuseBatch(`${what} is computed from the size of the batch`, value.ref.batchPowers.symbol);
  return numbers;
}

/** The numbers of a value that must be known during the import. Numbers that depend on the open batch are those of one sample. */
export function knownNumbers(value: Value, what: string): readonly number[] {
  if (value.ref.kind !== "constant")
    needsConstant(`${what} is computed from the inputs, but must be known when the model is compiled`, [
      value.ref,
    ]);
  if (elements(value.shape) > smallLimit)
    refuse("unsupported-operator", `${what} has ${elements(value.shape)} numbers, more than ${smallLimit}`);
  return [...value.ref.numbers()];
}

/** The value with its known numbers rounded to its type, as each operator of the model would round them when it runs. */
export function rounded(build: ImportBuilder, value: Value): Value {
  const { ref, type } = value;
  if (ref.kind !== "constant") return value;
  if (!ref.small) return { ...value, ref: { ...ref, numbers: () => ref.numbers().map(type.round) } };
  const given = ref.numbers();
  const numbers = given.map(type.round);
  if (numbers.every((number, at) => Object.is(number, given[at]))) return value;
  return { ...value, ref: build.literal(numbers, ref.shape, ref.batchPowers?.powers) };
}

/** The single number of a value that must be known. */
export function numberOf(value: Value, what: string): number {
  const numbers = numbersOf(value, what);
  const [number] = numbers;
  if (number === undefined || numbers.length !== 1)
    refuse("bad-model", `${what} has ${numbers.length} numbers instead of one`);
  return number;
}

/** A reference to a value that must be a weight. */
export function weightOf(value: Value, what: string): Ref {
  if (value.ref.kind !== "constant")
    needsConstant(
      `${what} is computed from the inputs, but must be a weight`,
      [value.ref],
      "make it a constant of the model",
    );
  return value.ref;
}

/** The axis counted from the front. Refuses an axis that the value does not have. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!(at >= 0 && at < Math.max(rank, 1)))
    refuse("bad-model", `a value with ${rank} axes does not have the axis ${axis}`);
  return at;
}

/** Applies an op of one operand that treats all elements alike. */
export function map(
  ctx: Lowering,
  op: OpName,
  x: Value,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Value {
  return { ...x, ref: ctx.build.emit(op, [x.ref], attributes) };
}
