// Expressions of kernel IR: they fold constants, and know their widths.

import { bug } from "#diagnostic/diagnostic.js";
import type { Address, FloatBinary, FloatUnary, IntBinary, Place, Value } from "./ir.js";
import { integer, isFolded, simplifyInt } from "./integers.js";
import { integers, loadIntegers } from "./integer-vecs.js";

/** An integer expression, or a number known at compile time. */
export type Int = Value | number;

export const f32 = (value: number): Value => ({ kind: "const", type: "f32", value });
export const i32 = (value: Int): Value => (typeof value === "number" ? integer(value) : value);

/** Integer arithmetic. Constants are folded, and `x · 1` and `x + 0` become x. */
export function int(fn: IntBinary, a: Int, b: Int): Int {
  const value = simplifyInt(fn, i32(a), i32(b));
  return known(value) ?? value;
}

export const addInt = (...terms: readonly Int[]): Int =>
  terms.reduce((sum, term) => int("add", sum, term), 0);
export const mulInt = (a: Int, b: Int): Int => int("mul", a, b);

/** `base + offset` as an address; a constant part moves into the offset. */
export function address(base: Int, offset = 0): Address {
  const constant = known(base);
  if (constant !== undefined) return { offset: constant + offset };
  const value = base as Value;
  if (value.kind === "int" && value.fn === "add" && known(value.b) !== undefined) {
    return { base: value.a, offset: offset + (known(value.b) ?? 0) };
  }
  return { base: value, offset };
}

/** One element, or as many as the target has lanes. */
export type Width = "f32" | "vec";

/** What a kernel moves at once: as `Width`, or 16 bytes, which have no alignment. */
export type Moved = Width | "i8x16";

export const load = (place: Place, at: Address, width: Moved = "f32"): Value =>
  width === "i8x16" ? loadIntegers(width, place, at) : { kind: "load", type: width, place, address: at };

export const loadInt = (place: Place, at: Address): Value => ({
  kind: "load_i32",
  type: "i32",
  place,
  address: at,
});

/** The numbers in a table of 256 at the last eight bits of whole numbers. */
export const lookup = (place: Place, x: Value): Value => ({ kind: "lookup", type: widthOf(x), place, x });

/** The value in every lane, if the width is vec and the value is not yet; a constant as 16 bytes. */
export function widen(x: Value, width: Moved): Value {
  if (width === "i8x16") return x.kind === "const" ? integers(width, x.value) : bug("no constant of bytes");
  return width === "vec" && x.type !== "vec" ? { kind: "splat", type: "vec", x } : x;
}

/** The width of an operation on some values: vec if one of them is; then the others become splats. */
function widthOf(...values: readonly Value[]): Width {
  return values.some((value) => value.type === "vec") ? "vec" : "f32";
}

export function unary(fn: FloatUnary, x: Value): Value {
  return { kind: "unary", type: widthOf(x), fn, x };
}

export function binary(fn: FloatBinary, a: Value, b: Value): Value {
  const type = widthOf(a, b);
  return { kind: "binary", type, fn, a: widen(a, type), b: widen(b, type) };
}

/** `a · b + c`. */
export function madd(a: Value, b: Value, c: Value): Value {
  const type = widthOf(a, b, c);
  return { kind: "madd", type, a: widen(a, type), b: widen(b, type), c: widen(c, type) };
}

/** Lane by lane `a fn b ? then : otherwise`. */
export function choose(
  fn: "lt" | "le" | "eq",
  operands: { readonly a: Value; readonly b: Value; readonly then: Value; readonly otherwise: Value },
): Value {
  const { a, b, then, otherwise } = operands;
  const type = widthOf(a, b, then, otherwise);
  return {
    kind: "select_compare",
    type,
    fn,
    a: widen(a, type),
    b: widen(b, type),
    then: widen(then, type),
    otherwise: widen(otherwise, type),
  };
}

/** One lane of a vec; of an f32, the value itself. */
export const laneOf = (x: Value, index: number): Value =>
  x.type === "vec" ? { kind: "lane", type: "f32", x, index } : x;

/** All lanes of a vec combined into one; of an f32, the value itself. */
export const horizontal = (fn: "add" | "max" | "min", x: Value): Value =>
  x.type === "vec" ? { kind: "horizontal", type: "f32", fn, x } : x;

/** The value of x in another item of a subgroup. */
export const broadcast = (x: Value, item: number): Value => ({
  kind: "broadcast",
  type: x.type === "i32" ? "i32" : "f32",
  x,
  item,
});

/** a < b, and the like, on integers. */
export const compare = (fn: "lt" | "le" | "eq", a: Int, b: Int): Value => ({
  kind: "compare",
  type: "bool",
  fn,
  a: i32(a),
  b: i32(b),
});
export const both = (a: Value, b: Value): Value => ({ kind: "logic", type: "bool", fn: "and", a, b });

/** The number that an integer expression is, if it is known at compile time. */
export function known(value: Int): number | undefined {
  if (typeof value === "number") return value;
  return isFolded(value) ? value.value : undefined;
}
