// Orders of axes. ONNX has the channels of an image in axis 1, Cleave has them last. A value whose order in memory differs from the order
// in its shape moves only when an op needs it in another order.

import { greatest, least } from "#diagnostic/extremes.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";

/** A value whose axis j in memory is axis `order[j]` of its shape. */
export interface Arranged {
  readonly shape: Shape;
  readonly order: readonly number[];
}

/** [0, 1, …, rank − 1]. */
export function natural(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** [0, 2, …, rank − 1, 1]: the channels, axis 1 in ONNX, come last. */
export function channelsLast(rank: number): number[] {
  return rank < 3 ? natural(rank) : [0, ...natural(rank).slice(2), 1];
}

/** [0, rank − 1, 1, …]: the channels, Cleave's last axis, become axis 1. */
export function channelsFirst(rank: number): number[] {
  return rank < 3 ? natural(rank) : [0, rank - 1, ...natural(rank - 1).slice(1)];
}

/** The items of a list in the order `order`. */
export function permuted<T>(items: readonly T[], order: readonly number[]): T[] {
  return order.map((axis) => items[axis] as T);
}

/** The inverse of an order: the position of each axis in memory. */
export function places(order: readonly number[]): number[] {
  const result = new Array<number>(order.length).fill(0);
  for (const [place, axis] of order.entries()) result[axis] = place;
  return result;
}

export function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, at) => axis === b[at]);
}

/** The order of the remaining axes after some axes are removed. */
export function withoutAxes(order: readonly number[], axes: readonly number[]): number[] {
  const left = order.filter((axis) => !axes.includes(axis));
  return left.map((axis) => axis - axes.filter((one) => one < axis).length);
}

/** The order of the largest value of full rank. `among` decides between equally large ones: the natural order, or another one. */
export function commonOrder(
  values: readonly Arranged[],
  rank: number,
  among: "natural" | "other" = "other",
): readonly number[] {
  const full = values.filter(({ shape }) => shape.length === rank);
  const most = greatest(full.map(({ shape }) => elements(shape)));
  const orders = full.filter(({ shape }) => elements(shape) === most).map(({ order }) => order);
  const isWanted = (order: readonly number[]): boolean =>
    sameOrder(order, natural(rank)) === (among === "natural");
  return orders.find(isWanted) ?? orders[0] ?? natural(rank);
}

/**
 * The order that the axes need before a reshape, and their order after it. Axes that are merged or split must be adjacent in memory, in
 * ONNX's order. Groups of such axes may be in any order, and keep it. So [n, c, h, w], stored as [n, h, w, c], becomes [n, c, h·w], stored
 * as [n, h·w, c], without a move. A group whose axes are not adjacent moves to the position of its first or its last axis.
 */
export function reshapeOrders(
  x: Arranged,
  shape: Shape,
  by: "first" | "last" = "first",
): { from: number[]; to: number[] } {
  const groups = reshapeGroups(x.shape, shape);
  const place = (group: AxisGroup): number => {
    const long = group.inputs.filter((axis) => x.shape[axis] !== 1);
    const all = long.length > 0 ? long : group.inputs;
    const found = all.map((axis) => x.order.indexOf(axis));
    return by === "first" ? least(found) : greatest(found);
  };
  // A group without axes of the input has new axes of extent 1, which keep their place in the shape.
  let last = -1;
  const keyed = groups.map((group, at) => {
    const isThere = group.inputs.some((axis) => x.shape[axis] !== 1);
    if (isThere) last = place(group);
    return { group, key: isThere ? place(group) : last, at };
  });
  keyed.sort((a, b) => a.key - b.key || a.at - b.at);
  const from = keyed.flatMap(({ group }) => group.inputs);
  const to = keyed.flatMap(({ group }) => group.outputs);
  return { from, to };
}

/** Axes whose number of elements is the same before and after a reshape. */
export interface AxisGroup {
  readonly inputs: number[];
  readonly outputs: number[];
}

/** The smallest runs of axes with the same number of elements before and after. */
export function reshapeGroups(before: Shape, after: Shape): AxisGroup[] {
  const groups: AxisGroup[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const group: AxisGroup = { inputs: [], outputs: [] };
    let [a, b] = [1, 1];
    if (i < before.length) {
      a *= before[i] ?? 1;
      group.inputs.push(i);
      i += 1;
    }
    if (j < after.length) {
      b *= after[j] ?? 1;
      group.outputs.push(j);
      j += 1;
    }
    while (a !== b) {
      if (a < b && i < before.length) {
        a *= before[i] ?? 1;
        group.inputs.push(i);
        i += 1;
      } else if (j < after.length) {
        b *= after[j] ?? 1;
        group.outputs.push(j);
        j += 1;
      } else break;
    }
    groups.push(group);
  }
  return groups;
}
