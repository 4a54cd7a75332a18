// Element types: their names, their sizes, and how their bytes become numbers.

import type { CompactForm } from "#ir/compact.js";
import { halfToFloat } from "#weights/half.js";

/** An element type. Floats of all sizes are computed as f32. */
export interface ElementType {
  readonly name: string;
  /** Bytes per element in raw data. */
  readonly size: number;
  readonly kind: "float" | "int" | "bool";
  /** The least and the greatest value, for casts; ±∞ for floats. */
  readonly low: number;
  readonly high: number;
  /** Reads the element at a byte offset. */
  readonly get: (view: DataView, at: number) => number;
  /** For floats of fewer than 32 bits: what their codes mean, and how the code at a byte offset is read. */
  readonly stored?: Pick<CompactForm, "codes" | "scale" | "min"> & { readonly code: ElementType["get"] };
  /** The value of an element of a typed field, where half floats are stored as their bits. */
  readonly typed: (value: number) => number;
  /** Rounds an exact result to this type: floats to the nearest number, integers towards zero, and they wrap around. */
  readonly round: (value: number) => number;
}

const itself = (value: number): number => value;

export const float = (
  name: string,
  size: number,
  get: ElementType["get"],
  round: ElementType["round"],
  typed: ElementType["typed"] = itself,
): ElementType => ({ name, size, kind: "float", low: -Infinity, high: Infinity, get, typed, round });

export const int = (
  name: string,
  size: number,
  low: number,
  high: number,
  get: ElementType["get"],
): ElementType => ({
  name,
  size,
  kind: "int",
  low,
  high,
  get,
  typed: itself,
  round: (value) => wrapped(value, low, high, 2 ** (8 * size)),
});

/**
 * The number without its fraction, brought into the range of an integer type by adding a multiple of `count`, the number of integers that
 * the type has. The greatest 64-bit integer is 2⁶³ here, because float64 does not have the integer before it.
 */
function wrapped(value: number, low: number, high: number, count: number): number {
  if (Number.isNaN(value)) return 0;
  if (!Number.isFinite(value)) return value < 0 ? low : high;
  // Adding 0 turns −0 into 0.
  const whole = Math.trunc(value) + 0;
  return whole >= low && whole <= high ? whole : whole - Math.floor((whole - low) / count) * count;
}

/** Half precision. Values are computed as f32, so rounding is up to the format. */
export const float16: ElementType = {
  ...float("float16", 2, (view, at) => halfToFloat(view.getUint16(at, true)), Math.fround, halfToFloat),
  stored: { codes: "float16", scale: 1, min: 0, code: (view, at) => view.getUint16(at, true) },
};

export const float32 = float("float32", 4, (view, at) => view.getFloat32(at, true), Math.fround);

export const int32 = int("int32", 4, -(2 ** 31), 2 ** 31 - 1, (view, at) => view.getInt32(at, true));

export const int64 = int("int64", 8, -(2 ** 63), 2 ** 63, (view, at) => Number(view.getBigInt64(at, true)));

export const bool: ElementType = {
  name: "bool",
  size: 1,
  kind: "bool",
  low: 0,
  high: 1,
  get: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  typed: (value) => (value === 0 ? 0 : 1),
  round: (value) => (value === 0 ? 0 : 1),
};
