// Sizes in memory.

import { bytesOf } from "#ir/target.js";
import type { PackedWeight } from "./ir.js";

/** The elements of f32 that a packed or prepared weight takes, a multiple of the lanes. */
export function weightWords(
  { elements, element }: Pick<PackedWeight, "elements" | "element">,
  lanes: number,
): number {
  return Math.ceil((elements * bytesOf(element)) / (4 * lanes)) * lanes;
}
