// Expressions of kernel IR on registers of integers, and on words of four bytes.

import { given } from "#diagnostic/given.js";
import type { Address, IntegerVec, Place, Value } from "./ir.js";

/** Integers of a place as a register of this type; see `load_integers`. */
export const loadIntegers = (type: IntegerVec, place: Place, at: Address): Value => ({
  kind: "load_integers",
  type,
  place,
  address: at,
});

/** Four bytes of integers as they are, which all lanes of 32 bits get. */
export const loadFour = (type: "i8x16" | "i16x8", place: Place, at: Address): Value => ({
  kind: "load_integers",
  type,
  place,
  address: at,
  four: true,
});

export const integers = (type: IntegerVec, value: number): Value => ({ kind: "integers", type, value });

export const widenIntegers = (x: Value, signed: boolean): Value => ({
  kind: "widen_integers",
  type: "i16x8",
  x,
  signed,
});

export function shuffle(a: Value, b: Value, lanes: readonly number[]): Value {
  return { kind: "shuffle", type: a.type as IntegerVec, a, b, lanes };
}

export const addIntegers = (a: Value, b: Value): Value => binaryIntegers("add", a, b);

export const subIntegers = (a: Value, b: Value): Value => binaryIntegers("sub", a, b);

/** The greater bytes of two registers. */
export const maxBytes = (a: Value, b: Value, signed: boolean): Value =>
  binaryIntegers(signed ? "max_s" : "max_u", a, b);

function binaryIntegers(fn: Extract<Value, { kind: "binary_integers" }>["fn"], a: Value, b: Value): Value {
  return { kind: "binary_integers", type: a.type as IntegerVec, fn, a, b };
}

/** Integers divided by 2 to the power of `bits`, rounded down. */
export const shiftIntegers = (x: Value, bits: number): Value => ({
  kind: "shift_integers",
  type: "i32x4",
  x,
  bits,
});

export const dotPairs = (a: Value, b: Value): Value => ({ kind: "dot_pairs", type: "i32x4", a, b });

export const dotFours = (a: Value, b: Value, c: Value): Value => ({
  kind: "dot_fours",
  type: "i32x4",
  a,
  b,
  c,
});

/** Four bytes of a place as a word; see `load_word`. */
export const loadWord = (place: Place, at: Address, lessHalf?: true): Value => ({
  kind: "load_word",
  type: "i32",
  place,
  address: at,
  ...given({ lessHalf }),
});

export const packWord = (x: Value): Value => ({ kind: "pack_word", type: "i32", x });

export const dotWords = (a: Value, b: Value, c: Value): Value => ({
  kind: "dot_words",
  type: "i32x4",
  a,
  b,
  c,
});

export const toIntegers = (x: Value): Value => ({ kind: "to_integers", type: "i32x4", x });

/** Integers as f32, rounded to the nearest. */
export const toFloats = (x: Value): Value => ({ kind: "to_f32", type: "vec", x });
