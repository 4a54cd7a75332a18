// Compiles: text → tree → graph → passes → module.

import { parse } from "#grammar/reading/parse.js";
import type { Ast } from "#grammar/ast.js";
import type { Artifact } from "#backend/artifact.js";
import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aText, expectOptions, optionsOf } from "#diagnostic/options.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import type { ElaborateOptions } from "#elaborate/elaborate.js";
import { elaborate, elaborateKinds } from "#elaborate/elaborate.js";
import type { Module } from "#ir/weights.js";
import type { EmitModuleOptions } from "./emit.js";
import { checkEmbedding, emitKinds, emitWithinLimits } from "./emit.js";
import type { OptimizeOptions } from "./optimize.js";
import { optimize, optimizeKinds } from "./optimize.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { joinRules, noRules, rulesOf } from "./rules.js";
import { targetOf } from "./targets.js";

/** What `compile` takes: the options of `elaborate`, `optimize` and `emit`. */
export interface CompileOptions extends ElaborateOptions, Omit<OptimizeOptions, "target">, EmitModuleOptions {
  /** The name of the text in diagnostics and comments. */
  readonly file?: string;
}

const compileKinds: OptionKinds<CompileOptions> = {
  ...elaborateKinds,
  ...optimizeKinds,
  ...emitKinds,
  file: aText,
};

/**
 * The ES module of a net, or all errors found in it. `input` is a text of the language, a syntax tree or a module. Mistakes of the input
 * are diagnostics; only a bug throws.
 */
export function compile(input: string | Ast | Module, options: CompileOptions = {}): Result<Artifact> {
  const known = typeof input === "string" || hasProperties(input, "items") || hasProperties(input, "graph");
  expectArgument("compile", "a text, a syntax tree or a module", input, known);
  expectOptions("compile", options, compileKinds);
  const file = options.file ?? "model.net";
  const diagnostics: Diagnostic[] = [];
  const keep = <T>(result: Result<T>): T | undefined => {
    for (const one of result.diagnostics) diagnostics.push(one);
    return hasErrors(result.diagnostics) ? undefined : result.value;
  };

  const start = typeof input === "string" ? keep(parse(input, file)) : input;
  const model =
    start && ("graph" in start ? start : keep(elaborate(start, optionsOf(elaborateKinds, options))));
  const { target } = targetOf(options.target, options);
  // Rules and fusions in the model's own file come after those of the caller.
  const own = start && !("graph" in start) ? keep(rulesOf(start)) : noRules;
  const rules = own && joinRules([{ rules: options.rules ?? [], fusions: options.fusions ?? [] }, own]);
  const optimized =
    model && rules && keep(optimize(model, { ...optionsOf(optimizeKinds, options), ...rules, target }));
  if (!optimized) return { diagnostics };
  if (options.embedWeights) for (const one of checkEmbedding(optimized.module)) diagnostics.push(one);
  if (hasErrors(diagnostics)) return { diagnostics };
  const sources = new Map(typeof input === "string" ? [[file, input]] : []);
  const artifact = keep(
    runToEnd(emitWithinLimits(optimized.module, { sources, ...optionsOf(emitKinds, options) })),
  );
  return artifact ? { value: artifact, diagnostics } : { diagnostics };
}
