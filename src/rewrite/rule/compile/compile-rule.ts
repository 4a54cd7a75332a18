// Compiles `rule` items: checks names, counts and types, and makes the data that the matcher reads.

import { given } from "#diagnostic/given.js";
import type { Ast, Expression, RuleItem } from "#grammar/ast.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import type { Ref } from "../replacement-builder.js";
import { compileRoot } from "./compile-pattern.js";
import { compileTensor, compileTerm } from "./compile-term.js";
import type { Compute, Match, Rule } from "../rule.js";
import { literalsOf, ruleSizeProblem } from "./rule-size.js";
import type { Scope } from "./scope.js";
import { fail } from "./fail.js";
import type { Term } from "./term.js";

/** The rules of a file in order, or all errors in them. */
export function compileRules(items: Ast["items"]): Result<Rule[]> {
  const diagnostics: Diagnostic[] = [];
  const rules: Rule[] = [];
  const seen = new Map<string, RuleItem>();
  for (const item of items) {
    if (item.kind !== "rule") continue;
    const { text, span } = item.name;
    const other = seen.get(text);
    if (other)
      diagnostics.push(
        error("repeated-name", `there are two rules \`${text}\``, {
          span,
          others: [{ span: other.name.span, message: "first here" }],
        }),
      );
    seen.set(text, item);
    const compiled = compileRule(item);
    for (const one of compiled.diagnostics) diagnostics.push(one);
    if (compiled.value) rules.push(compiled.value);
  }
  return hasErrors(diagnostics) ? { diagnostics } : { value: rules, diagnostics };
}

/**
 * Compiles one rule. On the left, names are variables, and a repeated name means equality. `..a` is the rest of an op's
 * attributes. An attribute that is not mentioned has its default, on both sides.
 */
export function compileRule(item: RuleItem): Result<Rule> {
  const tooLarge = ruleSizeProblem(item);
  if (tooLarge) return { diagnostics: [tooLarge] };
  const scope: Scope = {
    diagnostics: [],
    variables: new Map(),
    where: new Map(),
    constants: new Set(),
    kept: new Set(),
  };
  const approx = item.approx && tolerance(scope, item.approx);
  const pattern = compileRoot(scope, item.pattern);
  // Without a left side, every variable would be unbound; one error is enough.
  if (!pattern) return { diagnostics: scope.diagnostics };

  const values: (readonly [string, Compute])[] = [];
  for (const { name, value } of item.where) {
    if (scope.variables.has(name.text) || scope.where.has(name.text)) {
      fail(scope, name.span, "repeated-name", `\`${name.text}\` is bound already`);
      continue;
    }
    const term = compileTerm(scope, value);
    if (!term) {
      // Bound in spite of the error, so that its uses are not errors too.
      scope.where.set(name.text, { kind: "value", type: "any", compute: () => undefined, closed: false });
    } else if (term.kind === "value") {
      values.push([name.text, term.compute]);
      scope.where.set(name.text, { ...term, compute: (match) => match.values.get(name.text), closed: false });
    } else scope.where.set(name.text, shared(term));
  }
  const replacement = compileTensor(scope, item.replacement);
  const { shared: isShared, condition } = item.when ? compileCondition(scope, item.when) : noCondition;
  if (hasErrors(scope.diagnostics) || !replacement) return { diagnostics: scope.diagnostics };
  return {
    value: {
      kind: "equation",
      name: item.name.text,
      span: item.span,
      ...given({ approx }),
      pattern,
      shared: isShared,
      kept: scope.kept,
      constants: scope.constants,
      values,
      ...given({ condition }),
      replacement,
      literals: literalsOf(item),
    },
    diagnostics: scope.diagnostics,
  };
}

const noCondition = { shared: false, condition: undefined };

/** Splits a condition into `shared`, which is a condition alone or in an `and`, and the rest. */
function compileCondition(
  scope: Scope,
  expression: Expression,
): { readonly shared: boolean; readonly condition: Compute | undefined } {
  const parts = conjuncts(expression);
  const rest = parts.filter(
    (part) => !(part.kind === "name" && part.name === "shared" && !scope.variables.has("shared")),
  );
  const computes: Compute[] = [];
  for (const part of rest) {
    const kept = new Set(scope.kept);
    const term = compileTerm(scope, part);
    // A variable that only a condition names is not used on the right side.
    for (const name of scope.kept) if (!kept.has(name)) scope.kept.delete(name);
    if (term && (term.kind === "tensor" || (term.type !== "boolean" && term.type !== "any")))
      fail(scope, part.span, "wrong-type", "a condition must be true or false");
    else if (term?.kind === "value") computes.push(term.compute);
  }
  return {
    shared: rest.length < parts.length,
    condition:
      computes.length === 0 ? undefined : (match) => computes.every((compute) => compute(match) === true),
  };
}

function conjuncts(expression: Expression): Expression[] {
  return expression.kind === "binary" && expression.operator === "and"
    ? [...conjuncts(expression.left), ...conjuncts(expression.right)]
    : [expression];
}

/** A tensor of `where`: it is built once, even if it is used several times. */
function shared(term: Extract<Term, { kind: "tensor" }>): Term {
  const built = new WeakMap<Match, { readonly ref: Ref | undefined }>();
  return {
    kind: "tensor",
    construct: (match, builder) => {
      let entry = built.get(match);
      if (!entry) built.set(match, (entry = { ref: term.construct(match, builder) }));
      return entry.ref;
    },
  };
}

function tolerance(scope: Scope, expression: Expression): number | undefined {
  if (expression.kind === "number" && expression.value > 0 && expression.value < 1) return expression.value;
  return fail(
    scope,
    expression.span,
    "wrong-attribute",
    "the tolerance of `rule approx` must be a number between 0 and 1",
    ["it is relative to the greatest value of the result"],
  );
}
