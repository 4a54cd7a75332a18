// Draws the attributes of an op in a sample: as the op draws them, or as the rule mentions or names them.

import type { AttributeValue, OpName } from "#ir/graph.js";
import type { AttributeKind } from "#ops/attributes.js";
import { opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import type { AttributePattern } from "../rule/rule.js";
import type { PlainOp } from "./choose-pattern.js";
import type { SampleState } from "./sample-state.js";

/** Undefined if what the rule says does not fit the op. */
export function sampleAttributes(
  state: SampleState,
  name: OpName,
  pattern: PlainOp,
  drawn: Attributes,
): Attributes | undefined {
  const op = opOf(name);
  const attributes: Record<string, AttributeValue> = {};
  const rest: Record<string, AttributeValue> = {};
  const known = pattern.rest === undefined ? undefined : state.rests.get(pattern.rest);
  for (const [key, kind] of Object.entries(op.attributes)) {
    const term = pattern.attributes.find(([one]) => one === key)?.[1];
    const own = isNumber(kind) ? otherNumber(state, drawn[key]) : drawn[key];
    const value = term
      ? attributeOf(state, term, own, kind)
      : pattern.rest === undefined
        ? kind.default
        : (known?.[key] ?? own);
    if (value === undefined) return undefined;
    attributes[key] = value;
    if (!term) rest[key] = value;
  }
  if (pattern.rest !== undefined && !known) state.rests.set(pattern.rest, rest);
  return attributes;
}

function isNumber(kind: { readonly expects: string }): boolean {
  return kind.expects === "a number";
}

/** Slopes, bounds and the like that a rule may not expect: 0, negative ones, numbers that it mentions, a lower bound above the upper one. */
function otherNumber(
  { random, rule }: SampleState,
  drawn: AttributeValue | undefined,
): AttributeValue | undefined {
  if (random.next() < 0.6) return drawn;
  return random.pick([0, 1, -1, 0.5, -0.5, 6, -3, 1e-12, 100, ...rule.literals.numbers]);
}

function attributeOf(
  state: SampleState,
  term: AttributePattern,
  drawn: AttributeValue | undefined,
  kind?: AttributeKind<AttributeValue>,
): AttributeValue | undefined {
  switch (term.kind) {
    case "value":
      return term.value;
    case "variable": {
      const known = state.values.get(term.name) ?? wishedValue(state, term.name, kind);
      // Two attributes often fit together only if they are small or special numbers (an order of axes, amounts of a pad).
      const value = known ?? (state.random.next() < 0.4 ? likelier(state, drawn, kind) : drawn);
      if (value !== undefined) state.values.set(term.name, value);
      return value;
    }
    case "list": {
      if (typeof drawn !== "object") return undefined;
      const items = term.items.map((item, at) => attributeOf(state, item, drawn[at]));
      const numbers = items.filter((item) => typeof item === "number");
      return numbers.length === term.items.length ? numbers : undefined;
    }
    default:
      return term satisfies never;
  }
}

/** The value that a condition asks for, if the op allows it. */
function wishedValue(
  { wishes }: SampleState,
  name: string,
  kind: AttributeKind<AttributeValue> | undefined,
): AttributeValue | undefined {
  const value = wishes.attribute(name);
  return value === undefined || kind === undefined || allows(kind, value) ? value : undefined;
}

function allows(kind: AttributeKind<AttributeValue>, value: AttributeValue): boolean {
  const literal =
    typeof value === "object"
      ? ({ kind: "list", value, size: false } as const)
      : typeof value === "number"
        ? ({ kind: "number", value } as const)
        : ({ kind: "name", value: String(value) } as const);
  return kind.parse(literal) !== undefined;
}

/**
 * One of: a list that the rule mentions; a list of −1, which means the rest or the last axis; the list with zeros at its ends, as for the
 * padding of an image; the sorted list, if it is an order of axes.
 */
function likelier(
  { random, rule }: SampleState,
  drawn: AttributeValue | undefined,
  kind: AttributeKind<AttributeValue> | undefined,
): AttributeValue | undefined {
  if (typeof drawn !== "object") return drawn;
  const mentioned = rule.literals.lists.filter((list) => list.length === drawn.length);
  const sorted = drawn.toSorted((a, b) => a - b);
  const isOrder = sorted.length > 1 && sorted.every((item, index) => item === index);
  const inner = drawn.map((item, index) => (index === 0 || index === drawn.length - 1 ? 0 : item));
  const value = random.pick([
    ...mentioned,
    drawn.map(() => -1),
    isOrder ? sorted : inner,
    isOrder ? sorted : inner,
  ]);
  // If the op does not allow the new list, the drawn one stays.
  return kind === undefined || allows(kind, value) ? value : drawn;
}
