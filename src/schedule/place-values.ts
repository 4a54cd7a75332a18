// Places of values: the buffer of each value, and its offset there. Slices and reshapes are views, and concats are written in place.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { inputNodes, nodeOf, operands } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { bytesOf, storedElement } from "#ir/target.js";
import { channels, elements } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import { axisOf } from "#ops/reduce.js";
import type { NodeGroup } from "./group-nodes.js";
import type { Arena } from "./schedule.js";

/** A value's place before the memory plan. */
export interface Place {
  readonly buffer: number;
  /** In elements of the value from the start of the buffer. */
  readonly offset: number;
  /** Elements from one last-axis vector to the next. */
  readonly stride: number;
  /** See `View.exact`. */
  readonly exact?: true;
}

/** The places of all values that kernels read and write; inner values of fused groups have no place. */
export interface Places {
  readonly places: ReadonlyMap<NodeId, Place>;
  /** The sizes of the buffers, in elements of f32. */
  readonly sizes: readonly number[];
  /** The kind of arena for each buffer. */
  readonly kinds: readonly Arena["kind"][];
  /** The integers that a value is stored as; f32 if undefined. */
  readonly elementOf: (id: NodeId) => ReturnType<typeof storedElement>;
  /** Nodes that are views of their operand, or concats that are stored in another one: no kernel computes them. */
  readonly views: ReadonlySet<NodeId>;
  /** Operands that their producer writes directly into a concat, and that concat. */
  readonly claims: ReadonlyMap<NodeId, NodeOf<"concat">>;
}

/** Gives every value that a kernel reads or writes its place. */
export function placeValues(graph: Graph, groups: readonly NodeGroup[], target: Target): Places {
  const { lanes } = target;
  const claims = claimSlices(graph, groups, lanes);
  const places = new Map<NodeId, Place>();
  /** Elements of the buffers. */
  const counts: number[] = [];
  const views = new Set<NodeId>();
  const place = (node: Node): Place => {
    const known = places.get(node.id);
    if (known) return known;
    const made = claimedPlace(node) ?? joinedPlace(node) ?? viewPlace(node) ?? ownPlace(node);
    places.set(node.id, made);
    return made;
  };
  const claimedPlace = (node: Node): Place | undefined => {
    const concat = claims.get(node.id);
    return concat && partOf(graph, concat, concat.inputs.indexOf(node.id), place(concat));
  };
  /** A concat whose operands are already adjacent in another concat, as those of a dense block are (Huang et al. 2017), needs no copy. */
  const joinedPlace = (node: Node): Place | undefined => {
    if (!isLoneConcat(node) || outputIds(graph).has(node.id)) return undefined;
    const whole = claims.get(node.inputs[0] ?? -1);
    if (!whole || whole.id === node.id || concatAxis(whole) !== whole.type.shape.length - 1) return undefined;
    const first = whole.inputs.indexOf(node.inputs[0] ?? -1);
    const isBeside = (id: NodeId, at: number): boolean =>
      whole.inputs[first + at] === id && claims.get(id)?.id === whole.id;
    if (concatAxis(node) !== node.type.shape.length - 1 || !node.inputs.every(isBeside)) return undefined;
    const made = partOf(graph, whole, first, place(whole));
    if (!isAligned(made, node, lanes)) return undefined;
    views.add(node.id);
    return made;
  };
  const viewPlace = (node: Node): Place | undefined => {
    const [input] = operands(graph, node);
    if (!isViewOp(node) || !input || input.op === "constant") return undefined;
    const made =
      node.op === "reshape" ? reshaped(node, input, place(input)) : sliced(node, input, place(input));
    const isDense = made?.stride === channels(node.type.shape);
    if (!made || (outputIds(graph).has(node.id) && !isDense) || !isAligned(made, node, lanes))
      return undefined;
    views.add(node.id);
    return made;
  };
  const ownPlace = (node: Node): Place => {
    const stride = strideOf(graph, node, lanes);
    counts.push((elements(node.type.shape) / channels(node.type.shape)) * stride);
    return { buffer: counts.length - 1, offset: 0, stride };
  };
  for (const node of inputNodes(graph)) place(node);
  for (const nodes of groups) place(nodes.at(-1) ?? bug("an empty group"));
  // An output that is a constant is copied into the arena.
  for (const { node } of graph.outputs) place(nodeOf(graph, node));
  const kinds = kindsOf(graph, groups, places, counts.length, target);
  const elementOf: Places["elementOf"] = (id) => {
    const { buffer = -1 } = places.get(id) ?? {};
    return target.words && kinds[buffer] !== "bytes"
      ? undefined
      : storedElement(nodeOf(graph, id).type, target);
  };
  const sizes = counts.slice();
  for (const [id, { buffer }] of places) {
    const count = counts[buffer] ?? 0;
    const bytes = bytesOf(elementOf(id));
    // Kernels read bytes in fours, up to three beyond the last.
    sizes[buffer] = bytes === 1 ? Math.ceil((count + 3) / 4) : Math.ceil((count * bytes) / 4);
  }
  return { places, sizes, kinds, elementOf, views, claims };
}

/**
 * The most inputs and outputs with a separate buffer: the eight storage buffers that every WebGPU device binds are enough for these, two
 * arenas, weights and tables.
 */
const mostPorts = 4;

/** The kind of each buffer is that of its most demanding value. */
function kindsOf(
  graph: Graph,
  groups: readonly NodeGroup[],
  places: ReadonlyMap<NodeId, Place>,
  count: number,
  target: Target,
): Arena["kind"][] {
  const { lanes, buffers } = target;
  const kinds = new Array<Arena["kind"]>(count).fill(buffers ? "vecs" : "scalars");
  if (!buffers) return kinds;
  const torn = new Set(groups.filter((nodes) => tearsVecs(nodes, lanes)).map((nodes) => nodes.at(-1)?.id));
  const exact = exactValues(graph);
  for (const [id, { buffer, offset, stride }] of places)
    if (offset % lanes !== 0 || stride % lanes !== 0 || torn.has(id) || exact.has(id))
      kinds[buffer] = "scalars";
  if (target.words) markBytes(graph, places, kinds, target);
  const ports = [...inputNodes(graph).map(({ id }) => id), ...graph.outputs.map(({ node }) => node)].flatMap(
    (id) => places.get(id)?.buffer ?? [],
  );
  // The arena of bytes is one buffer more.
  const most = kinds.includes("bytes") ? mostPorts - 1 : mostPorts;
  for (const [at, buffer] of [...new Set(ports)].entries()) kinds[buffer] = at < most ? "port" : "scalars";
  return kinds;
}

/** Buffers all of whose values are bytes that begin at words are in arenas of their own. */
function markBytes(
  graph: Graph,
  places: ReadonlyMap<NodeId, Place>,
  kinds: Arena["kind"][],
  target: Target,
): void {
  const others = new Set<number>();
  const found = new Set<number>();
  for (const [id, { buffer, offset, stride }] of places) {
    const isBytes = storedElement(nodeOf(graph, id).type, target) !== undefined;
    (isBytes && offset % 4 === 0 && stride % 4 === 0 ? found : others).add(buffer);
  }
  for (const buffer of found) if (!others.has(buffer)) kinds[buffer] = "bytes";
}

/**
 * Values from which places are computed, back to the ops that make them. They need exact numbers: vecs may be stored in 16 bits, which only
 * hold integers up to 2,048.
 */
function exactValues(graph: Graph): ReadonlySet<NodeId> {
  const found = new Set<NodeId>();
  for (const { id: own, op, inputs } of graph.nodes.values()) {
    if (opOf(op).places) found.add(own);
    for (const [at, id] of inputs.entries()) if (opOf(op).operands[at]?.places) found.add(id);
  }
  for (const id of found) {
    const { op, inputs } = nodeOf(graph, id);
    if (passesPlaces(opOf(op))) for (const input of inputs) found.add(input);
  }
  return found;
}

/** Whether an op makes places from places: it maps, moves or adds integers. */
function passesPlaces({ scalar, errors, places }: ReturnType<typeof opOf>): boolean {
  return !places && (scalar !== undefined || errors === "moves" || errors === "sums");
}

/** Whether several items of a kernel store into one vec, as in a grouped convolution whose groups end within vecs. */
function tearsVecs(nodes: NodeGroup, lanes: number): boolean {
  return nodes.some(
    (node) =>
      node.op === "conv2d" &&
      node.attributes.groups > 1 &&
      (channels(node.type.shape) / node.attributes.groups) % lanes !== 0,
  );
}

/** Whether a node is a concat that is not part of a fused kernel. */
function isLoneConcat(node: Node): node is NodeOf<"concat"> {
  return node.op === "concat" && node.kernel === undefined;
}

/** Whether a node is an op that may be a view, and not part of a fused kernel. */
function isViewOp(node: Node): node is NodeOf<"reshape"> | NodeOf<"slice"> {
  return (node.op === "reshape" || node.op === "slice") && node.kernel === undefined;
}

/** A reshape reads the same bytes if the last-axis vectors stay unchanged, or if there are no gaps between them. */
function reshaped(node: Node, input: Node, from: Place): Place | undefined {
  const [before, after] = [channels(input.type.shape), channels(node.type.shape)];
  if (before === after) return from;
  return from.stride === before ? { ...from, stride: after } : undefined;
}

/**
 * A slice is a view if at most one of the axes before the last is shortened, so that the remaining last-axis vectors are equally spaced.
 */
function sliced(node: NodeOf<"slice">, input: Node, from: Place): Place | undefined {
  const { begin, stride: step } = node.attributes;
  const [shape, result] = [input.type.shape, node.type.shape];
  const last = shape.length - 1;
  if (last < 0) return from;
  if ((result[last] ?? 1) > 1 && (step[last] ?? 1) !== 1) return undefined;
  let offset = from.offset + (begin[last] ?? 0);
  // The distance along each axis in the operand, and the number of result vectors in between, from the inner axis outwards.
  let distance = from.stride;
  let vectors = 1;
  let stride: number | undefined;
  for (let axis = last - 1; axis >= 0; axis -= 1) {
    offset += (begin[axis] ?? 0) * distance;
    const extent = result[axis] ?? 1;
    if (extent > 1) {
      const hop = distance * (step[axis] ?? 1);
      stride ??= hop / vectors;
      if (stride * vectors !== hop) return undefined;
    }
    distance *= shape[axis] ?? 1;
    vectors *= extent;
  }
  return { ...from, offset, stride: stride ?? Math.max(from.stride, channels(result)) };
}

/** Vecs must begin at multiples of the lane count; tensors with fewer channels are read one by one. */
function isAligned({ offset, stride }: Pick<Place, "offset" | "stride">, node: Node, lanes: number): boolean {
  return (
    channels(node.type.shape) < lanes ||
    (offset % lanes === 0 && (stride % lanes === 0 || stride === channels(node.type.shape)))
  );
}

/**
 * `dense`, or with lanes the channel count rounded up. These are dense: inputs and outputs of the net, operands and results of reshapes and
 * transposes, and tensors with fewer channels than lanes.
 */
function strideOf(graph: Graph, node: Node, lanes: number): number {
  const count = channels(node.type.shape);
  const around = [node, ...(users(graph).get(node.id) ?? []).map((id) => nodeOf(graph, id))];
  const isDense =
    count < lanes ||
    node.op === "input" ||
    node.op === "constant" ||
    outputIds(graph).has(node.id) ||
    around.some(({ op }) => op === "reshape" || op === "transpose") ||
    (node.op === "concat" && !hasParts(node));
  return isDense ? count : Math.ceil(count / lanes) * lanes;
}

/**
 * The operands that their producers write directly into a concat. An operand is in the place of at most one concat, the last one, because
 * that is the larger if concats build on each other.
 */
function claimSlices(
  graph: Graph,
  groups: readonly NodeGroup[],
  lanes: number,
): ReadonlyMap<NodeId, NodeOf<"concat">> {
  const claims = new Map<NodeId, NodeOf<"concat">>();
  for (const nodes of groups.toReversed()) {
    const concat = nodes.at(-1);
    if (concat?.op !== "concat" || nodes.length > 1 || !hasParts(concat)) continue;
    for (const [at, input] of operands(graph, concat).entries()) {
      const isAtLanes = isAligned(
        partOf(graph, concat, at, { buffer: 0, offset: 0, stride: lanes }),
        input,
        lanes,
      );
      if (isAtLanes && !claims.has(input.id) && canBePart(graph, input, concat)) claims.set(input.id, concat);
    }
  }
  return claims;
}

function canBePart(graph: Graph, input: Node, concat: NodeOf<"concat">): boolean {
  if (input.op === "input" || input.op === "constant" || outputIds(graph).has(input.id)) return false;
  // A view has the place of its operand; a concat that is copied together is dense.
  if (isViewOp(input) || (input.op === "concat" && !hasParts(input))) return false;
  return concat.inputs.indexOf(input.id) === concat.inputs.lastIndexOf(input.id);
}

/** Whether the operands of a concat are views of it: along the last axis, or if all axes before have the extent 1. */
export function hasParts(concat: NodeOf<"concat">): boolean {
  const axis = concatAxis(concat);
  return axis === concat.type.shape.length - 1 || elements(concat.type.shape.slice(0, axis)) === 1;
}

/** Where the operand at an index begins in a concat. Along an inner axis it is not one view, but this is its first part. */
export function partOf(graph: Graph, concat: NodeOf<"concat">, at: number, whole: Place): Place {
  const axis = concatAxis(concat);
  const before = operands(graph, concat)
    .slice(0, at)
    .reduce((sum, input) => sum + (input.type.shape[axis] ?? 0), 0);
  const { shape } = concat.type;
  if (axis === shape.length - 1) return { ...whole, offset: whole.offset + before, exact: true };
  const distance = elements(shape.slice(axis + 1, -1)) * whole.stride;
  return { ...whole, offset: whole.offset + before * distance };
}

function concatAxis(concat: NodeOf<"concat">): number {
  return axisOf(concat.attributes.axis, concat.type.shape) ?? bug(`${concat.name} has no axis`);
}
