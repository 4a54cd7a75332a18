// Transforms of square tiles, as Winograd's algorithm has them for inputs, weights and products.

import { given } from "#diagnostic/given.js";
import { bytesOf } from "#ir/target.js";
import type { Address, IntegerElement, Place, Value } from "../ir/ir.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, load, mulInt } from "../ir/expressions.js";
import { loadIntegers } from "../ir/integer-vecs.js";
import type { Build } from "./operands.js";

/** One dimension of a transform, from the values of a column or a row of a tile. */
export interface Transform {
  /** The number of values that it takes. */
  readonly extent: number;
  readonly apply: (k: Build, values: readonly Value[]) => readonly Value[];
}

/** What a register of a tile's values holds. */
export interface Lanes {
  /** Elements of a register. */
  readonly count: number;
  /** The integers as which scratch holds them; f32 if absent. */
  readonly element?: IntegerElement;
  readonly load: (place: Place, at: Address) => Value;
}

/** A vec, or one f32 with as much room. */
export function floatLanes(k: Build, width: Width): Lanes {
  return { count: k.lanes, load: (place, at) => load(place, at, width) };
}

/** Integers of 16 or 32 bits; those of 16 may be loaded from bytes. */
export function integerLanes(type: "i16x8" | "i32x4"): Lanes {
  return {
    count: type === "i16x8" ? 8 : 4,
    element: type === "i16x8" ? "i16" : "i32",
    load: (place, at) => loadIntegers(type, place, at),
  };
}

/** Scratch for elements of a type, and where it begins. */
export function scratchFor(
  k: Build,
  { element }: Pick<Lanes, "element">,
  elements: number,
): { readonly place: Place; readonly start: number } {
  return { place: { kind: "scratch", ...given({ element }) }, start: k.scratchOf(element, elements) };
}

/**
 * M d Mᵀ for a square tile: first its columns, then the rows of that result, which is in scratch in between, from this f32 on. It uses
 * loops, because unrolled code would be six times as long and no faster.
 */
export function transformTile(
  k: Build,
  { extent, apply }: Transform,
  between: number,
  lanes: Lanes,
  ends: {
    readonly read: (row: number, column: Int) => Value;
    /** Whether a row of the result is wanted; if absent or undefined: always. */
    readonly inside?: (row: Int) => Value | undefined;
    readonly write: (row: Int, column: number, value: Value) => void;
  },
): void {
  const place: Place = { kind: "scratch", ...given({ element: lanes.element }) };
  const start = (between * 4) / bytesOf(lanes.element);
  const indices = Array.from({ length: extent }, (_, at) => at);
  const [one, row] = [lanes.count, lanes.count * extent];
  let height = 0;
  k.for("tx", extent, (tx) => {
    const column = apply(
      k,
      indices.map((ty) => k.let("d", ends.read(ty, tx))),
    );
    height = column.length;
    const to = k.letInt("b", addInt(mulInt(tx, one), start));
    for (const [ty, value] of column.entries()) k.store(place, address(to, ty * row), value);
  });
  k.for("ty", height, (ty) => {
    const from = k.letInt("b", addInt(mulInt(ty, row), start));
    const write = (): void => {
      const values = apply(
        k,
        indices.map((tx) => k.let("d", lanes.load(place, address(from, tx * one)))),
      );
      for (const [tx, value] of values.entries()) ends.write(ty, tx, value);
    };
    const inside = ends.inside?.(ty);
    if (inside) k.guard(inside, write);
    else write();
  });
}
