// Runs a schedule with the reference meaning of the ops, through the views of one arena, without any kernel.

import type { NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { denseStrides, tensor } from "#ir/tensor.js";
import type { Shape } from "#ir/type.js";
import { bytesOf } from "#ir/target.js";
import { elements } from "#ir/type.js";
import { broadcastIndex } from "#ops/broadcast.js";
import { evalNode } from "#ops/index.js";
import { evalScalar } from "#ops/scalar-eval.js";
import type { Group, Schedule, Side, Source, Stage, Step, View } from "#schedule/schedule.js";

/**
 * The outputs by name. The arena has a cell for each byte, and an element is in all cells of its bytes. The arena is full of NaN at first, and a result's place is filled with NaN again before its kernel reads
 * anything except operands that may be there. So a read of unwritten or overwritten memory, or of an operand that an
 * in-place result destroys, shows in the outputs.
 */
export function execute(schedule: Schedule, inputs: ReadonlyMap<string, Tensor>): Map<string, Float64Array> {
  const arena = new Float64Array(4 * schedule.arenas[0]!.elements).fill(Number.NaN);
  for (const { name, view } of schedule.inputs) write(arena, view, inputs.get(name)!);
  for (const group of schedule.groups) {
    const stage = group.stages[0];
    const node = stage && nodeOf(schedule.graph, stage.node);
    if (node?.op === "concat") executeConcat(schedule, group, node, arena);
    else executeGroup(schedule, group, arena);
  }
  return new Map(schedule.outputs.map(({ name, view }) => [name, read(arena, view).data]));
}

/** Copies parts of a concat to their places in it. */
function executeConcat(
  { graph, weights }: Schedule,
  group: Group,
  node: NodeOf<"concat">,
  arena: Float64Array,
): void {
  const { shape } = node.type;
  const axis = (node.attributes.axis + shape.length) % shape.length;
  const whole = addresses(group.output);
  const strides = denseStrides(shape);
  const parts = [...group.stages[0]!.operands].map(([at, source]) => {
    const own = nodeOf(graph, node.inputs[at]!).type.shape;
    const start = node.inputs.slice(0, at).reduce((sum, id) => sum + nodeOf(graph, id).type.shape[axis]!, 0);
    return { source, to: places(own, strides, start * strides[axis]!).map((flat) => whole[flat]!) };
  });
  const bytes = bytesOf(group.output.element);
  for (const { to } of parts) for (const place of to) put(arena, place, bytes, Number.NaN);
  for (const { source, to } of parts) {
    const value = source.kind === "weight" ? weights.read(source.weight) : read(arena, source.view);
    for (const [at, place] of to.entries()) put(arena, place, bytes, value.data[at]!);
  }
}

function executeGroup(schedule: Schedule, group: Group, arena: Float64Array): void {
  const { graph, weights } = schedule;
  const load = (source: Source): Tensor =>
    source.kind === "weight" ? weights.read(source.weight) : read(arena, source.view);
  // Only operands of the steps after the last stage may be in the place of the result, because they are read first.
  const last = group.stages.at(-1);
  const late = last?.epilogue ?? group.prologue;
  const sides = new Map<Side, Tensor>();
  for (const step of late) {
    for (const side of step.sides.values()) if (side.broadcast === "same") sides.set(side, load(side.source));
  }
  const lateInput = last ? undefined : load(group.input);
  const output = addresses(group.output);
  const bytes = bytesOf(group.output.element);
  for (const place of output) put(arena, place, bytes, Number.NaN);

  const loadSide = (side: Side): Tensor => sides.get(side) ?? load(side.source);
  let value = run(group.prologue, lateInput ?? load(group.input), loadSide);
  for (const stage of group.stages) {
    const node = nodeOf(graph, stage.node);
    const operands = [value];
    for (const [at, source] of stage.operands) operands[at] = load(source);
    value = run(stage.epilogue, stageValue(schedule, stage, evalNode(node, operands), load), loadSide);
  }
  if (value.data.length !== output.length)
    throw new Error(`${group.name} writes ${value.data.length} elements to ${output.length}`);
  for (const [at, place] of output.entries()) put(arena, place, bytes, value.data[at]!);
  if (group.output.exact) return;
  for (const place of paddingOf(group.output, schedule.target.lanes)) put(arena, place, bytes, Number.NaN);
}

/** The value of a stage before its epilogue, from the value of its op. */
function stageValue(
  { graph }: Schedule,
  { added }: Stage,
  value: Tensor,
  load: (source: Source) => Tensor,
): Tensor {
  if (!added) return value;
  const operands = [load(added.input)];
  for (const [at, source] of added.operands) operands[at] = load(source);
  const other = evalNode(nodeOf(graph, added.node), operands);
  return tensor(value.shape, (index) => value.data[index]! + other.data[index]!);
}

/** The elements after the channels that a kernel with this many lanes may write, for every vector. */
function paddingOf({ type: { shape }, offset, stride, element }: View, lanes: number): number[] {
  const depth = shape.at(-1) ?? 1;
  const padding = Math.ceil(depth / lanes) * lanes - depth;
  if (depth + padding > stride) return [];
  return Array.from(
    { length: (elements(shape) / depth) * padding },
    (_, at) => bytesOf(element) * (offset + Math.floor(at / padding) * stride + depth + (at % padding)),
  );
}

function run(steps: readonly Step[], start: Tensor, loadSide: (side: Side) => Tensor): Tensor {
  return steps.reduce((flow, step) => {
    const sides = [...step.sides].map(([at, side]) => [at, side, loadSide(side)] as const);
    const shape = sides.reduce<Shape>(
      (best, [, side, value]) =>
        side.broadcast === "general" || value.shape.length > best.length ? widen(best, value.shape) : best,
      flow.shape,
    );
    const flowAt = broadcastIndex(flow.shape, shape);
    return tensor(shape, (index) => {
      if (step.table) return step.table[flow.data[flowAt(index)]! & 255]!;
      const operands: number[] = [];
      for (const at of step.flow) operands[at] = flow.data[flowAt(index)]!;
      for (const [at, side, value] of sides) operands[at] = value.data[sideIndex(side, value, shape, index)]!;
      return evalScalar(step.scalar, operands);
    });
  }, start);
}

function widen(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, at) =>
    Math.max(a[at - rank + a.length] ?? 1, b[at - rank + b.length] ?? 1),
  );
}

/** The element of an operand from outside, found only by its broadcast, as a kernel does. */
function sideIndex({ broadcast }: Side, value: Tensor, shape: Shape, index: number): number {
  const depth = shape.at(-1) ?? 1;
  switch (broadcast) {
    case "same":
      return index;
    case "channel":
      return index % depth;
    case "pixel":
      return Math.floor(index / depth);
    case "scalar":
      return 0;
    case "general":
      return broadcastIndex(value.shape, shape)(index);
    default:
      return broadcast satisfies never;
  }
}

function read(arena: Float64Array, view: View): Tensor {
  const from = addresses(view);
  const bytes = bytesOf(view.element);
  return tensor(view.type.shape, (index) => {
    const [first, ...rest] = arena.subarray(from[index]!, from[index]! + bytes);
    return rest.every((cell) => cell === first) ? first! : Number.NaN;
  });
}

function write(arena: Float64Array, view: View, value: Tensor): void {
  for (const [index, place] of addresses(view).entries())
    put(arena, place, bytesOf(view.element), value.data[index]!);
}

/** Stores an element of a size in bytes. */
function put(arena: Float64Array, place: number, bytes: number, value: number): void {
  arena.fill(value, place, place + bytes);
}

/** The bytes at which the elements of a view begin, in order. */
function addresses({ type: { shape }, offset, stride, element }: View): number[] {
  const depth = shape.at(-1) ?? 1;
  return Array.from(
    { length: elements(shape) },
    (_, index) => bytesOf(element) * (offset + Math.floor(index / depth) * stride + (index % depth)),
  );
}

function places(shape: Shape, strides: readonly number[], offset: number): number[] {
  return Array.from({ length: elements(shape) }, (_, flat) => {
    let rest = flat;
    let place = offset;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      place += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return place;
  });
}
