// Resolves the names in rules: the left side binds variables, by their first use.

import type { CallExpression, Expression, RuleItem } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { isReserved } from "#elaborate/literals.js";
import type { Collector, Definition, DefinitionKind } from "./definition.js";
import { walkExpression } from "./walk.js";

/** The state of one rule. */
interface Scope {
  readonly collector: Collector;
  readonly rule: RuleItem;
  readonly names: Map<string, Definition>;
  /** Whether names are bound by their first use, as on the left side. */
  binds: boolean;
}

export function resolveRule(collector: Collector, rule: RuleItem): void {
  const scope: Scope = { collector, rule, names: new Map(), binds: true };
  for (const pattern of rule.patterns) resolve(scope, pattern);
  scope.binds = false;
  for (const { name, value, span } of rule.where) {
    resolve(scope, value);
    define(scope, "variable", name.text, name.span, span);
  }
  for (const replacement of rule.replacements) resolve(scope, replacement);
  if (rule.when) resolve(scope, rule.when);
}

function resolve(scope: Scope, expression: Expression): void {
  walkExpression(
    expression,
    ({ name, quoted, span }) => {
      if (!isReserved({ text: name, quoted })) meet(scope, "variable", name, span);
    },
    (call) => resolveCall(scope, call),
  );
}

function resolveCall(scope: Scope, { binder, callee, arguments: list }: CallExpression): void {
  if (binder) meet(scope, "operator", binder.text, binder.span);
  const isOperator = !binder && scope.names.get(callee.text)?.kind === "operator";
  if (isOperator) refer(scope, callee.text, callee.span, "callee");
  else referToClass(scope, callee.text, callee.span);
  for (const [at, argument] of list.entries()) {
    if (argument.kind === "rest") meet(scope, "rest", argument.name.text, argument.name.span);
    // `matches(x, p)` has a term like a left side, whose own variables are known within it alone.
    else if (!scope.binds && callee.text === "matches" && at === 1)
      resolve({ ...scope, names: new Map(scope.names), binds: true }, argument.value);
    else resolve(scope, argument.value);
  }
}

function referToClass({ collector }: Scope, name: string, span: Span): void {
  const definition = collector.classes.get(name);
  if (definition) collector.references.push({ name, span, role: "callee", definitions: [definition] });
}

/** A name that the left side binds, or a use of one. */
function meet(scope: Scope, kind: DefinitionKind, name: string, span: Span): void {
  if (scope.names.has(name)) refer(scope, name, span, "value");
  else if (scope.binds) define(scope, kind, name, span);
  else referToClass(scope, name, span); // as in `used_by(x, act)`
}

function define(scope: Scope, kind: DefinitionKind, name: string, span: Span, whole = span): void {
  const from = scope.rule.span.start;
  const definition: Definition = { kind, name, span, whole, from, item: scope.rule };
  scope.names.set(name, definition);
  scope.collector.definitions.push(definition);
}

function refer(scope: Scope, name: string, span: Span, role: "value" | "callee"): void {
  const definition = scope.names.get(name);
  if (definition) scope.collector.references.push({ name, span, role, definitions: [definition] });
}
