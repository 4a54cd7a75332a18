// What control flow of all formats becomes: a choice that is computed is a select between both results, a loop its steps one after another.

import { sameOrder } from "#ir/axis-order.js";
import { elements } from "#ir/type.js";
import { sameShape } from "#ir/type.js";
import { combine } from "./broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { numbersOf } from "#import/lowering.js";
import { needsConstant, refuse, Refusal } from "#import/refusal.js";
import { reshaped } from "./reshape.js";
import type { Value } from "#import/value.js";

/** Most nodes that loops are unrolled to, those of inner loops counted each time. */
const unrolledLimit = 50_000;

/** Counts a node or step of a loop. Refuses what is unrolled to too many. */
export function countUnrolled(shared: { unrolled: number }): void {
  shared.unrolled += 1;
  checkUnrolled(shared, 0);
}

/** Refuses a loop before it is unrolled, if the nodes that it would add are known to be too many. */
export function checkUnrolled(shared: { readonly unrolled: number }, more: number): void {
  if (shared.unrolled + more > unrolledLimit)
    refuse("too-large", `loops are unrolled to more than ${unrolledLimit} nodes`);
}

/** The one truth value that a condition is, or undefined if it is computed. */
export function knownCondition(condition: Value, what: string): boolean | undefined {
  if (elements(condition.shape) !== 1)
    refuse("bad-model", `${what} has ${elements(condition.shape)} values instead of one`);
  return condition.ref.kind === "constant" ? numbersOf(condition, what)[0] !== 0 : undefined;
}

/** `yes` where the condition, one value, is not 0, else `no`. Both are computed. */
export function selected(ctx: Lowering, condition: Value, yes: Value, no: Value, what: string): Value {
  // A transpose only notes another order, and leaves the reference as it is.
  if (yes.ref === no.ref && sameOrder(yes.order, no.order) && sameShape(yes.shape, no.shape)) return yes;
  if (!sameShape(yes.shape, no.shape))
    needsConstant(
      `${what} is computed, and its branches give [${yes.shape.join(", ")}] and [${no.shape.join(", ")}]`,
      [condition.ref],
    );
  const one = condition.shape.length === 0 ? condition : reshaped(ctx, condition, []);
  return combine(ctx, "where", [one, yes, no], { type: yes.type });
}

/** What both branches of a computed choice give. Where one was refused, the message says why both are needed. */
export function bothBranches<T>(condition: Value, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof Refusal) || cause.code === "too-large") throw cause;
    const why = cause.isQuiet ? "of its branches one cannot be imported" : cause.message;
    const because = `its condition is computed from the inputs, and ${why}`;
    throw new Refusal("needs-constant", because, { help: cause.help, computed: [condition.ref] });
  }
}

/** The results of a loop: what it carries from step to step, and what each step gave. */
export interface LoopResults {
  readonly carried: readonly Value[];
  readonly gathered: readonly (readonly Value[])[];
}

/** What one step of a loop gives. */
export interface Step {
  /** Whether there is a next step; without it, there is. */
  readonly next?: Value;
  readonly carried: readonly Value[];
  readonly gathered: readonly Value[];
}

/**
 * A loop whose number of steps is known: `most` at most, and as long as conditions are true that are known. From a condition on that is
 * computed, all steps are taken, and what is carried is kept as it was where the loop would have ended; what is gathered would then be of
 * no known length, and is refused.
 */
export function unrolled(
  ctx: Lowering,
  {
    start,
    carried: first,
    most,
    what,
  }: {
    readonly start?: Value;
    readonly carried: readonly Value[];
    readonly most: number;
    readonly what: string;
  },
  step: (at: number, carried: readonly Value[]) => Step,
): LoopResults {
  const gathered: Value[][] = [];
  let carried = first;
  let active: Value | undefined;
  const goesOn = (condition: Value | undefined): boolean => {
    const known = condition && knownCondition(condition, `the condition of ${what}`);
    if (!condition || known !== undefined) return known ?? true;
    if (most === Number.POSITIVE_INFINITY)
      needsConstant(`${what} runs as long as a condition that is computed from the inputs`, [condition.ref]);
    active = active ? combine(ctx, "mul", [active, condition]) : condition;
    return true;
  };
  let isGoing = goesOn(start);
  for (let at = 0; isGoing && at < most; at += 1) {
    const own = step(at, carried);
    const before = active;
    if (before && own.gathered.length > 0)
      needsConstant(`${what} gathers results until a condition that is computed from the inputs`, [
        before.ref,
      ]);
    carried = before
      ? own.carried.map((value, place) =>
          selected(ctx, before, value, carried[place] ?? value, `the condition of ${what}`),
        )
      : own.carried;
    for (const [place, value] of own.gathered.entries()) (gathered[place] ??= []).push(value);
    isGoing = at + 1 < most && goesOn(own.next);
  }
  return { carried, gathered };
}
