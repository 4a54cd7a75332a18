// Element types: their names, sizes and how their bytes become numbers.

/** An element type by its name in messages. Floats of all sizes are computed with as f32. */
export interface ElementType {
  readonly name: string;
  /** Bytes per element in raw data. */
  readonly size: number;
  readonly kind: "float" | "int" | "bool";
  /** Least and greatest value, for casts; ±∞ for floats. */
  readonly low: number;
  readonly high: number;
  /** The element at a byte offset. */
  readonly get: (view: DataView, at: number) => number;
  /** The value of an element of a typed field: halves are given as their bits. */
  readonly typed: (value: number) => number;
}

const itself = (value: number): number => value;

export const float = (
  name: string,
  size: number,
  get: ElementType["get"],
  typed: ElementType["typed"] = itself,
): ElementType => ({ name, size, kind: "float", low: -Infinity, high: Infinity, get, typed });

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
});

export const float32 = float("float32", 4, (view, at) => view.getFloat32(at, true));

export const int64 = int("int64", 8, -(2 ** 63), 2 ** 63, (view, at) => Number(view.getBigInt64(at, true)));

export const bool: ElementType = {
  name: "bool",
  size: 1,
  kind: "bool",
  low: 0,
  high: 1,
  get: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  typed: (value) => (value === 0 ? 0 : 1),
};
