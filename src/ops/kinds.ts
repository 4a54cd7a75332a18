// The attribute kinds of ops.

import type { AttributeValue } from "#ir/graph.js";
import type { AttributeKind, Literal, Padding, Size } from "./attributes.js";

interface Options<T extends AttributeValue> {
  readonly default?: T;
  readonly doc: string;
}

type Required<T extends AttributeValue> = AttributeKind<T>;

/** A whole number of at least `min`. */
export function int(options: Options<number> & { min?: number }): AttributeKind<number> {
  const min = options.min ?? Number.NEGATIVE_INFINITY;
  return {
    ...common(options),
    expects: options.min === undefined ? "a whole number" : `a whole number from ${min} up`,
    given: "number",
    parse: (literal) =>
      literal.kind === "number" && Number.isSafeInteger(literal.value) && literal.value >= min
        ? literal.value
        : undefined,
    print: String,
  };
}

/** Any number except NaN; ±∞ is written `inf`. */
export function number(options: Options<number>): AttributeKind<number> {
  return {
    ...common(options),
    expects: "a number",
    given: "number",
    parse: (literal) =>
      literal.kind === "number" && !Number.isNaN(literal.value) ? literal.value : undefined,
    print: printNumber,
  };
}

export function boolean(options: Options<boolean>): AttributeKind<boolean> {
  return {
    ...common(options),
    expects: "true or false",
    given: "boolean",
    members: ["true", "false"],
    parse: (literal) =>
      literal.kind === "name" && (literal.value === "true" || literal.value === "false")
        ? literal.value === "true"
        : undefined,
    print: String,
  };
}

/** One of the given names. */
export function member<const M extends string>(
  members: readonly M[],
  options: { default?: M; doc: string },
): AttributeKind<M> {
  return {
    ...common(options),
    expects: members.map((name) => `\`${name}\``).join(" or "),
    given: oneOfTexts(members),
    members,
    parse: (literal) => members.find((name) => literal.kind === "name" && literal.value === name),
    print: (value) => value,
  };
}

/** A text in quotes. */
export function text(options: Options<string>): Required<string> {
  return {
    ...common(options),
    expects: "a string",
    given: "string",
    parse: (literal) => (literal.kind === "string" ? literal.value : undefined),
    print: (value) => JSON.stringify(value),
  };
}

/** One of the given texts, in quotes: unlike members, they are not reserved as names. */
export function oneOf<const T extends string>(
  texts: readonly T[],
  options: { default?: T; doc: string },
): AttributeKind<T> {
  return {
    ...common(options),
    expects: texts.map((one) => JSON.stringify(one)).join(" or "),
    given: oneOfTexts(texts),
    texts,
    parse: (literal) => texts.find((one) => literal.kind === "string" && literal.value === one),
    print: (value) => JSON.stringify(value),
  };
}

/** Height and width: `3x3`, `[3, 3]`, or `3` for both. */
export function size(options: Options<Size> & { min?: number }): AttributeKind<Size> {
  const min = options.min ?? 1;
  return {
    ...common(options),
    expects: `a size such as 3x3, each from ${min} up`,
    given: "number | readonly [number, number]",
    parse: (literal) => {
      const pair = pairOf(literal);
      return pair?.every((extent) => Number.isSafeInteger(extent) && extent >= min) ? pair : undefined;
    },
    print: (value) => `${value[0]}x${value[1]}`,
  };
}

/** `same`, `valid`, a symmetric `1x1`, or `[top, bottom, left, right]`; graphs hold the four numbers. */
export function padding(options: { doc: string }): AttributeKind<Padding | "same" | "valid"> {
  return {
    doc: options.doc,
    default: [0, 0, 0, 0],
    expects: "`same`, `valid`, a symmetric 1x1, or [top, bottom, left, right]",
    given:
      '"same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number]',
    members: ["same", "valid"],
    parse: (literal) => {
      if (literal.kind === "name")
        return literal.value === "same" || literal.value === "valid" ? literal.value : undefined;
      const values = fourOf(literal) ?? symmetric(pairOf(literal));
      return values?.every((extent) => Number.isSafeInteger(extent) && extent >= 0) ? values : undefined;
    },
    print: (value) => (typeof value === "string" ? value : `[${value.join(", ")}]`),
  };
}

/** A list of whole numbers, each at least `min`. */
export function ints(
  options: Options<readonly number[]> & { min?: number },
): AttributeKind<readonly number[]> {
  const min = options.min ?? Number.NEGATIVE_INFINITY;
  return {
    ...common(options),
    expects: "a list of whole numbers",
    given: "readonly number[]",
    parse: (literal) => {
      const values =
        literal.kind === "list" ? literal.value : literal.kind === "number" ? [literal.value] : undefined;
      return values?.every((value) => Number.isSafeInteger(value) && value >= min) ? values : undefined;
    },
    print: (value) => `[${value.join(", ")}]`,
  };
}

function oneOfTexts(texts: readonly string[]): string {
  return texts.map((one) => JSON.stringify(one)).join(" | ");
}

/** A number in the language: JavaScript's shortest form is a valid literal, except ∞. */
function printNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  if (Object.is(value, -0)) return "-0";
  return String(value).replace("e+", "e");
}

function common<T extends AttributeValue>(options: Options<T>): { doc: string; default?: T } {
  return options.default === undefined
    ? { doc: options.doc }
    : { doc: options.doc, default: options.default };
}

function pairOf(literal: Literal): Size | undefined {
  if (literal.kind === "number") return [literal.value, literal.value];
  const [height, width, more] = literal.kind === "list" ? literal.value : [];
  return height !== undefined && width !== undefined && more === undefined ? [height, width] : undefined;
}

function fourOf(literal: Literal): Padding | undefined {
  const [top, bottom, left, right, more] = literal.kind === "list" ? literal.value : [];
  if (top === undefined || bottom === undefined || left === undefined || right === undefined)
    return undefined;
  return more === undefined ? [top, bottom, left, right] : undefined;
}

function symmetric(pair: Size | undefined): Padding | undefined {
  return pair && [pair[0], pair[0], pair[1], pair[1]];
}
