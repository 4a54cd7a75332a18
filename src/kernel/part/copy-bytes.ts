// Copies of bytes as they are, and runs of the same byte.

import type { Int } from "../ir/build.js";
import { address, addInt, f32, integers, load, loadIntegers, mulInt } from "../ir/build.js";
import type { Place } from "../ir/ir.js";
import type { Build } from "./operands.js";

/** Bytes of a register. */
const many = 16;

/** Copies some bytes from one place to another of the same type: sixteen at a time, then as vecs where both places allow it, then one by one. */
export function copyBytes(
  k: Build,
  source: { readonly place: Place; readonly from: Int },
  target: { readonly place: Place; readonly from: Int },
  count: number,
  wide: boolean,
): void {
  const whole = Math.floor(count / many);
  k.for("many", whole, (index) => {
    const at = k.letInt("at", mulInt(index, many));
    const bytes = loadIntegers("i8x16", source.place, address(addInt(source.from, at)));
    k.store(target.place, address(addInt(target.from, at)), bytes);
  });
  k.channels("c", count - whole * many, wide, (c, size) => {
    const at = addInt(c, whole * many);
    const value = load(source.place, address(addInt(source.from, at)), size);
    k.store(target.place, address(addInt(target.from, at)), value);
  });
}

/** Stores the same integer in some bytes. */
export function fillBytes(k: Build, place: Place, from: Int, count: number, value: number): void {
  const whole = Math.floor(count / many);
  k.for("many", whole, (index) =>
    k.store(place, address(addInt(from, mulInt(index, many))), integers("i8x16", value)),
  );
  k.channels("i", count - whole * many, false, (i) =>
    k.store(place, address(addInt(from, i, whole * many)), f32(value)),
  );
}
