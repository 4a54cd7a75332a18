// What templates read and write: views of the arena, packed weights and tables, as kernel parameters.

import { given } from "#diagnostic/given.js";
import type { WeightId } from "#ir/graph.js";
import { bytesOf } from "#ir/target.js";
import { channels, elements } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import type { Source, View } from "#schedule/schedule.js";
import type { KernelBuilder } from "../ir/build.js";
import type { Body } from "../ir/body.js";
import type { IntegerElement, Place } from "../ir/ir.js";
import type { Packing } from "./pack.js";
import { plainPacking } from "./pack.js";
import type { Tile } from "./tile.js";

/** The source of a kernel's parameter. */
export type Ref =
  | { readonly kind: "view"; readonly arena: number; readonly offset: number }
  | { readonly kind: "weight"; readonly weight: WeightId; readonly packing: Packing }
  | PreparedRef
  | { readonly kind: "table"; readonly values: readonly number[] };

/** A value that a separate kernel computes from a weight when a module is loaded. */
export interface PreparedRef {
  readonly kind: "prepared";
  /** The name of that kernel; together with the weight it identifies the value. */
  readonly name: string;
  readonly weight: WeightId;
  readonly elements: number;
  /** The integers that it holds; f32 if absent. */
  readonly element?: IntegerElement;
  /** The kernel that writes it. */
  readonly make: (k: Build, tile: Tile) => Body;
}

export type Build = KernelBuilder<Ref>;

/** A tensor that a kernel reads or writes, with its strides in elements. */
export interface Operand {
  readonly place: Place;
  readonly shape: Shape;
  /** Elements between last-axis vectors. */
  readonly stride: number;
  /** Whether every last-axis vector begins at a multiple of the lanes, so that it can be read as vecs. */
  readonly wide: boolean;
}

/** The number of last-axis vectors of a shape. */
export function vectors(shape: Shape): number {
  return elements(shape) / channels(shape);
}

/** The number of elements from the first to the end of a view. */
function extentOf(shape: Shape, stride: number): number {
  return (vectors(shape) - 1) * stride + channels(shape);
}

/** A parameter for a source that is read. */
export function reads(k: Build, name: string, source: Source): Operand {
  return source.kind === "weight"
    ? weightOperand(k, name, source.weight, source.type.shape)
    : viewOperand(k, name, source.view, "read");
}

/** A parameter for the view that is written; `read_write` if the kernel reads its results again. */
export function writes(k: Build, view: View, access: "write" | "read_write" = "write"): Operand {
  return viewOperand(k, "y", view, access);
}

function viewOperand(k: Build, name: string, view: View, access: "read" | "write" | "read_write"): Operand {
  const { type, arena, offset, stride, vecs, element } = view;
  const own = extentOf(type.shape, stride);
  // Bytes are read in fours.
  const extent = bytesOf(element) === 1 && access === "read" ? own + 3 : own;
  const place = k.parameter(
    name,
    { space: "arena", access, extent, ...given({ vecs, element }) },
    { kind: "view", arena, offset },
  );
  const wide = offset % k.lanes === 0 && (stride % k.lanes === 0 || vectors(type.shape) === 1);
  return { place, shape: type.shape, stride, wide };
}

function weightOperand(k: Build, name: string, weight: WeightId, shape: Shape): Operand {
  const stride = channels(shape);
  const place = weightParameter(k, name, weight, plainPacking(elements(shape)));
  return { place, shape, stride, wide: stride % k.lanes === 0 || vectors(shape) === 1 };
}

/** A parameter for a weight in a specific layout. */
export function weightParameter(k: Build, name: string, weight: WeightId, packing: Packing): Place {
  return k.parameter(
    name,
    { space: "weights", access: "read", extent: packing.elements, ...given({ element: packing.element }) },
    { kind: "weight", weight, packing },
  );
}

/** A parameter for a value computed from a weight when a module is loaded. */
export function preparedParameter(
  k: Build,
  name: string,
  source: Omit<PreparedRef, "kind">,
  access: "read" | "write" = "read",
): Place {
  return k.parameter(
    name,
    { space: "prepared", access, extent: source.elements, ...given({ element: source.element }) },
    { kind: "prepared", ...source },
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
