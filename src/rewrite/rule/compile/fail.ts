// Reports errors in rules and fusions.

import type { DiagnosticCode } from "#diagnostic/codes.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
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
  scope.diagnostics.push(error(code, message, help.length > 0 ? { span, help } : { span }));
  return undefined;
}
