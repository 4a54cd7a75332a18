// What the passes of the standard pipeline want to know.

import type { Rule } from "#rewrite/rule/rule.js";
import type { FuseOptions } from "./fuse.js";
import type { SplitOptions } from "./split.js";

export interface PassOptions extends SplitOptions, FuseOptions {
  /** The user's own rules, in order; see `compileRules`. */
  readonly rules?: readonly Rule[];
  /** Built-in rules and fusions that do not apply, by name. */
  readonly withoutRules?: readonly string[];
  /** Whether `rule approx` applies; off by default, since it changes values. */
  readonly approx?: boolean;
}
