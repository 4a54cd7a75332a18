// In-place results: a kernel overwrites an operand that is not read again.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { sameShape } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { NodeGroup } from "./group-nodes.js";
import type { Places } from "./place-values.js";
import type { Lifetime } from "./plan-memory.js";

export interface Shared {
  /** The buffer that replaces a buffer, or the buffer itself. */
  readonly bufferOf: (buffer: number) => number;
  /** The lifetimes of all buffers; replaced buffers have size 0. */
  readonly lifetimes: readonly Lifetime[];
}

/**
 * Lets a group's result take the buffer of an operand that is last read there, if this is safe for every template. It is safe if only
 * elementwise steps after the last stage (all steps, if there is no stage) read the operand, element by element: a template computes an
 * element once, reads what its steps read at the same place, and then stores it. An operand of a stage, or of a step before one, is also
 * read at other places and keeps a separate buffer.
 */
export function shareInPlace(
  graph: Graph,
  groups: readonly NodeGroup[],
  { places, kinds, views, claims }: Places,
  lifetimes: readonly Lifetime[],
): Shared {
  const parent = lifetimes.map((_, buffer) => buffer);
  const merged = [...lifetimes];
  const bufferOf = (buffer: number): number => {
    const up = parent[buffer] ?? buffer;
    return up === buffer ? buffer : bufferOf(up);
  };
  for (const [moment, nodes] of groups.entries()) {
    const last = nodes.at(-1);
    const target = last && places.get(last.id);
    if (!last || !target || views.has(last.id) || claims.has(last.id) || last.op === "concat") continue;
    const result = merged[target.buffer];
    if (result?.first !== moment) continue;
    for (const id of readInPlace(graph, nodes)) {
      const from = places.get(id);
      const buffer = from && bufferOf(from.buffer);
      const life = buffer === undefined ? undefined : merged[buffer];
      if (!from || buffer === undefined || !life || life.last !== moment || life.size !== result.size)
        continue;
      // Elements of another size are elsewhere.
      if (nodeOf(graph, id).type.dtype !== last.type.dtype) continue;
      // The buffer of an input or output may be the caller's.
      if (kinds[buffer] !== kinds[target.buffer] || kinds[buffer] === "port") continue;
      if (from.offset !== 0 || from.stride !== target.stride || target.offset !== 0) continue;
      // Another operand may be a view of the same buffer, and be read elsewhere.
      if (readsElsewhere(nodes, id, (other) => placeBuffer(other) === buffer)) continue;
      parent[target.buffer] = buffer;
      merged[buffer] = { ...life, last: result.last };
      merged[target.buffer] = { size: 0, first: result.first, last: result.last };
      break;
    }
  }
  function placeBuffer(id: NodeId): number | undefined {
    const place = places.get(id);
    return place && bufferOf(place.buffer);
  }
  return { bufferOf, lifetimes: merged };
}

/** Operands that a group reads only element by element, after its last stage. */
function readInPlace(graph: Graph, nodes: NodeGroup): NodeId[] {
  const inside = new Set(nodes.map((node) => node.id));
  const isStage = (node: Node): boolean => opOf(node.op).scalar === undefined;
  const lastStage = nodes.findLastIndex(isStage);
  const early = new Set(nodes.slice(0, lastStage + 1).flatMap((node) => node.inputs));
  const late = new Set(nodes.slice(lastStage + 1).flatMap((node) => node.inputs));
  const shape = nodes.at(-1)?.type.shape ?? [];
  return [...late].filter(
    (id) => !inside.has(id) && !early.has(id) && sameShape(nodeOf(graph, id).type.shape, shape),
  );
}

function readsElsewhere(nodes: NodeGroup, id: NodeId, isSame: (other: NodeId) => boolean): boolean {
  return nodes.some((node) => node.inputs.some((other) => other !== id && isSame(other)));
}
