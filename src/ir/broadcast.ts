// Classifies how an operand broadcasts to the shape of a result: the cases that kernels distinguish.

import type { Shape } from "./type.js";
import { channels, elements, sameShape } from "./type.js";

/**
 * same: element by element; channel: `[C]`, one value for each index of the last axis; pixel: one value for each vector along the
 * last axis; scalar: one value; general: any other NumPy broadcasting.
 */
export type Broadcast = "same" | "channel" | "pixel" | "scalar" | "general";

/** How `shape` broadcasts to `to`. It must broadcast. */
export function broadcastOf(shape: Shape, to: Shape): Broadcast {
  if (sameShape(shape, to)) return "same";
  if (elements(shape) === 1) return "scalar";
  // Extents that broadcast are equal or 1, so equal products mean equal extents: flat indices agree for any ranks.
  if (elements(shape) === elements(to) && channels(shape) === channels(to)) return "same";
  if (elements(shape) === channels(to) && channels(shape) === channels(to)) return "channel";
  if (channels(shape) === 1 && elements(shape) === elements(to.slice(0, -1))) return "pixel";
  return "general";
}
