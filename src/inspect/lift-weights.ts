// Weights as values of `param` statements: by their source, and by their numbers only if these are few.

import type { Expression } from "#grammar/ast.js";
import type { WeightId } from "#ir/graph.js";
import { isConstantGenerator } from "#ir/compare.js";
import type { Shape } from "#ir/type.js";
import { isInteger } from "#ir/type.js";
import type { Module, WeightEntry, WeightStore } from "#ir/weights.js";
import { entryOf, inputsOf } from "#ir/weights.js";
import { isOp } from "#ops/index.js";
import { liftAttributes } from "./lift-attributes.js";
import { call, listExpression, numberExpression, stringExpression } from "./lift-expressions.js";

/** Most elements of a literal that is printed by default; larger ones are printed as their id in the store. */
const literalLimit = 16;

/** Most entries in one formula, and their deepest nesting, which the grammar limits too. */
const formulaLimit = 64;
const depthLimit = 16;

/** The file of the weights of a graph, if they come from a single file. */
export function weightFileOf({ graph, weights }: Module): string | undefined {
  const files = new Set<string>();
  const seen = new Set<WeightId>();
  // Formulas may be very deep, so this uses no recursion.
  const open: WeightId[] = [];
  for (const node of graph.nodes.values()) if (node.op === "constant") open.push(node.attributes.weight);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const { source } = entryOf(weights, id);
    if (source.kind === "file") files.add(source.file);
    for (const input of inputsOf(source)) open.push(input);
  }
  const [file, second] = files;
  return second === undefined ? file : undefined;
}

export interface WeightTextOptions {
  /** Whether keys identify the entries of files: they do not if several files have the same key. */
  readonly byKey: boolean;
  /** The most elements of a literal that is printed; 16 by default. */
  readonly literals?: number;
  /** What the text has for an entry that it cannot hold; by default its id in the store. */
  readonly named?: (id: WeightId) => Expression;
}

/** A weight as text. */
export interface WeightText {
  readonly value: Expression;
  /** The entries that the text only names. */
  readonly named: readonly WeightId[];
}

/** The value of a `param` whose type is declared. */
export function liftWeight(
  weights: WeightStore,
  id: WeightId,
  { byKey, literals = literalLimit, named = stored }: WeightTextOptions,
): WeightText {
  const seen: WeightId[] = [];
  const elsewhere = (one: WeightId): Expression => (seen.push(one), named(one));
  const ids: Ids = { weights, byKey, literals, elsewhere, budget: formulaLimit };
  const value = liftEntry(ids, entryOf(weights, id), true, 0);
  return ids.budget < 0 ? { value: named(id), named: [id] } : { value, named: seen };
}

interface Ids {
  readonly weights: WeightStore;
  readonly byKey: boolean;
  readonly literals: number;
  /** Names an entry that the text cannot hold. */
  readonly elsewhere: (id: WeightId) => Expression;
  /** The number of entries that may still be printed. */
  budget: number;
}

function liftEntry(ids: Ids, entry: WeightEntry, isDeclared: boolean, depth: number): Expression {
  ids.budget -= 1;
  const { source, type, id } = entry;
  // A formula declares no element types, and without one a value is f32.
  if (!isDeclared && isInteger(type.dtype) && source.kind !== "expression") return ids.elsewhere(id);
  const shape = isDeclared ? [] : [{ name: "shape", value: intList(type.shape) }];
  switch (source.kind) {
    case "file":
      return ids.byKey ? call("weight", [stringExpression(source.key)]) : ids.elsewhere(id);
    case "absent":
      return call("absent", [], shape);
    case "seeded": {
      const { generator, seed, fanIn } = source;
      const options = isConstantGenerator(generator)
        ? []
        : [
            { name: "seed", value: numberExpression(seed) },
            { name: "fan_in", value: numberExpression(fanIn) },
          ];
      return call(generator, [], [...options, ...shape]);
    }
    case "compact":
      return source.isRounded
        ? ids.elsewhere(id)
        : liftEntry(ids, entryOf(ids.weights, source.of), isDeclared, depth);
    case "literal":
      return source.data.length > ids.literals ? ids.elsewhere(id) : liftLiteral(type.shape, source.data);
    case "expression": {
      const { op, inputs, attributes } = source;
      if (ids.budget < 0 || depth > depthLimit || !isOp(op)) return ids.elsewhere(id);
      const entries = inputs.map((input) => entryOf(ids.weights, input));
      const types = entries.map((input) => input.type);
      const operands = entries.map((input) => liftEntry(ids, input, false, depth + 1));
      return call(op, operands, liftAttributes(op, types, attributes));
    }
    default:
      return source satisfies never;
  }
}

function stored(id: WeightId): Expression {
  return call("stored", [stringExpression(id)]);
}

function liftLiteral(shape: Shape, data: ArrayLike<number>): Expression {
  const build = (axis: number, from: number): Expression => {
    const extent = shape[axis];
    if (extent === undefined) return numberExpression(data[from] ?? 0, "f32");
    const step = shape.slice(axis + 1).reduce((product, one) => product * one, 1);
    return listExpression(Array.from({ length: extent }, (_, at) => build(axis + 1, from + at * step)));
  };
  return build(0, 0);
}

function intList(values: readonly number[]): Expression {
  return listExpression(values.map((value) => numberExpression(value)));
}
