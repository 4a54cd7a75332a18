// Gathers: elements, or vectors of them, at places that another operand holds.

import type { Int } from "./build.js";
import { placeOf } from "#ops/gather.js";
import type { Source } from "#schedule/schedule.js";
import type { WeightStore } from "#ir/weights.js";
import { address, addInt, binary, compare, f32, i32, int, load, loadInt, mulInt } from "./build.js";
import type { Body } from "./body.js";
import type { Value } from "./ir.js";
import { leadingIndex, mapBody, pixelBody } from "./map.js";
import type { Build, Operand } from "./operands.js";
import { reads, stridesOf, tableParameter } from "./operands.js";
import type { Steps } from "./steps.js";
import { storeResult } from "./steps.js";
import type { Tile } from "./tile.js";

/**
 * The element of so many that a place in f32 means, as `placeOf` of the op has it. The number is brought into the range before and after
 * it becomes an integer: targets differ in what NaN becomes, and none may read elsewhere.
 */
export function elementAt(k: Build, place: Value, extent: number): Int {
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

/** Reads the place at an index: which of the elements it means. */
export type PlaceReader = (index: readonly Int[]) => Int;

/**
 * Places that another kernel computed, seen as of a shape with the same last axis; those that are constants stand in a table, since weights may be
 * stored in 16 bits.
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

/** `axis` is counted from the end. */
export function gatherBody(
  k: Build,
  tile: Tile,
  of: {
    readonly x: Operand;
    readonly y: Operand;
    readonly rank: number;
    readonly placeAt: (extent: number) => PlaceReader;
  },
  attributes: { readonly axis: number; readonly batched: boolean },
  epilogue: Steps,
): Body {
  const { x, y, rank } = of;
  const axis = attributes.axis + x.shape.length;
  const strides = stridesOf(x.shape, x.stride);
  const placeAt = of.placeAt(x.shape[axis] ?? 1);
  // Axes of the result: those before the axis, those of places (which may begin with the same), those behind the axis.
  const lead = attributes.batched ? 0 : axis;
  const inner = lead + rank;
  const at = (index: readonly Int[], of: readonly number[]): Int =>
    addInt(...index.map((one, which) => mulInt(one, of[which] ?? 0)));
  /** Where the elements lie that an index without the axes behind `axis` means. */
  const found = (index: readonly Int[]): Int =>
    addInt(at(index.slice(0, axis), strides), mulInt(placeAt(index.slice(lead, inner)), strides[axis] ?? 1));
  if (axis === x.shape.length - 1)
    return mapBody(k, tile, y, epilogue, {
      wide: false,
      element: (index) => load(x.place, address(found(index))),
    });
  return pixelBody(k, tile, y, x.wide && y.wide && epilogue.wide, (pixel) => {
    const index = leadingIndex(k, y.shape, pixel);
    const from = k.letInt("from", addInt(found(index), at(index.slice(inner), strides.slice(axis + 1))));
    return (channel, width) =>
      storeResult(
        k,
        y,
        load(x.place, address(addInt(from, channel)), width),
        { pixel, channel, index: [...index, channel] },
        epilogue,
      );
  });
}
