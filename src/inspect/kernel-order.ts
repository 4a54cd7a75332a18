// Orders nodes so that the nodes of each kernel are together.

import type { Graph, KernelId, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { groupsOf, topological } from "#ir/node-order.js";

/** Nodes that are printed together: those of a kernel, or a single node. */
export interface PrintedGroup {
  readonly kernel?: KernelId;
  readonly nodes: readonly Node[];
}

/**
 * All nodes except inputs and constants, operands first, the nodes of a kernel together, in the order in which kernels run: that of their
 * last nodes (`src/schedule/group-nodes.ts`), so that a dump of a fused graph has the same schedule. If kernels depend on each other in a cycle, which a valid graph does not have, they are printed in several
 * parts, so that an invalid graph can be printed too.
 */
export function byKernel(graph: Graph): PrintedGroup[] {
  const order = topological(graph).filter((node) => node.op !== "input" && node.op !== "constant");
  const groupOf = groupsOf(order);
  const unitOf = new Map<Node, PrintedGroup>();
  const units = order.flatMap((node): PrintedGroup[] => {
    const nodes = groupOf(node);
    if (nodes.at(-1) !== node) return [];
    const unit = node.kernel === undefined ? { nodes } : { kernel: node.kernel, nodes };
    for (const one of nodes) unitOf.set(one, unit);
    return [unit];
  });
  return inOrder(graph, units, unitOf) ?? torn(order);
}

/** The groups, each after those that it reads; undefined if they have a cycle. Without recursion, since graphs may be deep. */
function inOrder(
  graph: Graph,
  units: readonly PrintedGroup[],
  unitOf: ReadonlyMap<Node, PrintedGroup>,
): PrintedGroup[] | undefined {
  const result: PrintedGroup[] = [];
  const state = new Map<PrintedGroup, "open" | "done">();
  const reads = (unit: PrintedGroup): PrintedGroup[] =>
    unit.nodes.flatMap((node) =>
      operands(graph, node).flatMap((operand) => {
        const other = unitOf.get(operand);
        return other && other !== unit ? [other] : [];
      }),
    );
  for (const first of units) {
    const stack = [first];
    for (let unit = stack.at(-1); unit; unit = stack.at(-1)) {
      if (state.get(unit) === "done") {
        stack.pop();
        continue;
      }
      const waiting = reads(unit).filter((other) => state.get(other) !== "done");
      if (waiting.some((other) => state.get(other) === "open")) return undefined;
      if (waiting.length > 0) {
        state.set(unit, "open");
        for (const other of waiting.toReversed()) stack.push(other);
        continue;
      }
      state.set(unit, "done");
      result.push(unit);
      stack.pop();
    }
  }
  return result;
}

/** The groups as runs of the topological order. */
function torn(order: readonly Node[]): PrintedGroup[] {
  const units: { kernel?: KernelId; nodes: Node[] }[] = [];
  for (const node of order) {
    const last = units.at(-1);
    if (node.kernel !== undefined && last?.kernel === node.kernel) last.nodes.push(node);
    else units.push(node.kernel === undefined ? { nodes: [node] } : { kernel: node.kernel, nodes: [node] });
  }
  return units;
}
