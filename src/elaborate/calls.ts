// Calls of ops, blocks and functions, and their arguments.

import type { Argument, CallExpression } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { meant, meantOr } from "#diagnostic/suggest.js";
import { isOp, ops } from "#ops/index.js";
import { generators } from "#weights/generate.js";
import { callBlock } from "./call/blocks.js";
import { callOp } from "./call/call-op.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { describe, fail } from "./elaboration.js";
import type { Given, ExpressionValue } from "./expression-value.js";
import { none } from "./expression-value.js";
import { callFunction, functionNames, isFunction } from "./functions.js";
import { calleeOf } from "./names.js";

/** A call; `piped` is the value on the left of `|>`. */
export function call(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: CallExpression,
  piped?: Given,
): ExpressionValue {
  const { callee, span } = expression;
  const given = [
    ...(piped ? [{ ...piped, value: single(state, piped.value, piped.span) }] : []),
    ...expression.arguments.flatMap((argument) => evaluateArgument(state, scope, path, argument)),
  ];
  const name = callee.text;
  const called = calleeOf(scope, name);
  if (called?.kind === "block") return callBlock(state, scope, path, called, given, span);
  if (called) return callOp(state, path, called.name, given, span);
  if (isFunction(name)) return callFunction(state, name, given, span);
  return unknownCallee(state, scope, callee.text, callee.span);
}

function unknownCallee(state: Elaboration, scope: Scope, name: string, span: Span): ExpressionValue {
  if (name === "weight" || generators.includes(name)) {
    return fail(
      state,
      span,
      "misplaced-weight",
      `\`${name}(…)\` is the value of a \`param\`, not an expression`,
      {
        help: [`write \`param w: f32[…] = ${name}(…)\` and use \`w\``],
      },
    );
  }
  const bound = scope.names.get(name) ?? scope.file.constants.get(name);
  if (bound?.value.kind === "none" || scope.file.incomplete.has(name)) return none;
  const named = bound?.value.kind === "string" ? bound.value.value : undefined;
  const known = bound ? [] : [...Object.keys(ops), ...scope.file.blocks.keys(), ...functionNames];
  return fail(state, span, "unknown-op", `there is no op or block \`${name}\``, {
    label: bound ? `this is ${describe(state, bound.value)}, which cannot be called` : "not known",
    ...(named !== undefined && (isOp(named) || scope.file.blocks.has(named))
      ? { help: [`pass it without quotes: \`${name}=${printName(named)}\``] }
      : meantOr(meant(name, known, span, printName), "`cleave ops` lists the ops")),
  });
}

function evaluateArgument(state: Elaboration, scope: Scope, path: string, argument: Argument): Given[] {
  if (argument.kind === "rest") {
    fail(
      state,
      argument.span,
      "rest-outside-rule",
      "`..name` means the rest of the attributes in a rule; nets do not have it",
    );
    return [{ value: none, span: argument.span }];
  }
  if (argument.kind === "spread") {
    fail(
      state,
      argument.span,
      "rest-outside-rule",
      "`x..` means any number of operands in a rule; nets do not have it",
    );
    return [{ value: none, span: argument.span }];
  }
  const { span } = argument;
  const value = single(state, state.walk.evaluate(state, scope, path, argument.value), argument.value.span);
  return [argument.kind === "named" ? { name: argument.name, value, span } : { value, span }];
}

/** The value itself, or an error if it is several results. */
export function single(state: Elaboration, value: ExpressionValue, span: Span): ExpressionValue {
  if (value.kind !== "results") return value;
  const names = ["a", "b", "c"].slice(0, Math.min(value.values.length, 3)).join(", ");
  return fail(state, span, "wrong-results", `this block gives ${value.values.length} results`, {
    help: [`bind them first: \`${names}${value.values.length > 3 ? ", …" : ""} = …\``],
  });
}
