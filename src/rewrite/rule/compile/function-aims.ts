// The functions of rules read backwards: what an operand must be, or a list, so that a function of it has another value.

import type { AttributeValue, Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Random } from "#ops/random.js";
import type { Wanted, Wish } from "../aim.js";
import { boundsOf } from "../facts.js";
import type { Match } from "../rule.js";

type Wishes = readonly Wish[] | undefined;
type Items = readonly (number | undefined)[];

// ── Of a tensor ────────────────────────────────────────────────────────────────────────────────────────────────────

/** A shape, of which some extents may be anything. */
export function shapeWishes(_match: Match, node: Node, of: string, wanted: Wanted | undefined): Wishes {
  if (typeof wanted !== "object" || !wanted.every((extent) => extent === undefined || isExtent(extent)))
    return undefined;
  const rank = wanted.length;
  if (!isFew(rank)) return undefined;
  const extents = wanted.flatMap((extent, at): Wish[] =>
    extent === undefined ? [] : [{ kind: "extent", of, axis: at - rank, extent }],
  );
  return rank === node.type.shape.length ? extents : [{ kind: "rank", of, rank }, ...extents];
}

export function rankWishes(_match: Match, _node: Node, of: string, wanted: Wanted | undefined): Wishes {
  return isFew(wanted) ? [{ kind: "rank", of, rank: wanted }] : undefined;
}

/** The axes that change are the last one, or all. */
export function elementsWishes(
  _match: Match,
  { type: { shape } }: Node,
  of: string,
  wanted: Wanted | undefined,
): Wishes {
  if (!isCount(wanted) || wanted < 1) return undefined;
  const outer = shape.slice(0, -1);
  const last = wanted / outer.reduce((product, extent) => product * extent, 1);
  const extents = Number.isInteger(last) ? [...outer, last] : [...outer.map(() => 1), wanted];
  return extents.map((extent, at) => ({ kind: "extent", of, axis: at - extents.length, extent }));
}

export function perChannelWishes(
  _match: Match,
  { type: { shape } }: Node,
  of: string,
  wanted: Wanted | undefined,
): Wishes {
  const outer = shape.slice(0, -1);
  if (wanted === true)
    return outer.map((_, at) => ({ kind: "extent", of, axis: at - shape.length, extent: 1 }));
  return outer.length === 0 ? undefined : [{ kind: "extent", of, axis: -2, extent: 2 }];
}

/** A constant with the same number in all places. */
export function valueWishes(
  _match: Match,
  _node: Node,
  of: string,
  wanted: Wanted | undefined,
  random: Random,
): Wishes {
  const value = wanted === undefined ? random.pick([0, 1, 2, -1, 0.5, 3]) : wanted;
  return typeof value === "number" ? [{ kind: "numbers", of, least: value, greatest: value }] : undefined;
}

/** A constant with this least or greatest element. The other end stays where it is, if it can. */
export function boundWishes(
  { module }: Match,
  node: Node,
  of: string,
  wanted: Wanted | undefined,
  random: Random,
  end: "least" | "greatest",
): Wishes {
  const value = wanted === undefined ? random.normal() : wanted;
  if (typeof value !== "number") return undefined;
  const { least = value, greatest = value } = boundsOf(module.weights, node) ?? {};
  return end === "least"
    ? [{ kind: "numbers", of, least: value, greatest: Math.max(value, greatest) }]
    : [{ kind: "numbers", of, least: Math.min(value, least), greatest: value }];
}

/** A list of which only the last item matters. */
export function lastItem(list: readonly number[], wanted: Wanted | undefined): Items | undefined {
  if (typeof wanted !== "number") return undefined;
  return withItem(Math.max(1, list.length), -1, wanted);
}

/** Readers outside the left side, which has some of its own. */
export function usesWishes(
  { module, covered }: Match,
  { id }: Node,
  of: string,
  wanted: Wanted | undefined,
): Wishes {
  if (!isFew(wanted)) return undefined;
  const inside = covered.reduce(
    (sum, one) => sum + nodeOf(module.graph, one).inputs.filter((input) => input === id).length,
    0,
  );
  return wanted < inside ? undefined : [{ kind: "readers", of, count: wanted - inside }];
}

export function outputWishes(_match: Match, _node: Node, of: string, wanted: Wanted | undefined): Wishes {
  return typeof wanted === "boolean" ? [{ kind: "output", of, isOutput: wanted }] : undefined;
}

// ── Of a list ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** A list with another item at an index; a longer one, if it has no item there. */
export function listWithItem(
  [list, index]: readonly AttributeValue[],
  wanted: Wanted | undefined,
): Items | undefined {
  if (typeof list !== "object" || typeof index !== "number") return undefined;
  if (wanted !== undefined && typeof wanted !== "number") return undefined;
  const needed = index < 0 ? -index : index + 1;
  return withItem(Math.max(list.length, needed), index, wanted);
}

/** A list of which one item is another. */
export function listWithSum(
  [list]: readonly AttributeValue[],
  wanted: Wanted | undefined,
  random: Random,
): Items | undefined {
  if (typeof list !== "object" || typeof wanted !== "number" || list.length === 0) return undefined;
  const at = random.int(0, list.length - 1);
  const others = list.reduce((sum, item, index) => (index === at ? sum : sum + item), 0);
  return list.map((item, index) => (index === at ? wanted - others : item));
}

/** A list of equal items, or one whose first item is another. */
export function sameList(
  [list]: readonly AttributeValue[],
  wanted: Wanted | undefined,
  random: Random,
): Items | undefined {
  if (typeof list !== "object" || list.length === 0) return undefined;
  const item = random.pick(list);
  return list.map((own, at) => (wanted !== false ? item : at === 0 ? own + 1 : own));
}

/** The list that an order makes the wanted one. */
export function unpermuted(
  [list, order]: readonly AttributeValue[],
  wanted: Wanted | undefined,
): Items | undefined {
  if (typeof list !== "object" || typeof order !== "object" || typeof wanted !== "object") return undefined;
  return list.map((item, at) => wanted[order.indexOf(at)] ?? item);
}

/** A number of axes, items of an attribute or readers that a check can draw. */
export function isFew(wanted: Wanted | undefined): wanted is number {
  return isCount(wanted) && wanted <= 16;
}

/** A number of operands that a check can draw. */
export function isLength(wanted: Wanted | undefined): wanted is number {
  return isCount(wanted) && wanted <= 64;
}

/** An extent, or 0. Larger samples would take too long. */
function isCount(wanted: Wanted | undefined): wanted is number {
  return typeof wanted === "number" && Number.isInteger(wanted) && wanted >= 0 && wanted <= 2 ** 15;
}

function isExtent(extent: number): boolean {
  return isCount(extent) && extent > 0;
}

function withItem(length: number, index: number, wanted: number | undefined): Items {
  const at = index < 0 ? length + index : index;
  return Array.from({ length }, (_, one) => (one === at ? wanted : undefined));
}
