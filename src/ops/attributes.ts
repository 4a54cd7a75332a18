// The interface of attribute kinds: how an attribute is parsed, checked, printed, and its default.

import type { AttributeValue } from "#ir/graph.js";

/** `[height, width]`. */
export type Size = readonly [number, number];

/** `[top, bottom, left, right]`, in elements. */
export type Padding = readonly [number, number, number, number];

/** A literal after the elaborator has evaluated it: numbers, sizes and lists, strings, enum members and booleans. */
export type Literal =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "list"; readonly value: readonly number[]; readonly size: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "name"; readonly value: string }; // an enum member, true or false

/** A kind of attribute with values of type T. */
export interface AttributeKind<T extends AttributeValue> {
  /** For messages and docs: `a size such as 3x3`. */
  readonly expects: string;
  /** The TypeScript type of what a program may give for it: `number | readonly [number, number]`. */
  readonly given: string;
  /** Absent if the attribute is required. */
  readonly default?: T;
  readonly doc: string;
  /** The names that are literals of this attribute: `same`, `valid`. */
  readonly members?: readonly string[];
  /** The texts that are its values, in quotes. */
  readonly texts?: readonly string[];
  /** The value, or undefined if the literal is not of this kind. */
  parse(literal: Literal): T | undefined;
  /** The value in the language. */
  print(value: T): string;
}

/** The attribute values of a table of kinds. */
export type AttributesOf<A extends Readonly<Record<string, AttributeKind<AttributeValue>>>> = {
  readonly [K in keyof A]: A[K] extends AttributeKind<infer T> ? T : never;
};
