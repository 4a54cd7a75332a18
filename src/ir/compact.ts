// Weights in fewer bits than f32: the types, and what is stored.

import type { ReadF32 } from "./weights.js";

/** The types in which the packed file may store weights on request. */
export const weightTypes = ["f32", "f16", "int8"] as const;

/** How the packed file stores weights. */
export type WeightType = (typeof weightTypes)[number];

/** The types of codes: integers, or halves, whose codes are their 16 bits. */
export type CodeType = "int8" | "uint8" | "uint16" | "float16";

/** Bytes of a code. */
export const codeBytes: Readonly<Record<CodeType, 1 | 2>> = { int8: 1, uint8: 1, uint16: 2, float16: 2 };

/**
 * Values in fewer bits than f32: a code for each element, and a factor for each channel. An integer means code · scale + min, a half its
 * value; this is rounded to f32, multiplied by the factor, and rounded again.
 */
export interface CompactForm {
  readonly codes: CodeType;
  readonly scale: number;
  readonly min: number;
  /** Element i in the order of the graph has factor i modulo their number. Absent if all are 1. */
  readonly factors?: Factors;
  /** The codes as numbers, in the order of the graph; the result and `into` as in `ReadF32`. */
  readonly read: ReadF32;
}

/** Factors of channels, and the type in which they are stored. */
export interface Factors {
  readonly dtype: "f32" | "f64";
  readonly count: number;
  readonly read: () => Float64Array;
}
