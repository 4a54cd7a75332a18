// What results of nodes are while a graph is imported: values, lists of tensors, and what a choice has left out.

import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";

/** A list of tensors, or the state of an array of them: elements that were not written are undefined. It is never changed. */
export interface TensorList {
  readonly items: readonly (Value | undefined)[];
  /** The shape of elements, −1 where an extent is open, if the graph gives it. */
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

/** The value; refused if it is a list. */
export function valueOf(held: Held, what: string): Value {
  return isValue(held) ? held : unsupported(`${what} of a list of tensors`);
}

/** The list; refused if it is a tensor. */
export function listOf(held: Held | undefined, what: string): TensorList {
  return held && "items" in held ? held : refuse("bad-model", `${what} is not a list of tensors`);
}
