// Converts the nodes of a kernel to its steps and stages.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import { broadcastOf } from "#ir/broadcast.js";
import type { Graph, KernelPlan, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { sameShape } from "#ir/type.js";
import type { AddedProduct } from "#ops/added-product.js";
import { addedProduct } from "#ops/added-product.js";
import { composeSteps } from "#ops/compose.js";
import { opOf } from "#ops/index.js";
import { withNumbers } from "#ops/scalar.js";
import { makePlan } from "#template/plan.js";
import type { NodeGroup } from "./group-nodes.js";
import { conversionsOf } from "./group-nodes.js";
import type { Places } from "./place-values.js";
import { hasParts, partOf } from "./place-values.js";
import type { TabulatedStep } from "./tables.js";
import { tabulate } from "./tables.js";
import type { AddedStage, Group, Side, Source, Stage, Step, View } from "./schedule.js";

/** The places of values that groups read and write. */
export interface Views {
  /** The view of a value that has a place. */
  viewOf(id: NodeId): View;
  /** The view, or the weight of a constant. */
  sourceOf(id: NodeId): Source;
  /** The number of a constant that is part of the code; undefined if the constant is read from memory. */
  numberOf(id: NodeId): number | undefined;
  /** The number that a constant of one element is. */
  valueOf(id: NodeId): number | undefined;
  /** Whether the target reads integers in tables. */
  readonly tables: boolean;
}

/** The groups that compute some nodes: one; none for a view; for a concat, those that copy the operands that are not written in place. */
export function lowerGroup(
  graph: Graph,
  nodes: NodeGroup,
  planOf: (nodes: NodeGroup) => KernelPlan,
  { views, claims }: Places,
  at: Views,
): Group[] {
  const last = nodes.at(-1) ?? bug("an empty group");
  if (views.has(last.id)) return [];
  if (last.op === "concat" && nodes.length === 1) return lowerConcat(graph, last, claims, at);
  const added = addedProduct(graph, nodes);
  const conversions = conversionsOf(nodes);
  const own = nodes.filter(({ id }) => !conversions.has(id));
  const fused = own.filter(({ id }) => id !== added?.product.id);
  const first = flowInto(graph, fused[0] ?? last);
  const conversion = conversions.get(first);
  const chain = conversion ? [conversion, ...fused] : fused;
  const flow = conversion ? flowInto(graph, conversion) : first;
  return [
    {
      name: last.name,
      plan: planOf(own),
      nodes: nodes.map((node) => node.id),
      input: at.sourceOf(flow),
      ...lowerChain(graph, { chain, conversions }, flow, at, added),
      output: at.viewOf(last.id),
    },
  ];
}

/** Copies a value that is a weight or in another place into a view. */
export function copyGroup(node: Node, input: Source, output: View): Group {
  return {
    name: node.name,
    plan: makePlan("copy"),
    nodes: [node.id],
    input,
    prologue: [],
    stages: [],
    output,
  };
}

/** The nodes through which a value flows, and the conversions of other values that they read. */
interface Chain {
  readonly chain: readonly Node[];
  readonly conversions: ReadonlyMap<NodeId, Node>;
}

function lowerChain(
  graph: Graph,
  { chain: nodes, conversions }: Chain,
  flow: NodeId,
  at: Views,
  added: AddedProduct | undefined,
): Pick<Group, "prologue" | "stages"> {
  const stages: Stage[] = [];
  const isStage = (node: Node): boolean => opOf(node.op).scalar === undefined;
  const first = nodes.findIndex(isStage);
  const steps = (chain: readonly Node[], from: NodeId): Step[] =>
    stepsOf(graph, { chain, conversions }, from, at);
  const prologue = steps(first < 0 ? nodes : nodes.slice(0, first), flow);
  for (let start = first; start >= 0 && start < nodes.length;) {
    const node = nodes[start] ?? bug("a stage without a node");
    const next = nodes.findIndex((other, place) => place > start && isStage(other));
    const end = next < 0 ? nodes.length : next;
    // Only their sum reads both convolutions, so it is the first step.
    const isSum = added !== undefined && nodes[start + 1]?.id === added.sum.id;
    const from = isSum ? start + 1 : start;
    stages.push({
      node: node.id,
      operands: operandsOf(node, at),
      ...(isSum ? { added: addedStage(added.product, at) } : {}),
      epilogue: steps(nodes.slice(from + 1, end), nodes[from]?.id ?? node.id),
    });
    start = end;
  }
  return { prologue, stages };
}

/** All operands except the first. */
function operandsOf({ inputs }: Node, { sourceOf }: Views): ReadonlyMap<number, Source> {
  return new Map([...inputs.entries()].slice(1).map(([place, id]) => [place, sourceOf(id)]));
}

function addedStage(node: Node, at: Views): AddedStage {
  const [input = bug(`${node.name} has no operand`)] = node.inputs;
  return { node: node.id, input: at.sourceOf(input), operands: operandsOf(node, at) };
}

/** The operand that flows into a group's first node: for an elementwise op one with the full shape, else the first. */
function flowInto(graph: Graph, node: Node): NodeId {
  const inputs = operands(graph, node);
  const full = opOf(node.op).scalar
    ? inputs.find((input) => input.op !== "constant" && sameShape(input.type.shape, node.type.shape))
    : undefined;
  return (full ?? inputs[0] ?? bug(`${node.name} has no operand`)).id;
}

function stepsOf(graph: Graph, { chain, conversions }: Chain, flow: NodeId, at: Views): Step[] {
  const steps = composeSteps(chain, flow, conversions);
  const tabulated: readonly TabulatedStep[] = at.tables ? tabulate(graph, steps, at.valueOf) : steps;
  return tabulated.map((step): Step => {
    const last = step.nodes.at(-1) ?? bug("a step of no nodes");
    const numbers = new Map<number, number>();
    const sides = new Map<number, Side>();
    for (const [place, id] of step.sides) {
      const number = at.numberOf(id);
      const broadcast = broadcastOf(nodeOf(graph, id).type.shape, last.type.shape);
      if (number === undefined) sides.set(place, { source: at.sourceOf(id), broadcast });
      else numbers.set(place, number);
    }
    const scalar = numbers.size === 0 ? step.scalar : withNumbers(step.scalar, numbers);
    return { node: last.id, scalar, ...given({ table: step.table }), flow: step.flow, sides };
  });
}

/** The most operands that one kernel copies into a concat. */
const mostParts = 16;

/** The copies of operands that are not written in place: one kernel for all of them, if they are few. */
function lowerConcat(
  graph: Graph,
  concat: NodeOf<"concat">,
  claims: Places["claims"],
  { viewOf, sourceOf }: Views,
): Group[] {
  const output = viewOf(concat.id);
  const open = operands(graph, concat).flatMap(({ id, type }, at) =>
    claims.get(id)?.id === concat.id ? [] : [{ at, type, source: sourceOf(id) }],
  );
  const [only, ...more] = open;
  if (!only) return [];
  if (more.length === 0 && hasParts(concat)) {
    const { buffer: _, ...part } = partOf(graph, concat, only.at, { buffer: 0, ...output });
    return [copyGroup(concat, only.source, { ...output, ...part, type: only.type })];
  }
  const groups: Group[] = [];
  for (let start = 0; start < open.length; start += mostParts) {
    const parts = open.slice(start, start + mostParts);
    const operandsOfPart = new Map(parts.map(({ at, source }) => [at, source] as const));
    groups.push({
      name: concat.name,
      plan: makePlan("concat"),
      nodes: [concat.id],
      input: parts[0]?.source ?? only.source,
      prologue: [],
      stages: [{ node: concat.id, operands: operandsOfPart, epilogue: [] }],
      output,
    });
  }
  return groups;
}
