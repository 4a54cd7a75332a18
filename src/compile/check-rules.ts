// Checks the user's own rules as `optimize` applies them: each alone, all together, and at their place in the pipeline.

import { passOfRule } from "#passes/apply-rules.js";
import type { PassOptions } from "#passes/index.js";
import { builtInRules } from "#passes/rules/index.js";
import { expectArgument } from "#diagnostic/argument.js";
import type { OptionKind, OptionKinds } from "#diagnostic/options.js";
import { aCount, aNumber, expectOptions } from "#diagnostic/options.js";
import { given } from "#diagnostic/given.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { warning } from "#diagnostic/diagnostic.js";
import type { Node } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { checkLoops } from "#rewrite/check/check-loops.js";
import type { RuleCheck } from "#rewrite/check/check-rule.js";
import { checkRule } from "#rewrite/check/check-rule.js";
import { isRule } from "#rewrite/rule/made.js";
import { applicationAt } from "#rewrite/rule/match.js";
import { NativeError } from "#rewrite/rule/predicate.js";
import { failedRule } from "#rewrite/rule/sweep.js";
import { ruleProblems } from "#report/rule-problems.js";
import { printGraph } from "#inspect/lift.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import type { UserRule } from "#rewrite/rule/rule.js";
import { createWeightStore } from "#weights/store.js";

/** The result for a rule never changes, and a program that compiles many models checks the same rules again and again. */
const known = new WeakMap<UserRule, RuleCheck>();

/** What `checkRule` takes. */
export interface RuleCheckOptions {
  /** The seed of the random operands; 1 by default. */
  readonly seed?: number;
  /** How many random graphs to compare; 80 by default. */
  readonly samples?: number;
}

const ruleCheckKinds: OptionKinds<RuleCheckOptions> = { seed: aNumber, samples: aCount };

/**
 * What `cleave check` says about a rule alone: both sides are computed on random operands to which it applies. An error refutes the rule, with a
 * counterexample; a warning is about cost, infinities or operands that it does not take. Empty if nothing was found.
 */
export function checkOneRule(rule: UserRule, options: RuleCheckOptions = {}): Diagnostic[] {
  expectArgument("checkRule", "a rule, as `parseRules` or `nativeRule` makes it", rule, aRule.holds(rule));
  expectOptions("checkRule", options, ruleCheckKinds);
  return reported(() => {
    const check = checkRule(rule, { createStore: createWeightStore, ...options });
    return [...ruleProblems(check, createWeightStore), ...checkLoops([check])];
  });
}

/** Rules that were changed are none: their parts would not fit together. */
export const aRule: OptionKind = { takes: "a rule", holds: isRule };

/**
 * The complete result of a check of rules. `passes` are those that run, including `apply-rules`. Errors refute a rule: its sides differ, no
 * operands allow a comparison, or it applies without end.
 */
export function checkRules(
  rules: readonly UserRule[],
  passes: readonly Pass<PassOptions>[],
  target: Target,
): Diagnostic[] {
  return reported(() => {
    const checks = rules.map((rule) => {
      const check = known.get(rule) ?? checkRule(rule, { createStore: createWeightStore });
      known.set(rule, check);
      return check;
    });
    return [
      ...checks.flatMap((check) => ruleProblems(check, createWeightStore)),
      ...checkLoops(checks),
      ...checks.flatMap((check) => neverMatches(check, passes, target)),
    ];
  });
}

/** The diagnostics of a check, or an error if code of the caller fails in it. */
function reported(check: () => Diagnostic[]): Diagnostic[] {
  try {
    return check();
  } catch (thrown) {
    if (thrown instanceof NativeError) return [failedRule(thrown)];
    throw thrown;
  }
}

/** Warns about rules whose left side is always rewritten by passes before their places, and names the first pass that does so. */
function neverMatches(
  { rule, lefts }: RuleCheck,
  passes: readonly Pass<PassOptions>[],
  target: Target,
): Diagnostic[] {
  const misses: Missed[] = [];
  for (const { module } of lefts) {
    const missed = follow(rule, module, passes, target);
    if (!missed) return [];
    misses.push(missed);
  }
  const missed = likeliest(misses);
  if (!missed) return [];
  const { pass, by, after } = missed;
  const doer = by === undefined ? `\`${pass}\`` : `the built-in rule \`${by}\` (${pass})`;
  return [
    warning(
      "rule-never-matches",
      `rule \`${rule.name}\` never matches at its place: ${doer} rewrites its left side first`,
      {
        ...given({ span: rule.span }),
        help: [`write the left side as below, or place the rule earlier: \`--rules-at "before ${pass}"\``],
        example: printGraph(after),
      },
    ),
  ];
}

/** The pass after which a rule did not match any more, the built-in rule responsible, and what it made. */
interface Missed {
  readonly pass: string;
  readonly by?: string;
  readonly after: Module;
}

/** The most frequent miss. Built-in rules come before passes, because the passes fold any left side that has only constants. */
function likeliest(misses: readonly Missed[]): Missed | undefined {
  const count = ({ pass, by }: Missed): number =>
    misses.filter((one) => one.pass === pass && one.by === by).length +
    (by === undefined ? 0 : misses.length);
  return misses.toSorted((a, b) => count(b) - count(a))[0];
}

/** Runs passes on a left side up to each place of rules; undefined if the rule matches at one of them. */
function follow(
  rule: UserRule,
  left: Module,
  passes: readonly Pass<PassOptions>[],
  target: Target,
): Missed | undefined {
  let current = left;
  let missed: Missed | undefined;
  const own = passOfRule(rule);
  const last = passes.lastIndexOf(own);
  for (const pass of passes.slice(0, last + 1)) {
    if (pass === own) {
      if (matches(rule, current)) return undefined;
      continue;
    }
    const before = current;
    current = pass.run(before, { target, options: {}, report: () => {} });
    if (matches(rule, current)) missed = undefined;
    else missed ??= { pass: pass.name, ...makerOf(before, current), after: current };
  }
  return missed;
}

function matches(rule: UserRule, module: Module): boolean {
  return [...module.graph.nodes.values()].some((node) => applicationAt(rule, module, node) !== undefined);
}

/** The built-in rule that made a new node. If no node is new, as with `neg(neg(x)) => x`, the first rule that applied. */
function makerOf(before: Module, after: Module): { readonly by?: string } {
  const isNew = (node: Node): boolean => before.graph.nodes.get(node.id) !== node;
  const made = [...after.graph.nodes.values()].filter(isNew);
  const rule = made.find(({ origin }) => origin.rule !== undefined)?.origin.rule;
  if (rule !== undefined) return { by: rule };
  if (before.graph === after.graph || made.length > 0) return {};
  const applied = builtInRules().find((one) => matches(one, before));
  return applied ? { by: applied.name } : {};
}
