// Orders of axes: ONNX has the channels of an image in axis 1 and we have them last; a value that lies in another order than
// its shape says need not move until something asks for it.

import { greatest, least } from "#diagnostic/extremes.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";

/** A value of a shape whose axis j in memory is axis `order[j]` of the shape. */
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

/** [0, rank − 1, 1, …]: the channels, our last axis, come in axis 1. */
export function channelsFirst(rank: number): number[] {
  return rank < 3 ? natural(rank) : [0, rank - 1, ...natural(rank - 1).slice(1)];
}

/** A shape in the order of the axes. */
export function permuted<T>(items: readonly T[], order: readonly number[]): T[] {
  return order.map((axis) => items[axis] as T);
}

/** Where each axis of the value lies. */
export function places(order: readonly number[]): number[] {
  const result = new Array<number>(order.length).fill(0);
  for (const [place, axis] of order.entries()) result[axis] = place;
  return result;
}

export function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, at) => axis === b[at]);
}

/** The order of what is left without some axes. */
export function withoutAxes(order: readonly number[], axes: readonly number[]): number[] {
  const left = order.filter((axis) => !axes.includes(axis));
  return left.map((axis) => axis - axes.filter((one) => one < axis).length);
}

/** The order of the axes that the largest value of full rank lies in; among equals the natural one, or one that is not. */
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
 * In which order the axes have to lie before a reshape, and in which they lie after it. Axes that are merged or split lie
 * together, as ONNX has them; groups of such axes may lie in any order and stay where they are. So [n, c, h, w] as
 * [n, h, w, c] becomes [n, c, h·w] as [n, h·w, c] without a move.
 * A group whose axes lie apart comes where its first or its last axis lies.
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
  // A group without axes of the input holds new axes of extent 1, which lie where they are written.
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

/** Axes that hold as many elements before a reshape as after it. */
export interface AxisGroup {
  readonly inputs: number[];
  readonly outputs: number[];
}

/** The smallest runs of axes that hold as many elements before and after. */
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
