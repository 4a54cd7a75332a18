// The user's own rules and fusions, from text.

import { parse } from "#grammar/parse.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { compileRules } from "#rewrite/compile-rule.js";
import type { Fusion } from "#rewrite/fusion.js";
import { compileFusions } from "#rewrite/fusion.js";
import type { Rule } from "#rewrite/rule.js";

/** What `optimize` and `compile` take as `rules` and `fusions`. */
export interface RuleSet {
  readonly rules: readonly Rule[];
  readonly fusions: readonly Fusion[];
}

/** The `rule` and `fuse` items of a text; `file` is its name in diagnostics. Nets and blocks in it are ignored. */
export function parseRules(text: string, file: string): Result<RuleSet> {
  const parsed = parse(text, file);
  if (!parsed.value) return { diagnostics: parsed.diagnostics };
  const rules = compileRules(parsed.value.items);
  const fusions = compileFusions(parsed.value.items);
  const diagnostics = [...parsed.diagnostics, ...rules.diagnostics, ...fusions.diagnostics];
  if (hasErrors(diagnostics)) return { diagnostics };
  return { value: { rules: rules.value ?? [], fusions: fusions.value ?? [] }, diagnostics };
}
