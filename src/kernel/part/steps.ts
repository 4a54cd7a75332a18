// Elementwise steps before and after a stage, as functions on the values of a kernel.

import type { Step, Side } from "#schedule/schedule.js";
import { channels } from "#ir/type.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, laneOf, load, lookup, mulInt } from "../ir/expressions.js";
import type { Value } from "../ir/ir.js";
import type { Build, Operand } from "./operands.js";
import { reads, stridesOf, tableParameter, weightParameter } from "./operands.js";
import { branchPacking } from "./pack.js";
import { scalarValue, usesOf } from "../ir/scalar.js";

/** The position of an element of a result, as elementwise steps need it; for a vec, of its first lane. */
export interface Position {
  /** Which last-axis vector. */
  readonly pixel: Int;
  /** The place in the last axis; for a vec, a multiple of the lanes. */
  readonly channel: Int;
  /** Index per axis, for a step that broadcasts in a general way. */
  readonly index?: readonly Int[];
}

/** Elementwise steps that can be applied to one element, or to a vec of consecutive channels. */
export interface Steps {
  /** Whether they apply to vecs: all side operands are aligned, or repeat along the channels. */
  readonly wide: boolean;
  readonly apply: (value: Value, at: Position) => Value;
}

/** No steps. */
export const noSteps: Steps = { wide: true, apply: (value) => value };

interface ReadySide {
  readonly broadcast: Side["broadcast"];
  readonly operand: Operand;
  /** Whether one value serves all channels. */
  readonly repeats: boolean;
}

/** The steps of a prologue or epilogue, with their side operands as parameters; made once, applied per element. */
export function elementwiseSteps(k: Build, steps: readonly Step[]): Steps {
  return makeSteps(k, steps, (side) => readSide(k, side));
}

/**
 * Steps on a value that is stored branch by branch (see `branchPacking`), whose channel is branch · stride + input channel. Undefined if a
 * side operand has no such layout; then the steps can only be applied channel by channel.
 */
export function branchSteps(
  k: Build,
  steps: readonly Step[],
  branches: { readonly inputs: number; readonly multiplier: number; readonly stride: number },
): Steps | undefined {
  const sides = steps.flatMap((step) => [...step.sides.values()]);
  const fits = ({ broadcast, source }: Side): boolean =>
    broadcast === "scalar" || (broadcast === "channel" && source.kind === "weight");
  if (!sides.every(fits)) return undefined;
  return makeSteps(k, steps, (side) => {
    if (side.broadcast !== "channel" || side.source.kind !== "weight") return readSide(k, side);
    const packing = branchPacking(1, branches.inputs, branches.multiplier, branches.stride);
    const place = weightParameter(k, "s", side.source.weight, packing);
    const operand = { place, shape: [packing.elements], stride: packing.elements, wide: true };
    return { broadcast: "channel", operand, repeats: false };
  });
}

function makeSteps(k: Build, steps: readonly Step[], ready: (side: Side) => ReadySide): Steps {
  const made = steps.map((step) => ({
    step,
    table: step.table && tableParameter(k, "t", step.table),
    sides: new Map([...step.sides].map(([at, side]) => [at, ready(side)] as const)),
  }));
  const wide = made.every(({ sides }) =>
    [...sides.values()].every((side) => side.repeats || side.operand.wide),
  );
  const apply = (start: Value, at: Position): Value =>
    made.reduce(
      (value, { step, table, sides }) =>
        table ? lookup(table, value) : applyStep(k, step, sides, value, at),
      start,
    );
  return { wide, apply };
}

function applyStep(
  k: Build,
  step: Step,
  sides: ReadonlyMap<number, ReadySide>,
  value: Value,
  at: Position,
): Value {
  const width: Width = value.type === "vec" ? "vec" : "f32";
  const uses = step.flow.reduce((sum, index) => sum + usesOf(step.scalar, index), 0);
  const flow = uses > 1 && value.kind !== "register" ? k.let("v", value) : value;
  const loaded = new Map<number, Value>();
  return scalarValue(step.scalar, (index) => {
    const side = sides.get(index);
    if (step.flow.includes(index) || !side) return flow;
    const known = loaded.get(index);
    if (known) return known;
    const read = load(
      side.operand.place,
      address(sideAddress(side.operand, side.broadcast, at)),
      side.repeats ? "f32" : width,
    );
    const kept = usesOf(step.scalar, index) > 1 ? k.let("u", read) : read;
    loaded.set(index, kept);
    return kept;
  });
}

function readSide(k: Build, { source, broadcast }: Side): ReadySide {
  const operand = reads(k, "s", source);
  const repeats =
    broadcast === "scalar" ||
    broadcast === "pixel" ||
    (broadcast === "general" && channels(operand.shape) === 1);
  return { broadcast, operand, repeats };
}

function sideAddress(operand: Operand, broadcast: Side["broadcast"], at: Position): Int {
  switch (broadcast) {
    case "same":
      return addInt(mulInt(at.pixel, operand.stride), at.channel);
    case "channel":
      return at.channel;
    case "pixel":
      return mulInt(at.pixel, operand.stride);
    case "scalar":
      return 0;
    case "general":
      return broadcastAddress(operand, at.index ?? []);
    default:
      return broadcast satisfies never;
  }
}

/** The address of the element for an index of the result, in an operand that broadcasts as in NumPy. */
export function broadcastAddress(operand: Operand, index: readonly Int[]): Int {
  const strides = stridesOf(operand.shape, operand.stride);
  const lead = index.length - operand.shape.length;
  return addInt(
    ...operand.shape.map((extent, axis) =>
      extent === 1 ? 0 : mulInt(index[axis + lead] ?? 0, strides[axis] ?? 0),
    ),
  );
}

/** Calls `each` for every lane of a vec with its position and number, or once for an f32. */
export function eachLane(
  k: Build,
  value: Value,
  at: Position,
  each: (value: Value, at: Position, lane: number) => void,
): void {
  if (value.type !== "vec") return each(value, at, 0);
  const whole = value.kind === "register" ? value : k.let("whole", value);
  for (let lane = 0; lane < k.lanes; lane += 1) {
    const last = at.index?.at(-1);
    const index =
      at.index && last !== undefined ? { index: [...at.index.slice(0, -1), addInt(last, lane)] } : {};
    each(laneOf(whole, lane), { pixel: at.pixel, channel: addInt(at.channel, lane), ...index }, lane);
  }
}

/**
 * Stores one element, or one vec, of a result after its epilogue; lane by lane, if the result or the epilogue's operands are not aligned.
 * Sixteen bytes are stored as they are: see `movesBytes`.
 */
export function storeResult(k: Build, y: Operand, value: Value, at: Position, epilogue: Steps): void {
  const store = (one: Value, position: Position): void =>
    k.store(
      y.place,
      address(addInt(mulInt(position.pixel, y.stride), position.channel)),
      epilogue.apply(one, position),
    );
  if (value.type === "i8x16")
    k.store(y.place, address(addInt(mulInt(at.pixel, y.stride), at.channel)), value);
  else if (y.wide && epilogue.wide) store(value, at);
  else eachLane(k, value, at, store);
}
