// The results of nodes while a graph is imported: values, lists of tensors, and results of branches that are not taken.

import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";

/** A list of tensors, or the state of a tensor array. Elements that were not written are undefined. It is immutable. */
export interface TensorList {
  readonly items: readonly (Value | undefined)[];
  /** The shape of the elements, −1 where an extent is open, if the graph gives it. */
  readonly element: readonly number[] | undefined;
}

/** The result of a node in the branch of a choice that is not taken. */
export interface Dead {
  readonly isDead: true;
}

export type Held = Value | TensorList | Dead;

export const dead: Dead = { isDead: true };

export function isValue(held: Held): held is Value {
  return "ref" in held;
}

export function isDead(held: Held): held is Dead {
  return "isDead" in held;
}

/** The value. Refuses a list. */
export function valueOf(held: Held, what: string): Value {
  return isValue(held) ? held : unsupported(`${what} of a list of tensors`);
}

/** The list. Refuses a tensor. */
export function listOf(held: Held | undefined, what: string): TensorList {
  return held && "items" in held ? held : refuse("bad-model", `${what} is not a list of tensors`);
}
