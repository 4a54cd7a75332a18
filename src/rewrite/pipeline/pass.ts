// What a pass is: a named function from a module to a module, with everything it needs from outside in its context.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";

/** What passes are run with. `Options` is what the passes of one pipeline want to know of the user's wishes. */
export interface PassContext<Options = unknown> {
  readonly target: Target;
  readonly options: Options;
  /** Says something to the user: a pass never throws for what the user did. An error ends the pipeline after the pass. */
  report(diagnostic: Diagnostic): void;
}

/** A pass. Passes of `Pass` (without options) fit into every pipeline. */
export interface Pass<Options = unknown> {
  /** A verb, as in `fold-batch-norm`: the name of its file, of its flag and of its test cases. */
  readonly name: string;
  /** One sentence for `--help` and reports. */
  readonly doc: string;
  /** Gives the same module (its very graph) if nothing was to be done. Reads the frozen graph; makes one `produce` per sweep. */
  run(module: Module, context: PassContext<Options>): Module;
}
