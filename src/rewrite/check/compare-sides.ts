// Compares the values of a rule's two sides, element by element.

import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { greatest } from "#diagnostic/extremes.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { isInteger } from "#ir/type.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { cone, evaluate, greatestSize, longest } from "./evaluate.js";

/** One element of both sides. */
export interface Element {
  /** The term of the sides to which it belongs. */
  readonly root: number;
  readonly index: number;
  readonly left: number;
  readonly right: number;
}

/** The result of a comparison: for each finding, one element that shows it. */
export interface Comparison {
  /** Elements that are finite on the left. */
  readonly compared: number;
  /** The greatest finite |value| of the left. */
  readonly greatest: number;
  /** The left side is finite, and the right one is off by more than rounding explains. */
  readonly differs?: Element;
  /** The left side is not finite, but the right one is. */
  readonly onlyRightFinite?: Element;
  /** Zeros of different signs. */
  readonly signOfZero?: Element;
}

/** One side: a value of a module for each of its terms. */
export interface Side {
  readonly module: Module;
  readonly roots: readonly NodeId[];
}

/** The outputs of a sample: `y`, `y1`, … */
export function outputsOf(ids: readonly NodeId[]): { readonly name: string; readonly node: NodeId }[] {
  return ids.map((node, at) => ({ name: at === 0 ? "y" : `y${at}`, node }));
}

/** The least normal float32: smaller values may be rounded to 0. */
const smallest = 2 ** -126;

/** How many times its own rounding error a formula may be off: another order of the same operations has another rounding error. */
const roundings = 8;

/**
 * Compares both sides on the same inputs. They agree where they differ by at most the tolerance of f32 results
 * (`src/interpret/tolerance.ts`), 2⁻²³ · (8 + 4·√K) · the greatest |left|, plus the change by which rounding to f32 moves either
 * side. Where large terms cancel, that change is far more than the result itself. Integers are equal, unless rounding moves a value before
 * them to another one.
 */
export function compareSides(left: Side, right: Side, inputs: ReadonlyMap<NodeId, Tensor>): Comparison {
  const [first, ...others] = left.roots.map((_, root) => compareTerms(left, right, root, inputs));
  if (!first) return { compared: 0, greatest: 0 };
  return others.reduce(
    (all, one) => ({
      compared: all.compared + one.compared,
      greatest: Math.max(all.greatest, one.greatest),
      ...given({
        differs: all.differs ?? one.differs,
        onlyRightFinite: all.onlyRightFinite ?? one.onlyRightFinite,
        signOfZero: all.signOfZero ?? one.signOfZero,
      }),
    }),
    first,
  );
}

/** Compares the values of one term. */
function compareTerms(
  left: Side,
  right: Side,
  term: number,
  inputs: ReadonlyMap<NodeId, Tensor>,
): Comparison {
  const values = [left, right].map(({ module, roots }) => ({
    module,
    root: roots[term] ?? bug("a side lacks a term"),
  }));
  const exact = values.map(({ module, root }) => evaluate(module, root, inputs, "exact"));
  const [a, b] = exact.map(({ value }) => value) as [Tensor, Tensor];
  const most = greatestSize(a);
  const terms = greatest(values.map(({ module, root }) => longest(module, cone(module, [root]))));
  const isExact = isInteger(nodeOf(left.module.graph, left.roots[term] ?? -1).type.dtype);
  const strict = isExact ? 0.5 : Math.max(2 ** -23 * (8 + 4 * Math.sqrt(terms)) * most, smallest);
  let compared = 0;
  let differs: Element | undefined;
  let onlyRightFinite: Element | undefined;
  let signOfZero: Element | undefined;
  for (const [index, x] of a.data.entries()) {
    const y = b.data[index] ?? Number.NaN;
    const element: Element = { root: term, index, left: x, right: y };
    if (!Number.isFinite(x)) {
      if (Number.isFinite(y)) onlyRightFinite ??= element;
      continue;
    }
    compared += 1;
    if (x === 0 && y === 0 && !Object.is(x, y)) signOfZero ??= element;
    if (distance(element) > (differs ? distance(differs) : strict)) differs = element;
  }
  if (differs && Number.isFinite(differs.right)) {
    const moved = values.map(({ module, root }, side) =>
      farthest(evaluate(module, root, inputs, "rounded").value, side === 0 ? a : b),
    );
    // The rounding error of float64.
    const lost = 2 ** -48 * greatest(exact.map(({ scale }) => scale));
    if (distance(differs) <= strict + roundings * greatest(moved) + lost) differs = undefined;
  }
  return {
    compared,
    greatest: most,
    ...given({ differs, onlyRightFinite, signOfZero }),
  };
}

/** The distance of the two values; infinite where the right one is not finite. */
export function distance({ left, right }: Element): number {
  return Number.isFinite(right) ? Math.abs(left - right) : Number.POSITIVE_INFINITY;
}

/** The greatest finite distance between elements of two tensors. */
function farthest(a: Tensor, b: Tensor): number {
  let most = 0;
  for (const [index, x] of a.data.entries()) {
    const size = Math.abs(x - (b.data[index] ?? 0));
    if (Number.isFinite(size) && size > most) most = size;
  }
  return most;
}
