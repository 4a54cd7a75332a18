// Compiles `rule` items: checks names, counts and types, and makes the data that the matcher reads.

import { given } from "#diagnostic/given.js";
import type { Ast, Expression, RuleItem, RuleSetItem } from "#grammar/ast.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import { plural } from "#ir/units.js";
import { markRule } from "../made.js";
import type { Predicate } from "../predicate.js";
import type { Ref } from "../replacement-builder.js";
import type { OpSet } from "./classes.js";
import { compileClasses } from "./classes.js";
import { noMatch } from "./compile-attributes.js";
import { compilePattern, compileRoots } from "./compile-pattern.js";
import { compileTensor, compileTerm } from "./compile-term.js";
import type { Condition, Match, Pattern, Rule, RuleSetInfo, Value } from "../rule.js";
import { literalsOf, ruleSizeProblem } from "./rule-size.js";
import type { Scope } from "./scope.js";
import { fail } from "./fail.js";
import type { Term } from "./term.js";

/** What rules are compiled with, besides their text. */
export interface RuleContext {
  readonly classes?: ReadonlyMap<string, OpSet>;
  readonly predicates?: ReadonlyMap<string, Predicate>;
  readonly set?: RuleSetInfo;
}

/** The rules of a file in order, also those in sets, or all errors in them and in its classes. */
export function compileRules(
  items: Ast["items"],
  predicates: ReadonlyMap<string, Predicate> = new Map(),
): Result<Rule[]> {
  const { classes, diagnostics: wrongClasses } = compileClasses(items);
  const diagnostics: Diagnostic[] = [...wrongClasses];
  const rules: Rule[] = [];
  const seen = new Map<string, RuleItem | RuleSetItem>();
  const named = (item: RuleItem | RuleSetItem): void => {
    const { text, span } = item.name;
    const other = seen.get(text);
    seen.set(text, item);
    if (!other) return;
    const what =
      other.kind !== item.kind ? "rules or sets" : item.kind === "rule" ? "rules" : "sets of rules";
    diagnostics.push(
      error("repeated-name", `there are two ${what} \`${text}\``, {
        span,
        others: [{ span: other.name.span, message: "first here" }],
      }),
    );
  };
  for (const item of items) {
    if (item.kind !== "rule" && item.kind !== "rules") continue;
    named(item);
    const set = item.kind === "rules" ? infoOf(item) : undefined;
    for (const rule of item.kind === "rules" ? item.rules : [item]) {
      if (rule !== item) named(rule);
      const compiled = compileRule(rule, { classes, predicates, ...given({ set }) });
      for (const one of compiled.diagnostics) diagnostics.push(one);
      if (compiled.value) rules.push(markRule(compiled.value));
    }
  }
  return hasErrors(diagnostics) ? { diagnostics } : { value: rules, diagnostics };
}

function infoOf({ name, place }: RuleSetItem): RuleSetInfo {
  if (!place) return { name: name.text };
  return { name: name.text, place: { text: `${place.side} ${place.pass.text}`, span: place.span } };
}

/**
 * Compiles one rule. On the left, names are variables, and a repeated name means equality. `..a` is the rest of an op's
 * attributes. An attribute that is not mentioned has its default, on both sides.
 */
export function compileRule(item: RuleItem, context: RuleContext = {}): Result<Rule> {
  const tooLarge = ruleSizeProblem(item);
  if (tooLarge) return { diagnostics: [tooLarge] };
  const scope: Scope = {
    diagnostics: [],
    classes: context.classes ?? new Map(),
    predicates: context.predicates ?? new Map(),
    variables: new Map(),
    where: new Map(),
    constants: new Set(),
    terms: [],
    readers: [],
    kept: new Set(),
    present: new Set(),
    compilePattern,
  };
  const approx = item.approx && tolerance(scope, item.approx);
  const benefit = item.benefit && benefitOf(scope, item.benefit);
  const roots = compileRoots(scope, item.patterns);
  // Without a left side, every variable would be unbound; one error is enough.
  if (!roots) return { diagnostics: scope.diagnostics };
  if (item.replacements.length !== roots.length)
    fail(
      scope,
      item.replacements[0]?.span ?? item.span,
      "wrong-operand-count",
      `the left side has ${plural(roots.length, "term")}, and the right side ${plural(item.replacements.length, "term")}`,
      ["each term of the left side is replaced by the one in its place on the right side"],
    );

  const values = compileWhere(scope, item.where);
  const replacements = item.replacements.map((term) => compileTensor(scope, term));
  for (const name of roots.flatMap(bindersOf))
    if (scope.kept.has(name))
      fail(
        scope,
        item.replacements[0]?.span ?? item.span,
        "reads-itself",
        `the right side reads \`${name}\`, which the rule replaces`,
        [`\`${name}(…)\` is the same op over other operands`],
      );
  const { shared: isShared, conditions } = item.when ? compileCondition(scope, item.when) : noCondition;
  const known = replacements.filter((one) => one !== undefined);
  if (hasErrors(scope.diagnostics) || known.length < replacements.length)
    return { diagnostics: scope.diagnostics };
  return {
    value: {
      kind: "equation",
      name: item.name.text,
      span: item.span,
      ...given({ approx, set: context.set }),
      benefit: benefit ?? 0,
      roots,
      shared: isShared,
      kept: scope.kept,
      hints: { constants: scope.constants, terms: scope.terms, readers: scope.readers },
      values,
      conditions,
      replacements: known,
      literals: literalsOf(item),
    },
    diagnostics: scope.diagnostics,
  };
}

/** Binds the terms of `where`: attributes are computed for a match, and tensors are built where they are used. */
function compileWhere(scope: Scope, where: RuleItem["where"]): Value[] {
  const values: Value[] = [];
  for (const { name, value, span } of where) {
    if (scope.variables.has(name.text) || scope.where.has(name.text)) {
      fail(scope, name.span, "repeated-name", `\`${name.text}\` is bound already`);
      continue;
    }
    const term = compileTerm(scope, value);
    if (!term) {
      // Bound in spite of the error, so that its uses are not errors too.
      scope.where.set(name.text, { kind: "value", type: "any", compute: () => undefined, closed: false });
    } else if (term.kind === "value") {
      values.push({ name: name.text, span, compute: term.compute, ...given({ aim: term.aim }) });
      scope.where.set(name.text, { ...term, compute: (match) => match.values.get(name.text), closed: false });
    } else scope.where.set(name.text, shared(term));
  }
  return values;
}

/** The names of the outermost ops of a term. */
function bindersOf(pattern: Pattern): string[] {
  if (pattern.kind === "either") return pattern.alternatives.flatMap(bindersOf);
  return pattern.kind === "op" && pattern.binder !== undefined ? [pattern.binder] : [];
}

const noCondition: { readonly shared: boolean; readonly conditions: readonly Condition[] } = {
  shared: false,
  conditions: [],
};

/** Splits a condition into `shared`, which is a condition alone or in an `and`, and the other parts. */
function compileCondition(scope: Scope, expression: Expression): typeof noCondition {
  const parts = conjuncts(expression);
  const rest = parts.filter(
    (part) => !(part.kind === "name" && part.name === "shared" && !scope.variables.has("shared")),
  );
  const conditions = rest.flatMap((part): Condition[] => {
    const asked = new Set<string>();
    // A variable that only a condition names is not used on the right side.
    const term = compileTerm({ ...scope, kept: new Set(), asked }, part);
    if (!term) return [];
    if (term.kind === "tensor" || (term.type !== "boolean" && term.type !== "any")) {
      fail(scope, part.span, "wrong-type", "a condition must be true or false");
      return [];
    }
    const holds = (match: Match): boolean => term.compute(match) === true;
    // A condition about an optional op is none where the op is missing.
    const isMissing = (match: Match): boolean => [...asked].some((name) => !match.nodes.has(name));
    const { aim } = term;
    return [
      {
        span: part.span,
        ...(aim && { aim: (match, random) => aim(match, true, random) }),
        holds: asked.size === 0 ? holds : (match) => isMissing(match) || holds(match),
        terms: termsIn(scope, part),
      },
    ];
  });
  return { shared: rest.length < parts.length, conditions };
}

/** The names and calls in a condition whose values depend on the match. */
function termsIn(scope: Scope, expression: Expression): Condition["terms"] {
  switch (expression.kind) {
    case "binary":
      return [...termsIn(scope, expression.left), ...termsIn(scope, expression.right)];
    case "unary":
      return termsIn(scope, expression.operand);
    case "name":
    case "call":
    case "pipe": {
      const term = compileTerm({ ...scope, kept: new Set(), asked: new Set() }, expression);
      return term?.kind === "value" && !term.closed ? [{ span: expression.span, compute: term.compute }] : [];
    }
    default:
      return [];
  }
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

function benefitOf(scope: Scope, expression: Expression): number | undefined {
  const term = compileTerm(scope, expression);
  const value = term?.kind === "value" && term.closed ? term.compute(noMatch) : undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (!term) return undefined;
  return fail(scope, expression.span, "wrong-attribute", "the benefit of a rule must be a number", [
    "where several rules match, the one with the greatest benefit is applied; without one it is 0",
  ]);
}
