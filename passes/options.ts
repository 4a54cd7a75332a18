// The options that the passes of the standard pipeline read.

import type { UserRule } from "#rewrite/rule/rule.js";
import type { CompactOptions } from "./compact-weights.js";
import type { FuseOptions } from "./fuse.js";
import type { SplitOptions } from "./split.js";

/** The options that passes read. */
export interface PassOptions extends SplitOptions, CompactOptions, FuseOptions {
  /** The user's own rules, in the order in which they are tried; see `compileRules`. */
  readonly rules?: readonly UserRule[];
  /** The names of the rules, sets of rules and fusions that do not apply. */
  readonly withoutRules?: readonly string[];
  /** Whether rules marked `approx` apply. Off by default, since they change values. */
  readonly approx?: boolean;
}
