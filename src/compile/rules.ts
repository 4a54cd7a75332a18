// Reads the user's own rules and fusions from text.

import { parse } from "#grammar/reading/parse.js";
import type { Ast } from "#grammar/ast.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, expectOptions, recordOf } from "#diagnostic/options.js";
import { isOp, isOpClass } from "#ops/index.js";
import { isFunctionName } from "#rewrite/rule/compile/compile-function.js";
import type { Predicate } from "#rewrite/rule/predicate.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import type { Fusion } from "#rewrite/fusion/fusion.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import type { UserRule } from "#rewrite/rule/rule.js";

/** The rules and fusions that `optimize` and `compile` take as options. */
export interface RuleSet {
  readonly rules: readonly UserRule[];
  readonly fusions: readonly Fusion[];
}

export const noRules: RuleSet = { rules: [], fusions: [] };

/** Options of `parseRules`. */
export interface RuleOptions {
  /**
   * Functions that `when` may call by their names, with variables of the left side and values: `when fits(x, w, 3)`. Each gets a `RuleValue` for a
   * variable, a list of them for a list `xs`, and numbers, lists, texts or booleans for values; it gives true or false.
   */
  readonly predicates?: Readonly<Record<string, Predicate>>;
}

const ruleKinds: OptionKinds<RuleOptions> = { predicates: recordOf("functions by name", aFunction) };

/** The `rule` and `fuse` items of a text; `file` is its name in diagnostics. Nets and blocks in it are ignored. */
export function parseRules(text: string, file: string, options: RuleOptions = {}): Result<RuleSet> {
  expectOptions("parseRules", options, ruleKinds);
  const predicates = new Map(Object.entries(options.predicates ?? {}));
  for (const name of predicates.keys())
    if (isOp(name) || isOpClass(name) || isFunctionName(name))
      throw new TypeError(
        `parseRules takes predicates with names of their own, and \`${name}\` is known already`,
      );
  const parsed = parse(text, file);
  if (!parsed.value) return { diagnostics: parsed.diagnostics };
  const compiled = rulesOf(parsed.value, predicates);
  const diagnostics = [...parsed.diagnostics, ...compiled.diagnostics];
  return hasErrors(diagnostics) || !compiled.value ? { diagnostics } : { value: compiled.value, diagnostics };
}

/** The `rule` and `fuse` items of a file, which apply to the nets in it. */
export function rulesOf(
  { items }: Ast,
  predicates: ReadonlyMap<string, Predicate> = new Map(),
): Result<RuleSet> {
  const rules = compileRules(items, predicates);
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
