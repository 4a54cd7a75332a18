// Reads the fields of a JSON object by kind. It refuses fields that are missing or of another kind than requested.

import { quote, refuse } from "#import/refusal.js";

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Fields {
  /** Whether the object has the field and it is not null. */
  has(key: string): boolean;
  get(key: string): Json | undefined;
  /** An integer within ±2⁵³. */
  int(key: string, otherwise?: number): number;
  number(key: string, otherwise?: number): number;
  text(key: string, otherwise?: string): string;
  flag(key: string, otherwise: boolean): boolean;
  list(key: string): readonly Json[];
  fields(key: string): Fields;
  /** Integers; a single number is repeated `count` times. */
  ints(key: string, count?: number): readonly number[] | undefined;
}

/** The fields of an object. Refuses a value that is not an object; `what` names it in the message. */
export function fieldsOf(value: Json | undefined, what: string): Fields {
  const object = objectOf(value);
  if (!object) refuse("bad-model", `${what} is not an object`);
  const get = (key: string): Json | undefined =>
    Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
  const wrong = (key: string, kind: string): never =>
    refuse(
      "bad-model",
      get(key) === undefined ? `${what} has no ${quote(key)}` : `${quote(key)} of ${what} is not a ${kind}`,
    );
  const read = <T extends Json>(
    key: string,
    kind: string,
    is: (value: Json) => value is T,
    otherwise: T | undefined,
  ): T => {
    const found = get(key);
    if (found === undefined) return otherwise ?? wrong(key, kind);
    return is(found) ? found : wrong(key, kind);
  };
  return {
    has: (key) => get(key) !== undefined,
    get,
    int: (key, otherwise) => read(key, "whole number", isInt, otherwise),
    number: (key, otherwise) => read(key, "number", isNumber, otherwise),
    text: (key, otherwise) => read(key, "text", isText, otherwise),
    flag: (key, otherwise) => read(key, "truth value", isFlag, otherwise),
    list: (key) => listOf(get(key)) ?? wrong(key, "list"),
    fields: (key) => fieldsOf(get(key), `${quote(key)} of ${what}`),
    ints: (key, count) => {
      const found = get(key);
      if (found === undefined) return undefined;
      if (isInt(found)) return new Array<number>(count ?? 1).fill(found);
      const list = listOf(found);
      if (!list?.every(isInt)) return wrong(key, "list of whole numbers");
      if (count !== undefined && list.length !== count)
        refuse("bad-model", `${quote(key)} of ${what} has ${list.length} numbers instead of ${count}`);
      return list;
    },
  };
}

/** The value if it is an object. */
export function objectOf(value: Json | undefined): { readonly [key: string]: Json } | undefined {
  return typeof value === "object" && value !== null && !isList(value) ? value : undefined;
}

/** The value if it is a list. */
export function listOf(value: Json | undefined): readonly Json[] | undefined {
  return value !== undefined && isList(value) ? value : undefined;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isInt(value: Json): value is number {
  return Number.isSafeInteger(value);
}

function isNumber(value: Json): value is number {
  return typeof value === "number";
}

export function isText(value: Json | undefined): value is string {
  return typeof value === "string";
}

function isFlag(value: Json): value is boolean {
  return typeof value === "boolean";
}
