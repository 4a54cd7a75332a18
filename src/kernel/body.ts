// What a template gives: a grid of blocks, and what one of them does.

import type { Register } from "./ir.js";

/** A template: how many blocks its grid has, and the body of one. */
export interface Body {
  readonly blocks: number;
  readonly write: (block: Register) => void;
}
