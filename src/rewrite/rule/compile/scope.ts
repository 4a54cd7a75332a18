// The names of a rule during its compilation, and errors about them.

import type { Argument, CallExpression, Expression, IndexExpression, PipeExpression } from "#grammar/ast.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { printName } from "#grammar/printing/print-name.js";
import { meant } from "#diagnostic/suggest.js";
import type { OpName } from "#ir/graph.js";
import { isOp, isOpClass, literalNames, opClasses, opNames } from "#ops/index.js";
import type { Predicate } from "../predicate.js";
import type { Pattern } from "../rule.js";
import type { OpSet } from "./classes.js";
import { setOf } from "./classes.js";
import { fail, failWith } from "./fail.js";
import type { ValueType } from "./functions.js";
import type { Term } from "./term.js";

/** What a name of the left side means. */
export type Variable = (
  | { readonly kind: "tensor" }
  /** An op that is bound by a class; also the value of its node. */
  | { readonly kind: "op"; readonly ops: readonly OpName[] }
  | { readonly kind: "attribute"; readonly type: ValueType }
  /** `..name`: the attributes that each op of the left side does not mention. */
  | { readonly kind: "rest"; readonly keys: ReadonlySet<string> }
) &
  Bound;

/** How a name is bound. */
interface Bound {
  /** Whether it has a value for each operand of a `p..`. */
  readonly list?: true;
  /** Whether only some of the alternatives bind it. */
  readonly partial?: true;
  /** The binder of the optional op that binds it, or which it is. */
  readonly optional?: string;
}

export interface Scope {
  readonly diagnostics: Diagnostic[];
  /** The file's own classes. */
  readonly classes: ReadonlyMap<string, OpSet>;
  /** The caller's own functions for `when`. */
  readonly predicates: ReadonlyMap<string, Predicate>;
  readonly variables: Map<string, Variable>;
  /** Terms of `where`. */
  readonly where: Map<string, Term>;
  /** Binders that the right side uses as values. */
  readonly kept: Set<string>;
  /** See `Hints`. */
  readonly constants: Set<string>;
  readonly terms: { readonly name: string; readonly pattern: Pattern }[];
  readonly readers: { readonly name: string; readonly ops: readonly OpName[] }[];
  /** Compiles a term of a left side. Conditions have such terms too, and their compiler must not import that of left sides. */
  readonly compilePattern: (scope: Scope, expression: Expression) => Pattern | undefined;
  /** On the left: the variables that occur outside every `p..`. Inside one, they have the same value for all operands. */
  readonly outside?: ReadonlySet<string>;
  /** On the left, inside a `p..`: the lists that it binds. */
  readonly inEach?: Set<string>;
  /** On the right: inside a `t..`, the lists that it uses. */
  readonly lists?: Set<string>;
  /** The optional ops that are there where the term is used; in a condition, any may be asked about, and `asked` collects them. */
  readonly present: ReadonlySet<string>;
  readonly asked?: Set<string>;
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
export function opsOf(scope: Scope, { callee }: CallExpression): OpSet | undefined {
  const { text, span } = callee;
  if (isOp(text) && (text === "input" || text === "constant")) {
    return fail(scope, span, "unknown-op", `a rule cannot use \`${text}\``, [
      text === "constant" ? "write a variable, and `when constant(name)`" : "write a variable",
    ]);
  }
  const set = setOf(text, scope.classes);
  if (set) return set;
  return failWith(
    scope,
    span,
    "unknown-op",
    `there is no op or op class \`${text}\``,
    meant(text, [...opNames, ...scope.classes.keys()], span, printName),
  );
}

/** All names that may be called on the left. */
export function calleeNames(scope: Scope): string[] {
  return [...opNames, ...opClasses, ...scope.classes.keys()];
}

/** Whether a name is that of a class. */
export function isClass(scope: Scope, name: string): boolean {
  return scope.classes.has(name) || isOpClass(name);
}

/** Whether a name is a literal: `same`, `true`. */
export function isLiteralName(expression: Expression): boolean {
  return expression.kind === "name" && !expression.quoted && literalNames.has(expression.name);
}

/** The variable of a name, if a term may use it here; otherwise an error. Undefined for a name that is no variable. */
export function usable(scope: Scope, name: string, span: Span): Variable | "error" | undefined {
  const variable = scope.variables.get(name);
  if (!variable) return undefined;
  const wrong = (message: string, help: string): "error" => {
    fail(scope, span, "unbound-variable", message, [help]);
    return "error";
  };
  if (variable.partial)
    return wrong(
      `only some alternatives of the left side bind \`${name}\``,
      `bind \`${name}\` in all of them, or write a rule for each`,
    );
  const { optional } = variable;
  if (optional === undefined || scope.present.has(optional)) return variable;
  if (!scope.asked)
    return wrong(
      optional === name
        ? `\`${name}\` may be missing, so it is not a value`
        : `\`${name}\` is bound only where \`${optional}\` is`,
      `use it inside \`${optional}(…)\`, which gives its first operand where the op is missing`,
    );
  scope.asked.add(optional);
  return variable;
}
