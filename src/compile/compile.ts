// Compiling: text → tree → graph → passes → module.

import { parse } from "#grammar/parse.js";
import type { Artifact } from "#backend/artifact.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import type { ElaborateOptions } from "#elaborate/elaborate.js";
import { elaborate } from "#elaborate/elaborate.js";
import type { EmitModuleOptions } from "./emit.js";
import { emit } from "./emit.js";
import type { OptimizeOptions } from "./optimize.js";
import { optimize } from "./optimize.js";
import { targets } from "./targets.js";

export interface CompileOptions extends ElaborateOptions, Omit<OptimizeOptions, "target">, EmitModuleOptions {
  /** The text's name in diagnostics and comments. */
  readonly file?: string;
}

/** The ES module of a net, or everything that is wrong with its text. */
export function compile(text: string, options: CompileOptions = {}): Result<Artifact> {
  const file = options.file ?? "model.net";
  const diagnostics: Diagnostic[] = [];
  const keep = <T>(result: Result<T>): T | undefined => {
    diagnostics.push(...result.diagnostics);
    return hasErrors(result.diagnostics) ? undefined : result.value;
  };

  const ast = keep(parse(text, file));
  const model = ast && keep(elaborate(ast, options));
  const optimized =
    model && keep(optimize(model, { ...options, target: targets[options.target ?? "js"].target }));
  if (!optimized) return { diagnostics };
  return { value: emit(optimized.module, { sources: new Map([[file, text]]), ...options }), diagnostics };
}
