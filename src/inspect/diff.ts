// The differences between two graphs: their texts line by line, or their nodes by name.

import { diffArrays } from "diff";
import type { Module } from "#ir/weights.js";
import type { NodeJson } from "./json.js";
import { graphJson } from "./json.js";

/** A line of a diff: kept, removed from the first or added in the second text. */
export interface DiffLine {
  readonly kind: "same" | "removed" | "added";
  readonly text: string;
}

/** Nodes by name; a changed one has the same name on both sides. */
export interface GraphDiff {
  readonly removed: readonly NodeJson[];
  readonly added: readonly NodeJson[];
  readonly changed: readonly { readonly before: NodeJson; readonly after: NodeJson }[];
}

const signs = { same: " ", removed: "-", added: "+" } as const;

/** The nodes that differ between two graphs, in the order of each. */
export function diffGraphs(before: Module, after: Module): GraphDiff {
  const first = new Map(graphJson(before).nodes.map((node) => [node.name, node]));
  const second = new Map(graphJson(after).nodes.map((node) => [node.name, node]));
  return {
    removed: [...first.values()].filter((node) => !second.has(node.name)),
    added: [...second.values()].filter((node) => !first.has(node.name)),
    changed: [...second.values()].flatMap((node) => {
      const old = first.get(node.name);
      return old && JSON.stringify(old) !== JSON.stringify(node) ? [{ before: old, after: node }] : [];
    }),
  };
}

/**
 * The lines of two texts, as removed, added and kept. Lines that occur once in both texts, in the same order, are the anchors ("patience
 * diff", Bram Cohen); only the lines between anchors are compared one by one. Each line of a graph binds a different name, so even graphs of
 * many thousands of nodes that differ everywhere do not take quadratic time.
 */
export function diffText(before: string, after: string): DiffLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  const lines: DiffLine[] = [];
  let [fromA, fromB] = [0, 0];
  for (const [atA, atB] of [...anchors(a, b), [a.length, b.length] as const]) {
    for (const line of diffGap(a.slice(fromA, atA), b.slice(fromB, atB))) lines.push(line);
    if (atA < a.length) lines.push({ kind: "same", text: a[atA] ?? "" });
    [fromA, fromB] = [atA + 1, atB + 1];
  }
  return lines;
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Most edits between two anchors; if a part needs more, all its lines are removed and added. */
const mostEdits = 400;

function diffGap(a: readonly string[], b: readonly string[]): DiffLine[] {
  const of = (kind: DiffLine["kind"], texts: readonly string[]): DiffLine[] =>
    texts.map((text) => ({ kind, text }));
  const changes =
    a.length === 0 || b.length === 0 ? undefined : diffArrays([...a], [...b], { maxEditLength: mostEdits });
  if (!changes) return [...of("removed", a), ...of("added", b)];
  return changes.flatMap(({ value, added, removed }) =>
    of(added ? "added" : removed ? "removed" : "same", value),
  );
}

/** The places of lines that occur once in each text: the longest sequence that is in the same order in both. */
function anchors(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const placesA = uniquePlaces(a);
  const placesB = uniquePlaces(b);
  const pairs = [...placesA].flatMap(([line, at]) => {
    const other = placesB.get(line);
    return other === undefined ? [] : [[at, other] as const];
  });
  return longestIncreasing(pairs);
}

function uniquePlaces(lines: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  const repeated = new Set<string>();
  for (const [at, line] of lines.entries()) {
    if (places.has(line)) repeated.add(line);
    else places.set(line, at);
  }
  for (const line of repeated) places.delete(line);
  return places;
}

/** The longest increasing subsequence by second items, of pairs that are sorted by first items; patience sorting, in n · log n. */
function longestIncreasing(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  // The pair on top of each pile, and for each pair the pair below it.
  const tops: number[] = [];
  const below: number[] = [];
  const second = (index: number | undefined): number => pairs[index ?? -1]?.[1] ?? -1;
  for (const [index, [, place]] of pairs.entries()) {
    let [low, high] = [0, tops.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (second(tops[middle]) < place) low = middle + 1;
      else high = middle;
    }
    below[index] = tops[low - 1] ?? -1;
    tops[low] = index;
  }
  const chain: (readonly [number, number])[] = [];
  for (let index = tops.at(-1) ?? -1; index >= 0; index = below[index] ?? -1) {
    const pair = pairs[index];
    if (pair) chain.push(pair);
  }
  return chain.toReversed();
}

/** A diff as text, with `context` unchanged lines around each change; `paint` may colour a line. Empty if nothing changed. */
export function printDiff(
  lines: readonly DiffLine[],
  paint: (kind: DiffLine["kind"], text: string) => string = (_, text) => text,
  context = 3,
): string {
  const near = new Set<number>();
  for (const [index, line] of lines.entries()) {
    if (line.kind === "same") continue;
    for (let at = index - context; at <= index + context; at += 1) near.add(at);
  }
  const out: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (near.has(index)) out.push(paint(line.kind, `${signs[line.kind]} ${line.text}`.trimEnd()));
    else if (near.has(index + 1)) out.push("  …");
  }
  return out.join("\n");
}
