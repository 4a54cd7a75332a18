// Copies of bytes, as they are or widened, and runs of the same integer.

import { bytesOf } from "#ir/target.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, f32, load, mulInt } from "../ir/expressions.js";
import { integers, loadIntegers } from "../ir/integer-vecs.js";
import type { Place } from "../ir/ir.js";
import type { Build } from "./operands.js";

/** A place, and the first of some elements in it. */
interface Run {
  readonly place: Place;
  readonly from: Int;
}

/** Copies some bytes to integers of the same type or of 16 bits: a register at a time, then as vecs where both places allow it, then one by one. */
export function copyBytes(k: Build, source: Run, target: Run, count: number, wide: boolean): void {
  const type = registerOf(target.place);
  const many = 16 / bytesOf(target.place.element);
  const whole = Math.floor(count / many);
  k.for("many", whole, (index) => {
    const at = k.letInt("at", mulInt(index, many));
    const bytes = loadIntegers(type, source.place, address(addInt(source.from, at)));
    k.store(target.place, address(addInt(target.from, at)), bytes);
  });
  k.channels("c", count - whole * many, wide, (c, size) => {
    const at = addInt(c, whole * many);
    const value = load(source.place, address(addInt(source.from, at)), size);
    k.store(target.place, address(addInt(target.from, at)), value);
  });
}

/** Stores the same integer in some elements. */
export function fillIntegers(k: Build, place: Place, from: Int, count: number, value: number): void {
  const many = 16 / bytesOf(place.element);
  const whole = Math.floor(count / many);
  k.for("many", whole, (index) =>
    k.store(place, address(addInt(from, mulInt(index, many))), integers(registerOf(place), value)),
  );
  k.channels("i", count - whole * many, false, (i) =>
    k.store(place, address(addInt(from, i, whole * many)), f32(value)),
  );
}

function registerOf({ element }: Place): "i8x16" | "i16x8" {
  return bytesOf(element) === 1 ? "i8x16" : "i16x8";
}
