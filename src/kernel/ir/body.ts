// What a template gives: a grid of blocks, and what one of them does.

import type { Register } from "./ir.js";

/** How many blocks a grid has, and the body of one. */
export interface Grid {
  readonly blocks: number;
  readonly write: (block: Register) => void;
}

/** A template's grid, and one whose blocks are subgroups that does the same, where the template has one. */
export interface Body extends Grid {
  readonly subgroups?: Grid;
}
