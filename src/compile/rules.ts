// Reads the user's own rules and fusions from text.

import { parse } from "#grammar/reading/parse.js";
import type { Ast } from "#grammar/ast.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import type { Fusion } from "#rewrite/fusion/fusion.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import type { Rule } from "#rewrite/rule/rule.js";

/** The rules and fusions that `optimize` and `compile` take as options. */
export interface RuleSet {
  readonly rules: readonly Rule[];
  readonly fusions: readonly Fusion[];
}

export const noRules: RuleSet = { rules: [], fusions: [] };

/** The `rule` and `fuse` items of a text; `file` is its name in diagnostics. Nets and blocks in it are ignored. */
export function parseRules(text: string, file: string): Result<RuleSet> {
  const parsed = parse(text, file);
  if (!parsed.value) return { diagnostics: parsed.diagnostics };
  const compiled = rulesOf(parsed.value);
  const diagnostics = [...parsed.diagnostics, ...compiled.diagnostics];
  return hasErrors(diagnostics) || !compiled.value ? { diagnostics } : { value: compiled.value, diagnostics };
}

/** The `rule` and `fuse` items of a file, which apply to the nets in it. */
export function rulesOf({ items }: Ast): Result<RuleSet> {
  const rules = compileRules(items);
  const fusions = compileFusions(items);
  const diagnostics = [...rules.diagnostics, ...fusions.diagnostics];
  if (hasErrors(diagnostics)) return { diagnostics };
  return { value: { rules: rules.value ?? [], fusions: fusions.value ?? [] }, diagnostics };
}

/** Joins several sets; if rules conflict, the first wins. */
export function joinRules(sets: readonly RuleSet[]): RuleSet {
  return {
    rules: sets.flatMap((set) => set.rules),
    fusions: sets.flatMap((set) => set.fusions),
  };
}
