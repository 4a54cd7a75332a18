// The names of a rule during its compilation, and errors about them.

import type { Argument, CallExpression, Expression, IndexExpression, PipeExpression } from "#grammar/ast.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { OpName } from "#ir/graph.js";
import { isOp, isOpClass, literalNames, opClasses, opOf, ops } from "#ops/index.js";
import { fail } from "./fail.js";
import type { ValueType } from "./functions.js";
import type { Term } from "./term.js";

/** What a name of the left side means. */
export type Variable =
  | { readonly kind: "tensor" }
  /** An op that is bound by a class; also the value of its node. */
  | { readonly kind: "op"; readonly ops: readonly OpName[] }
  | { readonly kind: "attribute"; readonly type: ValueType }
  /** `..name`: the attributes that each op of the left side does not mention. */
  | { readonly kind: "rest"; readonly keys: ReadonlySet<string> };

export interface Scope {
  readonly diagnostics: Diagnostic[];
  readonly variables: Map<string, Variable>;
  /** Terms of `where`. */
  readonly where: Map<string, Term>;
  /** Variables that `constant(…)` demands to be weights. */
  readonly constants: Set<string>;
  /** Binders that the right side uses as values. */
  readonly kept: Set<string>;
}

/** Compiles a part of a term. It is passed to the compiler of calls, because the two call each other. */
export type CompileTerm = (scope: Scope, expression: Expression) => Term | undefined;

/** A pipe as the call that it means. */
export function callOf(expression: CallExpression | PipeExpression): CallExpression {
  if (expression.kind === "call") return expression;
  const { value, call } = expression;
  const first: Argument = { kind: "positional", value, span: value.span };
  return { ...call, arguments: [first, ...call.arguments], span: expression.span };
}

/** `list[i]` as the call `at(list, i)`, which means the same. */
export function indexCall({ list, index, span }: IndexExpression): CallExpression {
  const arguments_ = [list, index].map((value) => ({ kind: "positional", value, span: value.span }) as const);
  return { kind: "call", callee: { text: "at", span }, arguments: arguments_, span };
}

/** The ops that a callee of the left side means: one op, or the members of a class. */
export function opsOf(scope: Scope, call: CallExpression): readonly OpName[] | undefined {
  const { text, span } = call.callee;
  if (isOp(text)) return text === "input" || text === "constant" ? sourceOp(scope, call) : [text];
  if (!isOpClass(text)) {
    return fail(
      scope,
      span,
      "unknown-op",
      `there is no op or op class \`${text}\``,
      didYouMean(text, opNames()),
    );
  }
  return text === "pointwise" ? ["conv2d"] : opNames().filter((name) => opOf(name).classes.includes(text));
}

function sourceOp(scope: Scope, { callee }: CallExpression): undefined {
  return fail(scope, callee.span, "unknown-op", `a rule cannot use \`${callee.text}\``, [
    callee.text === "constant" ? "write a variable, and `when constant(name)`" : "write a variable",
  ]);
}

function opNames(): OpName[] {
  return Object.keys(ops) as OpName[];
}

/** All names that may be called on the left. */
export function calleeNames(): string[] {
  return [...opNames(), ...opClasses];
}

/** Whether a name is a literal: `same`, `true`. */
export function isLiteralName(expression: Expression): boolean {
  return expression.kind === "name" && !expression.quoted && literalNames.has(expression.name);
}
