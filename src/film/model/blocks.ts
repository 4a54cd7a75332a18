// Blocks of a graph, by the paths in the names of its nodes: `x.2.d.batch_norm` is in `x.2.d`, which is in `x.2`.

import { given } from "#diagnostic/given.js";
import type { NodeId, NodeVersion } from "../data.js";

/** A block: nodes whose names begin alike. */
export interface Block {
  /** The beginning of the names, such as `x.2.d`. */
  readonly path: string;
  readonly parent?: Block;
  readonly depth: number;
  readonly nodes: readonly NodeId[];
  /** Equal for blocks with the same ops of the same attributes in the same order. */
  readonly form: string;
}

export interface Blocks {
  /** All blocks by path, outer ones first. */
  readonly byPath: ReadonlyMap<string, Block>;
  /** The innermost block of each node that is in one. */
  readonly ofNode: ReadonlyMap<NodeId, Block>;
}

/** The blocks of nodes that are given in topological order. A block has at least two nodes, and not those of its parent alone. */
export function blocksOf(nodes: Iterable<NodeVersion>): Blocks {
  const members = new Map<string, NodeVersion[]>();
  const paths = new Map<NodeId, readonly string[]>();
  for (const node of nodes) {
    const own = pathsOf(node.name);
    paths.set(node.id, own);
    for (const path of own) {
      const list = members.get(path);
      if (list) list.push(node);
      else members.set(path, [node]);
    }
  }
  const byPath = new Map<string, Block>();
  const all = paths.size;
  const ofNode = new Map<NodeId, Block>();
  for (const [path, list] of [...members].toSorted(([a], [b]) => depthOf(a) - depthOf(b))) {
    if (list.length < 2 || list.length === all) continue;
    const parent = parentPaths(path)
      .map((one) => byPath.get(one))
      .find((one) => one !== undefined);
    if (parent?.nodes.length === list.length) continue;
    const block: Block = {
      path,
      ...given({ parent }),
      depth: (parent?.depth ?? 0) + 1,
      nodes: list.map(({ id }) => id),
      form: list.map(({ op, attributes }) => `${op} ${attributes.join()}`).join("\n"),
    };
    byPath.set(path, block);
    for (const { id } of list) ofNode.set(id, block);
  }
  return { byPath, ofNode };
}

/** The outermost block around a node that is folded. */
export function foldedAround(
  block: Block | undefined,
  isFolded: (path: string) => boolean,
): Block | undefined {
  let found: Block | undefined;
  for (let one = block; one; one = one.parent) if (isFolded(one.path)) found = one;
  return found;
}

/**
 * The paths that contain a name, the outermost first and the name itself last. Parts end at `.`, `/` or `:`; a number belongs to the part
 * before it, since `x.2` is the second `x`.
 */
export function pathsOf(name: string): readonly string[] {
  const paths: string[] = [];
  for (const { index } of name.matchAll(/[./:]+(?!\d+(?:[./:]|$))/g))
    if (index > 0) paths.push(name.slice(0, index));
  paths.push(name);
  return paths;
}

function depthOf(path: string): number {
  return pathsOf(path).length;
}

function parentPaths(path: string): readonly string[] {
  return pathsOf(path).slice(0, -1).toReversed();
}
