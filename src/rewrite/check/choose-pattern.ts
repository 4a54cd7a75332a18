// Makes the choices of a left side for one sample: alternatives, optional ops, how many operands a list has, and what conditions ask for.

import type { OpName } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import type { Random } from "#ops/random.js";
import { itemName } from "../rule/aim.js";
import type { EachPattern, OpPattern, Pattern, UserRule } from "../rule/rule.js";
import type { Wishes } from "./wishes.js";

/** A term without choices. */
export type PlainPattern = PlainVariable | Extract<Pattern, { kind: "uniform" }> | PlainOp;

export interface PlainVariable {
  readonly kind: "variable";
  /** The name in the sample: `xs.1` for an operand of a list. */
  readonly name: string;
  /** The name in the rule. */
  readonly of: string;
}

export interface PlainOp extends Omit<OpPattern, "operands"> {
  readonly operands: readonly PlainPattern[];
}

/** The left side of a rule as it may occur. */
export interface PlainRule {
  readonly roots: readonly PlainOp[];
  /** Values that something outside the left side uses, and the ops by which; with no ops, the value is an output or anything reads it. */
  readonly readers: readonly PlainReader[];
}

interface PlainReader {
  readonly name: string;
  readonly ops: readonly OpName[] | "output";
}

/** Undefined if the choices do not fit together, which is seldom. */
export function choosePattern(rule: UserRule, random: Random, wishes: Wishes): PlainRule | undefined {
  const choices: Choices = {
    random,
    ops: new Map(),
    binders: new Map(rule.roots.flatMap((root) => bindersOf(root))),
    assumed: new Map(),
    lengths: new Map(),
    wishes,
    open: new Set(),
  };
  for (const { name, pattern } of rule.hints.terms)
    if (random.next() < 0.5) choices.assumed.set(name, pattern);
  const roots = rule.roots.map((root) => choose(choices, root)).filter((one) => one.kind === "op");
  if (roots.length < rule.roots.length) return undefined;
  const wished = wishes.outsiders.flatMap((name): PlainReader[] => {
    const { readers = 0, isOutput = false } = wishes.outside(name);
    const all = Array.from({ length: readers - (isOutput ? 1 : 0) }, (): PlainReader => ({
      name,
      ops: ["relu"],
    }));
    return isOutput ? [...all, { name, ops: "output" }] : all;
  });
  const known = new Set(wishes.outsiders);
  const readers = rule.hints.readers.flatMap(({ name, ops }) => {
    const length = choices.lengths.get(name);
    const names = length === undefined ? [name] : Array.from({ length }, (_, at) => itemName(name, at));
    return names.flatMap((one) => (random.next() < 0.6 && !known.has(one) ? [{ name: one, ops }] : []));
  });
  return { roots, readers: [...readers, ...wished] };
}

interface Choices {
  readonly random: Random;
  /** The ops that have a name, as they were chosen. */
  readonly ops: Map<string, PlainPattern>;
  /** Where a name is that of an op. */
  readonly binders: ReadonlyMap<string, OpPattern>;
  /** What variables are assumed to match, by `matches(…)`. */
  readonly assumed: Map<string, Pattern>;
  /** The lengths of lists. */
  readonly lengths: Map<string, number>;
  readonly wishes: Wishes;
  /** The names whose ops are being chosen. */
  readonly open: Set<string>;
}

interface Item {
  readonly each: EachPattern;
  readonly index: number;
}

function choose(choices: Choices, pattern: Pattern, item?: Item): PlainPattern {
  switch (pattern.kind) {
    case "variable":
      return chooseVariable(choices, pattern.name, item);
    case "uniform":
      return pattern;
    case "either":
      return choose(choices, choices.random.pick(pattern.alternatives), item);
    case "op": {
      const { binder } = pattern;
      const name = binder === undefined ? undefined : nameOf(binder, item);
      if (name === undefined) return chooseOp(choices, pattern, item);
      const known = choices.ops.get(name);
      if (known) return known;
      choices.open.add(name);
      const chosen = { ...chooseOp(choices, pattern, item), binder: name };
      choices.open.delete(name);
      choices.ops.set(name, chosen);
      return chosen;
    }
    default:
      return pattern satisfies never;
  }
}

/** A variable, or the op that has its name elsewhere, or a term that a condition asks for. */
function chooseVariable(choices: Choices, of: string, item: Item | undefined): PlainPattern {
  const name = nameOf(of, item);
  const term = choices.binders.get(of) ?? choices.assumed.get(of);
  if (!term || choices.open.has(name)) return { kind: "variable", name, of };
  const known = choices.ops.get(name);
  if (known) return known;
  choices.open.add(name);
  const chosen = choose(choices, term, item);
  choices.open.delete(name);
  if (chosen.kind !== "op") return { kind: "variable", name, of };
  const named = { ...chosen, binder: name };
  choices.ops.set(name, named);
  return named;
}

function chooseOp(choices: Choices, pattern: OpPattern, item: Item | undefined): PlainOp {
  const { random, lengths, wishes } = choices;
  const lists = pattern.operands.filter((operand) => operand.kind === "each");
  const ops = lists.length === 0 ? pattern.ops : [random.pick(pattern.ops)];
  const operands = ops[0] ? opOf(ops[0]).operands : [];
  const fixed = pattern.operands.length - lists.length;
  let spare = operands.at(-1)?.variadic ? random.pick([1, 2, 2, 3]) : Math.max(0, operands.length - fixed);
  const chosen = pattern.operands.flatMap((operand): PlainPattern[] => {
    if (operand.kind !== "each") return [choose(choices, operand, item)];
    const own = [...operand.lists];
    const known = own.map((name) => lengths.get(name) ?? wishes.count(name)).find((one) => one !== undefined);
    const isLast = operand === lists.at(-1);
    const length = known ?? (isLast ? spare : random.int(0, spare));
    spare = Math.max(0, spare - length);
    for (const name of own) lengths.set(name, length);
    return Array.from({ length }, (_, index) => choose(choices, operand.pattern, { each: operand, index }));
  });
  return { ...pattern, ops, operands: chosen };
}

function nameOf(name: string, item: Item | undefined): string {
  return item?.each.lists.has(name) ? itemName(name, item.index) : name;
}

function bindersOf(pattern: Pattern | EachPattern): (readonly [string, OpPattern])[] {
  switch (pattern.kind) {
    case "op": {
      const inner = pattern.operands.flatMap(bindersOf);
      return pattern.binder === undefined ? inner : [[pattern.binder, pattern], ...inner];
    }
    case "either":
      return pattern.alternatives.flatMap(bindersOf);
    case "each":
      return bindersOf(pattern.pattern);
    default:
      return [];
  }
}
