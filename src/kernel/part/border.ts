// Windows that read the input in place, border included: each tap tests whether it is inside.

import type { Int, Moved } from "../ir/expressions.js";
import { address, addInt, both, compare, f32, int, load, mulInt, widen } from "../ir/expressions.js";
import type { Value } from "../ir/ir.js";
import type { Build, Operand } from "./operands.js";
import type { Steps } from "./steps.js";

/**
 * The border of an input that is not copied. It costs a test per tap, so it is for strips that do not fit into the scratch that a block can
 * have (16 KiB on many GPUs).
 */
export interface Border {
  readonly x: Operand;
  /** The row of the input, in its sample, that is row 0 of the strip; negative in the border. */
  readonly firstRow: Int;
  /** The number of rows of the preceding samples. */
  readonly sampleRow: Int;
  readonly left: Int;
  readonly fill: number;
  readonly prologue?: Steps;
}

/** What a tap reads: the nearest existing pixel, and whether that is the intended one. */
export interface Tap {
  /** The start of the pixel's channels in x. */
  readonly start: Int;
  readonly pixel: Int;
  readonly inside: Value;
}

/** The tap at a row and a column of the strip. */
export function tapAt(k: Build, border: Border, stripRow: Int, stripColumn: Int): Tap {
  const [, height = 1, width = 1] = border.x.shape;
  const row = k.letInt("row", addInt(stripRow, border.firstRow));
  const column = k.letInt("column", int("sub", stripColumn, border.left));
  const within = (at: Int, extent: number): Value => both(compare("le", 0, at), compare("lt", at, extent));
  const clamp = (at: Int, extent: number): Int => int("min", int("max", at, 0), extent - 1);
  const inside = k.let("inside", both(within(row, height), within(column, width)));
  const pixel = k.letInt(
    "near",
    addInt(mulInt(addInt(border.sampleRow, clamp(row, height)), width), clamp(column, width)),
  );
  return { start: k.letInt("t", mulInt(pixel, border.x.stride)), pixel, inside };
}

/** The value of a tap in some channels: the input, after the steps before the window, or the fill of the border. */
export function loadTap(border: Border, tap: Tap, channel: Int, width: Moved): Value {
  const read = load(border.x.place, address(addInt(tap.start, channel)), width);
  const value = border.prologue ? border.prologue.apply(read, { pixel: tap.pixel, channel }) : read;
  const otherwise = widen(f32(border.fill), width);
  return { kind: "select", type: width, if: tap.inside, then: value, otherwise };
}
