// Scheduling: fused groups become kernels in order, tensors get their place in the arena.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import { inputNodes, nodeOf, operands } from "#ir/graph.js";
import { outputIds, users } from "#ir/order.js";
import type { Target } from "#ir/target.js";
import type { Shape } from "#ir/type.js";
import { channels, elements, sameShape } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { opOf } from "#ops/index.js";
import { axisOf } from "#ops/reduce.js";
import type { Scalar } from "#ops/scalar.js";
import { operand as scalarOperand } from "#ops/scalar.js";
import type { NodeGroup } from "./group-nodes.js";
import { groupNodes } from "./group-nodes.js";
import type { Lifetime } from "./plan-memory.js";
import { planMemory } from "./plan-memory.js";
import type { Group, Schedule, Side, Source, Stage, Step, View } from "./schedule.js";

/** A value's place before the plan: which buffer, and where in it. */
interface Place {
  readonly buffer: number;
  readonly offset: number;
  readonly stride: number;
}

/** The schedule of a module's graph for a target. */
export function schedule(module: Module, target: Target): Schedule {
  const { graph, weights } = module;
  const groups = groupNodes(graph);
  const { places, sizes } = placeValues(graph, groups);
  const plan = planMemory(lifetimes(graph, groups, places, sizes), target.lanes);
  const viewOf = (id: NodeId): View => {
    const place = places.get(id) ?? bug(`node ${id} has no place`);
    return {
      type: nodeOf(graph, id).type,
      offset: (plan.offsets[place.buffer] ?? 0) + place.offset,
      stride: place.stride,
    };
  };
  const sourceOf = (id: NodeId): Source => {
    const node = nodeOf(graph, id);
    if (node.op === "constant") return { kind: "weight", weight: node.attributes.weight, type: node.type };
    return { kind: "view", view: viewOf(id) };
  };
  const port = (name: string, id: NodeId): { name: string; view: View } => ({ name, view: viewOf(id) });
  return {
    graph,
    weights,
    target,
    groups: groups.flatMap((nodes) => lowerGroup(graph, nodes, viewOf, sourceOf)),
    inputs: inputNodes(graph).map((node) => port(node.name, node.id)),
    outputs: graph.outputs.map(({ name, node }) => port(name, node)),
    arena: plan.size,
  };
}

/**
 * A buffer for every value; but a reshape is its operand seen anew, and an operand of a concat that nobody else reads is
 * written straight into its slice.
 */
function placeValues(
  graph: Graph,
  groups: readonly NodeGroup[],
): { places: Map<NodeId, Place>; sizes: number[] } {
  const places = new Map<NodeId, Place>();
  const sizes: number[] = [];
  const ownBuffer = (node: Node): void => {
    places.set(node.id, { buffer: sizes.length, offset: 0, stride: channels(node.type.shape) });
    sizes.push(elements(node.type.shape));
  };
  for (const node of inputNodes(graph)) ownBuffer(node);
  // Backwards, since a concat's place decides where its operands are written.
  for (const nodes of groups.toReversed()) {
    const last = nodes.at(-1) ?? bug("an empty group");
    if (!places.has(last.id) && !isAlias(graph, last)) ownBuffer(last);
    const place = places.get(last.id);
    if (last.op === "concat" && nodes.length === 1 && place) placeOperands(graph, last, place, places);
  }
  // Forwards, since an alias has the place of its operand.
  for (const nodes of groups) {
    const last = nodes.at(-1) ?? bug("an empty group");
    if (places.has(last.id)) continue;
    const from = places.get(last.inputs[0] ?? -1) ?? bug(`${last.name} is an alias of nothing`);
    places.set(last.id, { ...from, stride: channels(last.type.shape) });
  }
  return { places, sizes };
}

/** Whether a node is its operand under another shape. Both are dense, or a slice of a concat would be misread. */
function isAlias(graph: Graph, node: Node): boolean {
  if (node.op !== "reshape" || node.kernel !== undefined) return false;
  const [input] = operands(graph, node);
  if (!input || input.op === "constant") return false;
  return !isWrittenInPlace(graph, input) && !isWrittenInPlace(graph, node) && !outputIds(graph).has(node.id);
}

/** Gives operands of a concat their slices where that is possible. */
function placeOperands(
  graph: Graph,
  concat: Node & { op: "concat" },
  place: Place,
  places: Map<NodeId, Place>,
): void {
  let at = 0;
  for (const input of operands(graph, concat)) {
    if (isWrittenInPlace(graph, input)) places.set(input.id, slicePlace(concat, place, at));
    at += input.type.shape[concatAxis(concat)] ?? 0;
  }
}

/** The slice from `at` on along the concat's axis. */
function slicePlace(concat: Node & { op: "concat" }, place: Place, at: number): Place {
  const { shape } = concat.type;
  const axis = concatAxis(concat);
  if (axis === shape.length - 1) return { ...place, offset: place.offset + at };
  const inner = elements(shape.slice(axis + 1, -1)) * place.stride;
  return { ...place, offset: place.offset + at * inner };
}

/** Whether a value is written straight into the slice of the one concat that reads it. */
function isWrittenInPlace(graph: Graph, node: Node): boolean {
  const [use, second] = users(graph).get(node.id) ?? [];
  if (use === undefined || second !== undefined || outputIds(graph).has(node.id)) return false;
  const concat = nodeOf(graph, use);
  if (concat.op !== "concat" || concat.kernel !== undefined) return false;
  if (node.op === "input" || node.op === "constant" || node.op === "concat") return false;
  if (concat.inputs.filter((id) => id === node.id).length !== 1) return false;
  const axis = concatAxis(concat);
  // A slice is dense over its stride only along the last axis, or where all axes before it are 1.
  return axis === concat.type.shape.length - 1 || elements(concat.type.shape.slice(0, axis)) === 1;
}

function concatAxis(concat: Node & { op: "concat" }): number {
  return axisOf(concat.attributes.axis, concat.type.shape) ?? 0;
}

function lifetimes(
  graph: Graph,
  groups: readonly NodeGroup[],
  places: ReadonlyMap<NodeId, Place>,
  sizes: readonly number[],
): Lifetime[] {
  const first = sizes.map(() => Number.POSITIVE_INFINITY);
  const last = sizes.map(() => -1);
  const touch = (id: NodeId, moment: number): void => {
    const buffer = places.get(id)?.buffer;
    if (buffer === undefined) return;
    first[buffer] = Math.min(first[buffer] ?? moment, moment);
    last[buffer] = Math.max(last[buffer] ?? moment, moment);
  };
  for (const node of inputNodes(graph)) touch(node.id, -1);
  for (const [moment, nodes] of groups.entries()) {
    for (const node of nodes) {
      touch(node.id, moment);
      for (const id of node.inputs) touch(id, moment);
    }
  }
  for (const output of graph.outputs) touch(output.node, groups.length);
  return sizes.map((size, buffer) => ({ size, first: first[buffer] ?? 0, last: last[buffer] ?? 0 }));
}

function lowerGroup(
  graph: Graph,
  nodes: NodeGroup,
  viewOf: (id: NodeId) => View,
  sourceOf: (id: NodeId) => Source,
): Group[] {
  const first = nodes[0] ?? bug("an empty group");
  const last = nodes.at(-1) ?? bug("an empty group");
  if (isAlias(graph, last)) return [];
  const label = last.kernel === undefined ? undefined : graph.kernels.get(last.kernel);
  const base = {
    name: last.name,
    nodes: nodes.map((node) => node.id),
    ...(label ? { rule: label.rule, reason: label.reason } : {}),
  };
  if (last.op === "concat" && nodes.length === 1) return lowerConcat(graph, last, base, viewOf, sourceOf);
  const flowing = flowInto(graph, first);
  const prologue: Step[] = [];
  const stages: (Stage & { epilogue: Step[] })[] = [];
  let flow = flowing;
  for (const node of nodes) {
    if (opOf(node.op).scalar)
      (stages.at(-1)?.epilogue ?? prologue).push(lowerStep(graph, node, flow, sourceOf));
    else {
      const operandSources = new Map(
        node.inputs.flatMap((id, at) => (id === flow && at === 0 ? [] : [[at, sourceOf(id)] as const])),
      );
      stages.push({ node: node.id, operands: operandSources, epilogue: [] });
    }
    flow = node.id;
  }
  return [{ ...base, input: sourceOf(flowing), prologue, stages, output: viewOf(last.id) }];
}

/** The operand that a group's first node takes as its flow: a full-shape one for an elementwise op, else the first. */
function flowInto(graph: Graph, node: Node): NodeId {
  const inputs = operands(graph, node);
  const full = opOf(node.op).scalar
    ? inputs.find((input) => input.op !== "constant" && sameShape(input.type.shape, node.type.shape))
    : undefined;
  return (full ?? inputs[0] ?? bug(`${node.name} has no operand`)).id;
}

function lowerStep(graph: Graph, node: Node, flow: NodeId, sourceOf: (id: NodeId) => Source): Step {
  const op = opOf(node.op);
  const scalar: Scalar =
    op.scalar?.(
      node.inputs.map((_, at) => scalarOperand(at)),
      node.attributes as Readonly<Record<string, never>>,
    ) ?? bug(`${node.op} is not elementwise`);
  const sides = new Map<number, Side>();
  const flowAt: number[] = [];
  for (const [at, id] of node.inputs.entries()) {
    if (id === flow) flowAt.push(at);
    else
      sides.set(at, {
        source: sourceOf(id),
        broadcast: broadcastOf(nodeOf(graph, id).type.shape, node.type.shape),
      });
  }
  return { node: node.id, scalar, flow: flowAt, sides };
}

/** How a side operand repeats over the step's shape; `general` for what only a kernel of its own can read. */
export function broadcastOf(shape: Shape, to: Shape): Side["broadcast"] {
  if (sameShape(shape, to)) return "same";
  if (elements(shape) === 1) return "scalar";
  if (elements(shape) === channels(to) && channels(shape) === channels(to)) return "channel";
  if (channels(shape) === 1 && elements(shape) === elements(to.slice(0, -1))) return "pixel";
  return "general";
}

/** One copy per operand that is not written in place. */
function lowerConcat(
  graph: Graph,
  concat: Node & { op: "concat" },
  base: Pick<Group, "name" | "nodes">,
  viewOf: (id: NodeId) => View,
  sourceOf: (id: NodeId) => Source,
): Group[] {
  const whole = viewOf(concat.id);
  const copies: Group[] = [];
  let at = 0;
  for (const input of operands(graph, concat)) {
    if (!isWrittenInPlace(graph, input)) {
      const { offset, stride } = slicePlace(
        concat,
        { buffer: 0, offset: whole.offset, stride: whole.stride },
        at,
      );
      const axis = concatAxis(concat);
      const leading = elements(concat.type.shape.slice(0, axis));
      const isDense = axis === concat.type.shape.length - 1 || leading === 1;
      copies.push({
        ...base,
        input: sourceOf(input.id),
        prologue: [],
        stages: isDense ? [] : [{ node: concat.id, operands: new Map(), epilogue: [] }],
        output: { type: input.type, offset, stride },
      });
    }
    at += input.type.shape[concatAxis(concat)] ?? 0;
  }
  return copies;
}
