// Blocks of nets whose names say none, or too many: parts between values on which all that follows depends.
//
// Keras calls its layers `conv2d_12` and `mixed3`, without a path. But where a single value is all that later nodes read of earlier ones, one
// part of a net ends and the next begins: after each module of an Inception, each residual sum, each stage of a plain chain.

import { lineText } from "#diagnostic/escape.js";
import { greatest } from "#diagnostic/extremes.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Shape } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import { pathsOf } from "./model/blocks.js";

/** The blocks by structure of each node that is in one, the outermost first. */
export type Regions = ReadonlyMap<NodeId, readonly string[]>;

/** More parts side by side than these are gathered. */
const mostParts = 32;

/** Blocks with more nodes have blocks inside. */
const mostNodes = 40;

/** The blocks of a graph; none if the paths in its names give few enough parts. */
export function regionsOf(graph: Graph): Regions {
  const regions = new Map<NodeId, readonly string[]>();
  const nodes = topological(graph).filter(({ op }) => op !== "constant" && op !== "input");
  // Names may give parts that read each other, such as the layers of an encoder and a decoder; then each node is a part.
  const units = unitsOf(nodes, partNames(nodes)) ?? unitsOf(nodes, (name) => name) ?? [];
  if (units.length <= mostParts) return regions;
  const titles = new Set<string>();
  const name = ({ title, units: own, inner }: Part, around: readonly string[]): void => {
    if (own.length < 2) return;
    const path = [...around, uniqueIn(titles, lineText(title))];
    for (const { nodes } of own) for (const { id } of nodes) regions.set(id, path);
    for (const part of inner) name(part, path);
  };
  for (const part of partsOf(withReaders(units), [...units.keys()], 0)) name(part, []);
  return regions;
}

function uniqueIn(titles: Set<string>, title: string): string {
  let unique = title;
  for (let number = 2; titles.has(unique); number += 1) unique = `${title} (${number})`;
  titles.add(unique);
  return unique;
}

/** What the names make one part: a block by paths, or a node. */
interface Unit {
  readonly title: string;
  readonly nodes: readonly Node[];
  /** The units that it reads, by index. */
  readonly reads: readonly number[];
  /** The height times the width of its last value, and whether it is one elementwise op. */
  readonly area: number;
  readonly isElementwise: boolean;
}

/** The part that each name gives: the outermost block by paths that is not most of the net, or else the node. */
function partNames(nodes: readonly Node[]): (name: string) => string {
  const counts = new Map<string, number>();
  for (const { name } of nodes)
    for (const path of pathsOf(name)) counts.set(path, (counts.get(path) ?? 0) + 1);
  const isPart = (path: string): boolean => {
    const count = counts.get(path) ?? 0;
    return count > 1 && count <= nodes.length / 2;
  };
  return (name) => pathsOf(name).find(isPart) ?? name;
}

/** Nodes in topological order as units in such an order; undefined if they read each other. */
function unitsOf(nodes: readonly Node[], partOf: (name: string) => string): readonly Unit[] | undefined {
  const byTitle = new Map<string, Node[]>();
  const titleOf = new Map<NodeId, string>();
  for (const node of nodes) {
    const title = partOf(node.name);
    titleOf.set(node.id, title);
    const list = byTitle.get(title);
    if (list) list.push(node);
    else byTitle.set(title, [node]);
  }
  const readsOf = (title: string): readonly string[] => {
    const inputs = (byTitle.get(title) ?? []).flatMap(({ inputs }) => inputs);
    const titles = new Set(inputs.flatMap((id) => titleOf.get(id) ?? []));
    titles.delete(title);
    return [...titles];
  };
  const sorted = sortedBy([...byTitle.keys()], readsOf);
  if (sorted === undefined) return undefined;
  const places = new Map(sorted.map((title, at) => [title, at]));
  const shared = commonPrefix(sorted).replace(/[^./:]*$/, "").length;
  return sorted.map((title): Unit => {
    const own = byTitle.get(title) ?? [];
    const last = own.at(-1);
    return {
      title: title.slice(shared),
      nodes: own,
      reads: readsOf(title).flatMap((one) => places.get(one) ?? []),
      area: areaOf(last?.type.shape ?? []),
      isElementwise: own.length === 1 && last !== undefined && opOf(last.op).classes.includes("elementwise"),
    };
  });
}

/** Items after all that they read, else in the order given; undefined if there is a cycle. */
function sortedBy(
  items: readonly string[],
  readsOf: (item: string) => readonly string[],
): string[] | undefined {
  const waiting = new Map<string, number>();
  const readers = new Map<string, string[]>();
  for (const item of items) {
    const reads = readsOf(item);
    waiting.set(item, reads.length);
    for (const one of reads) {
      const list = readers.get(one);
      if (list) list.push(item);
      else readers.set(one, [item]);
    }
  }
  const sorted = items.filter((item) => waiting.get(item) === 0);
  for (let at = 0; at < sorted.length; at += 1) {
    for (const reader of readers.get(sorted[at] ?? "") ?? []) {
      const left = (waiting.get(reader) ?? 0) - 1;
      waiting.set(reader, left);
      if (left === 0) sorted.push(reader);
    }
  }
  return sorted.length === items.length ? sorted : undefined;
}

/** The number of places of an image. */
function areaOf(shape: Shape): number {
  return shape.length < 3 ? 1 : shape.slice(1, -1).reduce((product, extent) => product * extent, 1);
}

/** Units with their readers, by index. */
interface Net {
  readonly units: readonly Unit[];
  readonly readers: readonly (readonly number[])[];
}

function withReaders(units: readonly Unit[]): Net {
  const readers: number[][] = units.map(() => []);
  for (const [at, { reads }] of units.entries()) for (const one of reads) readers[one]?.push(at);
  return { units, readers };
}

/** A part of a net: a unit, or several with perhaps smaller parts inside. */
interface Part {
  readonly title: string;
  readonly units: readonly Unit[];
  readonly inner: readonly Part[];
}

/** Blocks inside blocks end here; nets that nest deeper, such as a U-Net, have few levels. */
const mostLevels = 8;

/** The parts of some units of a net, which are given in its order. */
function partsOf(net: Net, items: readonly number[], level: number): readonly Part[] {
  const parts: Part[] = [];
  let run: Part[] = [];
  const endRun = (): void => {
    if (run.length > 0)
      for (const part of run.length > mostParts ? gathered(run) : [joined(run)]) parts.push(part);
    run = [];
  };
  let block: { readonly part: Part; tail: readonly Part[] } | undefined;
  const endBlock = (): void => {
    if (block) parts.push(withTail(block.part, block.tail));
    block = undefined;
  };
  for (const segment of segmentsOf(net, items)) {
    const leaves = segment.flatMap((at) => leafOf(net, at));
    const [first] = leaves;
    if (leaves.length > 1) {
      endBlock();
      endRun();
      block = { part: blockOf(net, segment, leaves, level), tail: [] };
    } else if (block && first?.units.every(({ isElementwise }) => isElementwise)) {
      // What is done to each element of a sum belongs to it.
      block.tail = [...block.tail, first];
    } else {
      endBlock();
      if (first) run.push(first);
    }
  }
  endBlock();
  endRun();
  return gathered(parts);
}

function leafOf({ units }: Net, at: number): readonly Part[] {
  return units.slice(at, at + 1).map((unit) => ({ title: unit.title, units: [unit], inner: [] }));
}

/**
 * The units between values on which all that follows depends: after each of these, no later unit reads another value of these units or of
 * earlier ones. Values that many units read all the way, such as a mask, do not count.
 */
function segmentsOf({ units, readers }: Net, items: readonly number[]): readonly (readonly number[])[] {
  const places = new Map(items.map((item, place) => [item, place]));
  /** Values begin and end to live: the difference of their number at each place. */
  const changes = new Int32Array(items.length + 1);
  const entries = new Set(
    items.flatMap((item) => units[item]?.reads ?? []).filter((item) => !places.has(item)),
  );
  for (const item of [...entries, ...items]) {
    const start = places.get(item) ?? 0;
    const all = readers[item] ?? [];
    const inside = all.flatMap((one) => places.get(one) ?? []);
    // What others read of these units lives to their end.
    const end = places.has(item) && inside.length < all.length ? items.length : greatest(inside, -1);
    const isEverywhere = all.length > 3 && end - start > items.length / 2;
    if (end <= start || isEverywhere) continue;
    changes[start] = (changes[start] ?? 0) + 1;
    changes[end] = (changes[end] ?? 0) - 1;
  }
  const segments: number[][] = [[]];
  let live = 0;
  for (const [place, item] of items.entries()) {
    segments.at(-1)?.push(item);
    live += changes[place] ?? 0;
    if (live <= 1 && place < items.length - 1) segments.push([]);
  }
  return segments;
}

/** A segment of several units as a part: with the branches that its last unit joins, if it is large. */
function blockOf(net: Net, segment: readonly number[], leaves: readonly Part[], level: number): Part {
  const title = numberedPrefix(leaves) ?? leaves.at(-1)?.title ?? "";
  const size = leaves.reduce((sum, { units }) => sum + nodeCount(units), 0);
  const isDivided = size > mostNodes && level < mostLevels;
  const branches = isDivided ? branchesOf(net, segment.slice(0, -1)) : [];
  const inner = branches.flatMap((branch): readonly Part[] => {
    const parts = partsOf(net, branch, level + 1);
    const own = branch.flatMap((at) => leafOf(net, at));
    return branches.length === 1 || own.length < 2 ? parts : [{ ...joined(own), inner: parts }];
  });
  const units = leaves.flatMap((leaf) => leaf.units);
  // A part that is all but the join says nothing.
  return { title, units, inner: inner.some((part) => part.units.length >= units.length - 1) ? [] : inner };
}

/** The units that are connected with each other, in order. */
function branchesOf({ units }: Net, items: readonly number[]): readonly (readonly number[])[] {
  const branch = new Map<number, number[]>();
  for (const item of items) {
    const own = [item];
    // Branches that an item reads become one, the smaller in the larger.
    let all = own;
    for (const other of new Set((units[item]?.reads ?? []).flatMap((one) => [branch.get(one)]))) {
      if (!other) continue;
      const [small, large] = all.length < other.length ? [all, other] : [other, all];
      for (const one of small) {
        large.push(one);
        branch.set(one, large);
      }
      all = large;
    }
    branch.set(item, all);
  }
  return [...new Set(branch.values())].map((list) => list.toSorted((a, b) => a - b));
}

/** Parts side by side in groups, if they are many: those with images of one size, or equally many. */
function gathered(parts: readonly Part[]): readonly Part[] {
  if (parts.length <= mostParts) return parts;
  const bySize = groupsOf(parts, (part, before) => {
    const ratio = areaAfter(part) / areaAfter(before);
    return ratio < 0.6 || ratio > 1.7;
  });
  const size = Math.max(Math.ceil(parts.length / mostParts), Math.round(Math.sqrt(parts.length)));
  const groups =
    bySize.length > 1 && bySize.length <= mostParts
      ? bySize
      : groupsOf(parts, (_, __, at) => at % size === 0);
  return groups.flatMap((group) => {
    const inner = gathered(group);
    const [only] = group;
    return group.length === 1 && only ? [only] : [{ ...joined(group), inner }];
  });
}

function groupsOf(
  parts: readonly Part[],
  isFirst: (part: Part, before: Part, at: number) => boolean,
): readonly (readonly Part[])[] {
  const groups: Part[][] = [];
  for (const [at, part] of parts.entries()) {
    const before = parts[at - 1];
    if (!before || isFirst(part, before, at)) groups.push([]);
    groups.at(-1)?.push(part);
  }
  return groups;
}

function areaAfter({ units }: Part): number {
  return units.at(-1)?.area ?? 1;
}

function nodeCount(units: readonly Unit[]): number {
  return units.reduce((sum, { nodes }) => sum + nodes.length, 0);
}

/** Several parts as one. */
function joined(parts: readonly Part[]): Part {
  const [first, last] = [parts[0], parts.at(-1)];
  const title = numberedPrefix(parts) ?? (first === last ? first?.title : `${first?.title} – ${last?.title}`);
  return { title: title ?? "", units: parts.flatMap(({ units }) => units), inner: [] };
}

function withTail(part: Part, tail: readonly Part[]): Part {
  return { ...part, units: [...part.units, ...tail.flatMap(({ units }) => units)] };
}

/** What all names begin with, if it is a name with a number: `block_3` of `block_3_expand` and `block_3_project`. */
function numberedPrefix(parts: readonly Part[]): string | undefined {
  const names = parts.flatMap(({ units }) => units.map(({ title }) => title));
  return /^(.*\d)[._/-]+[^._/-]*$/.exec(commonPrefix(names))?.[1];
}

function commonPrefix([first = "", ...names]: readonly string[]): string {
  let prefix = first;
  for (const name of names) {
    let length = 0;
    while (length < prefix.length && prefix[length] === name[length]) length += 1;
    prefix = prefix.slice(0, length);
  }
  return prefix;
}
