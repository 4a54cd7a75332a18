// Blocks of a graph: those by structure (`regions.ts`), and inside these those by the paths in the names of its nodes: `x.2.d.batch_norm` is in
// `x.2.d`, which is in `x.2`.

import { given } from "#diagnostic/given.js";
import type { NodeId, NodeVersion } from "../data.js";

export interface Block {
  /** What it is called: the beginning of the names of its nodes, such as `x.2.d`, or the title of a block by structure. */
  readonly path: string;
  readonly parent?: Block;
  readonly depth: number;
  readonly nodes: readonly NodeId[];
  /** Whether it holds most of the graph, in blocks of its own: folded, it would hide them all. */
  readonly isWrapper: boolean;
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
  /** The paths around each path, the outermost first. */
  const around = new Map<string, readonly string[]>();
  let all = 0;
  for (const node of nodes) {
    all += 1;
    const paths = blockPaths(node);
    for (const [at, path] of paths.entries()) {
      const list = members.get(path);
      if (list) list.push(node);
      else {
        members.set(path, [node]);
        around.set(path, paths.slice(0, at));
      }
    }
  }
  const byPath = new Map<string, { -readonly [Key in keyof Block]: Block[Key] }>();
  const ofNode = new Map<NodeId, Block>();
  const depthOf = (path: string): number => around.get(path)?.length ?? 0;
  for (const [path, list] of [...members].toSorted(([a], [b]) => depthOf(a) - depthOf(b))) {
    if (list.length < 2 || list.length === all) continue;
    const parent = (around.get(path) ?? [])
      .toReversed()
      .map((one) => byPath.get(one))
      .find((one) => one !== undefined);
    if (parent?.nodes.length === list.length) continue;
    // Names and structure may disagree: a name that several blocks by structure share says nothing.
    if (list.some(({ id }) => ofNode.get(id) !== parent)) continue;
    if (parent && 2 * parent.nodes.length > all) parent.isWrapper = true;
    const block = {
      path,
      isWrapper: false,
      ...given({ parent }),
      depth: (parent?.depth ?? 0) + 1,
      nodes: list.map(({ id }) => id),
    };
    byPath.set(path, block);
    for (const { id } of list) ofNode.set(id, block);
  }
  return { byPath, ofNode };
}

/** Equal for blocks with the same ops of the same attributes in the same order. */
export function formOf({ nodes }: Block, all: ReadonlyMap<NodeId, NodeVersion>): string {
  return nodes
    .flatMap((id) => all.get(id) ?? [])
    .map(({ op, attributes }) => `${op} ${attributes.join()}`)
    .join("\n");
}

/** The same in all steps in which a node has this state. */
const knownPaths = new WeakMap<NodeVersion, readonly string[]>();

/** The paths of all blocks that may contain a node, the outermost first. */
export function blockPaths(node: NodeVersion): readonly string[] {
  const known = knownPaths.get(node);
  if (known) return known;
  const { blocks = [], name } = node;
  const paths = [...new Set([...blocks, ...pathsOf(name)])];
  knownPaths.set(node, paths);
  return paths;
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
