// Reads places from another operand, and finds the elements that they mean.

import { placeOf } from "#ops/gather.js";
import type { Source } from "#schedule/schedule.js";
import type { WeightStore } from "#ir/weights.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, binary, compare, f32, i32, int, load, loadInt, mulInt } from "../ir/expressions.js";
import type { Value } from "../ir/ir.js";
import type { Build } from "./operands.js";
import { reads, stridesOf, tableParameter } from "./operands.js";

/**
 * The one of `extent` elements that a place in f32 means, as `placeOf` of the op defines it. The number is clamped before and after it
 * becomes an integer, because targets convert NaN differently, and none may read outside.
 */
function elementAt(k: Build, place: Value, extent: number): Int {
  const near = binary("min", binary("max", place, f32(-extent)), f32(extent - 1));
  const whole: Value = { kind: "to_i32", type: "i32", x: near };
  const inside = k.letInt("at", int("min", int("max", whole, -extent), extent - 1));
  return k.letInt("at", {
    kind: "select",
    type: "i32",
    if: compare("lt", inside, 0),
    then: i32(addInt(inside, extent)),
    otherwise: i32(inside),
  });
}

/** Reads the place at an index, and returns the number of the element that it means. */
export type PlaceReader = (index: readonly Int[]) => Int;

/**
 * Places that another kernel computed, reshaped with the same last axis. Constant places are in a table, because weights may be stored in
 * 16 bits.
 */
export function placeReader(
  k: Build,
  weights: WeightStore,
  source: Source,
  extent: number,
  shape = source.kind === "weight" ? source.type.shape : source.view.type.shape,
): PlaceReader {
  const at = (index: readonly Int[], strides: readonly number[]): Int =>
    addInt(...index.map((one, axis) => mulInt(one, strides[axis] ?? 0)));
  if (source.kind === "weight") {
    const table = tableParameter(
      k,
      "t",
      Array.from(weights.readF32(source.weight), (place) => placeOf(place, extent)),
    );
    return (index) => k.letInt("at", loadInt(table, address(at(index, stridesOf(shape, shape.at(-1) ?? 1)))));
  }
  const { place, stride } = reads(k, "p", source);
  const strides = stridesOf(shape, stride);
  return (index) => elementAt(k, load(place, address(at(index, strides))), extent);
}
