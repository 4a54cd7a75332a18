// What templates read and write: views of the arena, packed weights and tables, as kernel parameters.

import type { WeightId } from "#ir/graph.js";
import { channels, elements } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import type { Side, Source, Step, View } from "#schedule/schedule.js";
import type { Int } from "./build.js";
import { address, addInt, load, mulInt } from "./build.js";
import type { KernelBuilder } from "./build.js";
import type { Place, Value } from "./ir.js";
import { scalarValue, usesOf } from "./scalar.js";

/** How a weight is laid out in the packed file. `key` names the layout: equal keys are packed once. */
export interface Packing {
  readonly key: string;
  readonly elements: number;
  /** From the values as the graph has them to the packed ones. */
  readonly pack: (values: Float32Array) => Float32Array;
}

/** What a parameter of a kernel refers to. */
export type Ref =
  | { readonly kind: "view"; readonly offset: number }
  | { readonly kind: "weight"; readonly weight: WeightId; readonly packing: Packing }
  | { readonly kind: "table"; readonly values: readonly number[] };

export type Build = KernelBuilder<Ref>;

/** A tensor that a kernel reads or writes, with its strides in elements. */
export interface Operand {
  readonly place: Place;
  readonly shape: Shape;
  /** Elements between last-axis vectors. */
  readonly stride: number;
}

/** Elements from the first to behind the last of a view. */
function extentOf(shape: Shape, stride: number): number {
  return (elements(shape) / channels(shape) - 1) * stride + channels(shape);
}

/** A parameter for a source that is read. */
export function reads(k: Build, name: string, source: Source): Operand {
  if (source.kind === "weight") {
    const count = elements(source.type.shape);
    const place = weightParameter(k, name, source.weight, {
      key: "plain",
      elements: count,
      pack: (values) => values,
    });
    return { place, shape: source.type.shape, stride: channels(source.type.shape) };
  }
  const { view } = source;
  const extent = extentOf(view.type.shape, view.stride);
  const place = k.parameter(
    name,
    { space: "arena", access: "read", extent },
    { kind: "view", offset: view.offset },
  );
  return { place, shape: view.type.shape, stride: view.stride };
}

/** A parameter for the view that is written. */
export function writes(k: Build, view: View): Operand {
  const extent = extentOf(view.type.shape, view.stride);
  const place = k.parameter(
    "y",
    { space: "arena", access: "write", extent },
    { kind: "view", offset: view.offset },
  );
  return { place, shape: view.type.shape, stride: view.stride };
}

/** A parameter for a weight in a layout of its own. */
export function weightParameter(k: Build, name: string, weight: WeightId, packing: Packing): Place {
  return k.parameter(
    name,
    { space: "weights", access: "read", extent: packing.elements },
    { kind: "weight", weight, packing },
  );
}

/** A parameter for a table of i32. */
export function tableParameter(k: Build, name: string, values: readonly number[]): Place {
  return k.parameter(
    name,
    { space: "table", access: "read", extent: values.length },
    { kind: "table", values },
  );
}

/** Strides per axis, in elements. */
export function stridesOf(shape: Shape, stride: number): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  let step = stride;
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) {
    strides[axis] = step;
    step *= shape[axis] ?? 1;
  }
  return strides;
}

/** An element of a result, as elementwise steps see it: which last-axis vector, and where in it. */
export interface Position {
  readonly pixel: Int;
  readonly channel: Int;
  /** Index per axis, where a step broadcasts in a way of its own. */
  readonly index?: readonly Int[];
}

/** Elementwise steps on one element. */
export type Steps = (value: Value, at: Position) => Value;

/** The steps of a prologue or epilogue, their side operands as parameters; made once, applied per element. */
export function elementwiseSteps(k: Build, steps: readonly Step[]): Steps {
  const ready = steps.map((step) => ({
    step,
    sides: new Map(
      [...step.sides].map(([at, side]) => [at, { side, operand: reads(k, "s", side.source) }] as const),
    ),
  }));
  return (start, at) => {
    let value = start;
    for (const { step, sides } of ready) {
      const uses = step.flow.reduce((sum, index) => sum + usesOf(step.scalar, index), 0);
      const flow = uses > 1 && value.kind !== "register" ? k.let("v", value) : value;
      const loaded = new Map<number, Value>();
      value = scalarValue(step.scalar, (index) => {
        if (step.flow.includes(index)) return flow;
        const side = sides.get(index);
        if (!side) return flow;
        const known = loaded.get(index);
        if (known) return known;
        const read = load(side.operand.place, address(sideAddress(side.operand, side.side.broadcast, at)));
        const kept = usesOf(step.scalar, index) > 1 ? k.let("u", read) : read;
        loaded.set(index, kept);
        return kept;
      });
    }
    return value;
  };
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
    case "general": {
      const strides = stridesOf(operand.shape, operand.stride);
      const lead = (at.index?.length ?? 0) - operand.shape.length;
      return addInt(
        ...operand.shape.map((extent, axis) =>
          extent === 1 ? 0 : mulInt(at.index?.[axis + lead] ?? 0, strides[axis] ?? 0),
        ),
      );
    }
    default:
      return broadcast satisfies never;
  }
}
