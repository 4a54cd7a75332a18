// Control flow of all formats: a computed choice becomes a select between both results, and a loop becomes its iterations, one after
// another.

import { sameOrder } from "#ir/axis-order.js";
import { elements } from "#ir/type.js";
import { sameShape } from "#ir/type.js";
import { combine } from "./broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { numbersOf } from "#import/lowering.js";
import { needsConstant, refuse, Refusal } from "#import/refusal.js";
import { reshaped } from "./reshape.js";
import type { Value } from "#import/value.js";

/** The most nodes that loops are unrolled to. The nodes of inner loops are counted in each iteration. */
const unrolledLimit = 50_000;

/** Counts a node or an iteration of a loop. Refuses a loop that unrolls to too many. */
export function countUnrolled(shared: { unrolled: number }): void {
  shared.unrolled += 1;
  checkUnrolled(shared, 0);
}

/** Refuses a loop before it is unrolled, if it is known to add too many nodes. */
export function checkUnrolled(shared: { readonly unrolled: number }, more: number): void {
  if (shared.unrolled + more > unrolledLimit)
    refuse("too-large", `loops are unrolled to more than ${unrolledLimit} nodes`);
}

/** The single truth value of a condition, or undefined if the condition is computed. */
export function knownCondition(condition: Value, what: string): boolean | undefined {
  if (elements(condition.shape) !== 1)
    refuse("bad-model", `${what} has ${elements(condition.shape)} values instead of one`);
  return condition.ref.kind === "constant" ? numbersOf(condition, what)[0] !== 0 : undefined;
}

/** `yes` where the condition, a single value, is not 0, else `no`. Both are computed. */
export function selected(ctx: Lowering, condition: Value, yes: Value, no: Value, what: string): Value {
  // A transpose only notes another order of axes and keeps the reference, so equal references are not enough.
  if (yes.ref === no.ref && sameOrder(yes.order, no.order) && sameShape(yes.shape, no.shape)) return yes;
  if (!sameShape(yes.shape, no.shape))
    needsConstant(
      `${what} is computed, and its branches give [${yes.shape.join(", ")}] and [${no.shape.join(", ")}]`,
      [condition.ref],
    );
  const one = condition.shape.length === 0 ? condition : reshaped(ctx, condition, []);
  return combine(ctx, "where", [one, yes, no], { type: yes.type });
}

/** The results of both branches of a computed choice. If a branch is refused, the message says why both are needed. */
export function bothBranches<T>(condition: Value, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof Refusal) || cause.code === "too-large") throw cause;
    const why = cause.isQuiet ? "one of its branches cannot be imported" : cause.message;
    const because = `its condition is computed from the inputs, and ${why}`;
    throw new Refusal("needs-constant", because, { help: cause.help, computed: [condition.ref] });
  }
}

/** The results of a loop: the values that it carries from iteration to iteration, and the results of each iteration. */
export interface LoopResults {
  readonly carried: readonly Value[];
  readonly gathered: readonly (readonly Value[])[];
}

/** The results of one iteration of a loop. */
export interface Iteration {
  /** Whether another iteration follows; absent if one always does. */
  readonly next?: Value;
  readonly carried: readonly Value[];
  readonly gathered: readonly Value[];
}

/**
 * Unrolls a loop of at most `most` iterations. A known condition ends it early. After the first computed condition, all iterations are
 * computed, and the carried values stop changing where the loop would have ended. Results gathered by such a loop would have an unknown
 * length, so they are refused.
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
  step: (at: number, carried: readonly Value[]) => Iteration,
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
