// Checks options of the public API at run time, before they are used, for callers without a type checker.

import { expectArgument, hasProperties } from "./argument.js";
import { suggest } from "./suggest.js";

/** The values that an option takes: in words, and as a predicate. */
export interface OptionKind {
  readonly takes: string;
  readonly holds: (value: unknown) => boolean;
}

/** The kind of each option of T. The type requires a kind for every option. */
export type OptionKinds<T> = { readonly [Name in keyof T]-?: OptionKind };

/**
 * Throws a TypeError unless `options` is an object that has no other properties than these, each of its kind. Undefined ones count as absent.
 */
export function expectOptions<T>(call: string, options: T, kinds: OptionKinds<T>): void {
  expectArgument(call, "an object with options", options, hasProperties(options) && !Array.isArray(options));
  for (const [name, value] of Object.entries(options as object))
    if (value !== undefined && !Object.hasOwn(kinds, name))
      throw new TypeError(
        `${call} takes no option ${JSON.stringify(name)}; ${otherOptions(name, Object.keys(kinds))}`,
      );
  for (const [name, { takes, holds }] of Object.entries<OptionKind>(kinds)) {
    const value = options[name as keyof T];
    expectArgument(call, `${name} as ${takes}`, value, value === undefined || holds(value));
  }
}

/** Those of the options that a call takes which a further call takes too. */
export function optionsOf<T>(kinds: OptionKinds<T>, options: T): T {
  return Object.fromEntries(
    Object.entries(options as object).filter(([name]) => Object.hasOwn(kinds, name)),
  ) as T;
}

/** The option that was probably meant, or all. */
function otherOptions(name: string, known: readonly string[]): string {
  const [nearest] = suggest(name, known);
  return nearest === undefined ? `it takes ${known.join(", ")}` : `did you mean ${JSON.stringify(nearest)}?`;
}

export const aModule: OptionKind = {
  takes: "a module, `{ graph, weights }`",
  holds: (value) => hasProperties(value, "graph", "weights"),
};

export const aText: OptionKind = { takes: "a text", holds: (value) => typeof value === "string" };

export const aBoolean: OptionKind = {
  takes: "true or false",
  holds: (value) => typeof value === "boolean",
};

export const aNumber: OptionKind = {
  takes: "a number",
  holds: (value) => typeof value === "number" && !Number.isNaN(value),
};

/** A count or a duration. */
export const anAmount: OptionKind = {
  takes: "a number from 0 up",
  holds: (value) => typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY,
};

export const aCount: OptionKind = {
  takes: "a whole number from 1 up",
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
};

export const aFunction: OptionKind = {
  takes: "a function",
  holds: (value) => typeof value === "function",
};

export function oneOf(values: readonly unknown[]): OptionKind {
  return {
    takes: values.map((value) => JSON.stringify(value)).join(" or "),
    holds: (value) => values.includes(value),
  };
}

/** An object that has these properties. */
export function anObject(takes: string, ...names: readonly string[]): OptionKind {
  return {
    takes,
    holds: (value) =>
      !Array.isArray(value) && hasProperties(value) && names.every((name) => hasProperties(value, name)),
  };
}

export function listOf(takes: string, { holds }: OptionKind): OptionKind {
  return { takes: `a list of ${takes}`, holds: (value) => Array.isArray(value) && value.every(holds) };
}

/** A Map whose keys are strings. */
export function mapOf(takes: string, { holds }: OptionKind): OptionKind {
  return {
    takes: `a Map of ${takes}`,
    holds: (value) =>
      hasProperties(value, "has", "get", "entries") &&
      [...(value as ReadonlyMap<unknown, unknown>)].every(([key, one]) => aText.holds(key) && holds(one)),
  };
}

/** An object with options. */
export function objectOf<T>(takes: string, kinds: OptionKinds<T>): OptionKind {
  const names = Object.entries<OptionKind>(kinds).map(([name, kind]) => `${name} (${kind.takes})`);
  return {
    takes: `an object with ${takes}: ${names.join(", ")}`,
    holds: (value) =>
      hasProperties(value) &&
      Object.entries(value as object).every(
        ([name, one]) =>
          Object.hasOwn(kinds, name) && (one === undefined || kinds[name as keyof T].holds(one)),
      ),
  };
}

/** A plain object. */
export function recordOf(takes: string, { holds }: OptionKind): OptionKind {
  return {
    takes: `an object with ${takes}`,
    holds: (value) =>
      hasProperties(value) && !Array.isArray(value) && Object.values(value as object).every(holds),
  };
}
