// A pass: a named function from module to module, which gets everything else that it needs in its context.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { AnyRule } from "../rule/rule.js";
import type { AppliedRule } from "../rule/sweep.js";

/** The context in which passes run. `Options` are the user's options that the passes of a pipeline read. */
export interface PassContext<Options = unknown> {
  readonly target: Target;
  readonly options: Options;
  /** Reports to the user: a pass never throws because of what the user wrote. An error ends the pipeline after the pass. */
  report(diagnostic: Diagnostic): void;
  /** Called for every rule that the pass applies, in order: a pass hands it on to `applyRules`. */
  onApply?(applied: AppliedRule): void;
}

/** A pass. A `Pass` without options fits into every pipeline. */
export interface Pass<Options = unknown> {
  /** A verb, as in `fold-batch-norm`: the name of its file, of its flag and of its test cases. */
  readonly name: string;
  /** One sentence for `--help` and reports. */
  readonly doc: string;
  /** Dumps do not show what the pass decides. So a pipeline that goes on from a dump runs it too, even if it ran before. */
  readonly isUnwritten?: true;
  /** The rules that the pass applies, for reports; absent if it applies none. */
  rules?(options: Options): readonly AnyRule[];
  /** Returns the same module, with the identical graph, if it changes nothing. Reads the frozen graph; makes one `produce` per sweep. */
  run(module: Module, context: PassContext<Options>): Module;
}
