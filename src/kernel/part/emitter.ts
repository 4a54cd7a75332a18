// The context of the parts of a body: the builder, the tuning, and the form of its blocks.

import type { Build } from "./operands.js";
import type { Tile } from "./tile.js";

/** How blocks compute: one after another on a core of a CPU, or with many parallel items on a GPU. */
export type Form = "cpu" | "gpu";

export interface Emitter {
  readonly k: Build;
  readonly tile: Tile;
  readonly form: Form;
}
