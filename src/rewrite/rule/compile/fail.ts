// Reports errors in rules and fusions.

import type { DiagnosticCode } from "#diagnostic/codes.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import type { Advice } from "#diagnostic/suggest.js";
import { error } from "#diagnostic/diagnostic.js";

/** The errors collected so far. */
export interface Problems {
  readonly diagnostics: Diagnostic[];
}

/** Reports an error. Returns undefined, which means that nothing was compiled. */
export function fail(
  scope: Problems,
  span: Span,
  code: DiagnosticCode,
  message: string,
  help: readonly string[] = [],
): undefined {
  return failWith(scope, span, code, message, help.length > 0 ? { help } : {});
}

/** The same with advice that may have fixes. */
export function failWith(
  scope: Problems,
  span: Span,
  code: DiagnosticCode,
  message: string,
  advice: Advice,
): undefined {
  scope.diagnostics.push(error(code, message, { span, ...advice }));
  return undefined;
}
