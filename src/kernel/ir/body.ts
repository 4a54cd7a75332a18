// The result of a template: a grid of blocks, and the body of one block.

import type { Register } from "./ir.js";

/** The number of blocks of a grid, and the body of one. */
export interface Grid {
  readonly blocks: number;
  readonly write: (block: Register) => void;
}

/** A template's grid, and, if the template has one, a grid that computes the same in blocks that are subgroups. */
export interface Body extends Grid {
  readonly subgroups?: Grid;
}
