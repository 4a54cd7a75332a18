// How an operand repeats over a result of another shape, as kernels tell the cases apart.

import type { Shape } from "./type.js";
import { channels, elements, sameShape } from "./type.js";

/**
 * same: element by element; channel: `[C]`, one value per place in the last axis; pixel: one per last-axis vector; scalar:
 * one value; general: any other NumPy broadcasting.
 */
export type Broadcast = "same" | "channel" | "pixel" | "scalar" | "general";

/** How `shape` repeats over `to`, to which it must broadcast. */
export function broadcastOf(shape: Shape, to: Shape): Broadcast {
  if (sameShape(shape, to)) return "same";
  if (elements(shape) === 1) return "scalar";
  // Extents that broadcast are equal or 1, so equal products mean equal extents: the places agree whatever the ranks are.
  if (elements(shape) === elements(to) && channels(shape) === channels(to)) return "same";
  if (elements(shape) === channels(to) && channels(shape) === channels(to)) return "channel";
  if (channels(shape) === 1 && elements(shape) === elements(to.slice(0, -1))) return "pixel";
  return "general";
}
