// Evaluates expressions: names, literals, calls, pipes and operators.

import { leftOperations } from "#grammar/left-operations.js";
import type { Argument, BinaryExpression, CallExpression, Expression, ListExpression } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { OpName } from "#ir/graph.js";
import { isOp, literalNames, literalTexts, ops } from "#ops/index.js";
import { generators } from "#weights/generate.js";
import { callBlock } from "./call/blocks.js";
import { callOp } from "./call/call-op.js";
import { literalOf, namedNumbers } from "./literals.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { addConstant, describe, fail, step, takePath } from "./elaboration.js";
import type { Given, ExpressionValue } from "./expression-value.js";
import { combine, none, truth, truthOf } from "./expression-value.js";

/** The value of an expression; `path` is the prefix of the names of new nodes and parameters. */
export function evaluate(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: Expression,
): ExpressionValue {
  if (!step(state, expression.span)) return none;
  switch (expression.kind) {
    case "number":
      return { kind: "number", value: expression.value };
    case "size":
      return { kind: "list", value: expression.values, size: true };
    case "string":
      return { kind: "string", value: expression.value };
    case "name":
      return lookUp(state, scope, expression.name, expression.quoted, expression.span);
    case "list":
      return evaluateList(state, scope, path, expression);
    case "call":
      return call(state, scope, path, expression);
    case "pipe":
    case "binary":
      return evaluateChain(state, scope, path, expression);
    case "unary":
      return evaluateUnary(state, scope, path, expression);
    default:
      return expression satisfies never;
  }
}

/** Pipes and infix operators. They may be thousands in a row, nested on the left, so a loop evaluates them instead of recursion. */
function evaluateChain(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: Expression,
): ExpressionValue {
  const { head: start, operations } = leftOperations(expression);
  let value = evaluate(state, scope, path, start);
  let span = start.span;
  for (const operation of operations) {
    if (!step(state, operation.span)) return none;
    value =
      operation.kind === "pipe"
        ? call(state, scope, path, operation.call, { value, span })
        : infix(state, scope, path, operation, { value, span });
    span = operation.span;
  }
  return value;
}

/** The ops of infix operators on tensors. */
export const infixOps: Readonly<Partial<Record<BinaryExpression["operator"], OpName>>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
};

function infix(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: BinaryExpression,
  left: Given,
): ExpressionValue {
  const right: Given = { value: evaluate(state, scope, path, expression.right), span: expression.right.span };
  const { operator } = expression;
  if (left.value.kind === "none" || right.value.kind === "none") return none;
  const known = combine(operator, left.value, right.value);
  if (known) return known;
  const op = infixOps[operator];
  const operands = [left, right];
  const isTensor = operands.some(({ value }) => value.kind === "tensor");
  if (isTensor && op) return callOp(state, path, op, operands, expression.span);
  if (isTensor)
    return fail(state, expression.span, "wrong-operand", `\`${operator}\` is for numbers, not for tensors`);
  const logical = operator === "and" || operator === "or";
  const odd = operands.find(({ value }) =>
    logical ? truthOf(value) === undefined : value.kind !== "number",
  );
  return fail(
    state,
    odd?.span ?? expression.span,
    "wrong-operand",
    `\`${operator}\` takes ${logical ? "true and false" : op ? "numbers and tensors" : "numbers"}, not ${describe(state, odd?.value ?? left.value)}`,
  );
}

function evaluateUnary(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: Extract<Expression, { kind: "unary" }>,
): ExpressionValue {
  const value = evaluate(state, scope, path, expression.operand);
  if (value.kind === "none") return none;
  const { span } = expression.operand;
  if (expression.operator === "not") {
    const known = truthOf(value);
    if (known !== undefined) return truth(!known);
    return fail(state, span, "wrong-operand", `\`not\` takes true or false, not ${describe(state, value)}`);
  }
  if (value.kind === "number") return { kind: "number", value: -value.value };
  if (value.kind === "tensor") return callOp(state, path, "neg", [{ value, span }], expression.span);
  return fail(state, span, "wrong-operand", `\`-\` takes numbers and tensors, not ${describe(state, value)}`);
}

/** A flat list stays a list, since most are attributes; operands convert it to a tensor. */
function evaluateList(state: Elaboration, scope: Scope, path: string, list: ListExpression): ExpressionValue {
  if (list.items.some((item) => item.kind === "list")) {
    const literal = literalOf(list);
    if (!literal)
      return fail(state, list.span, "not-a-literal", "this is not a nested list of numbers of equal lengths");
    if (!step(state, list.span, literal.data.length)) return none;
    const data = Float32Array.from(literal.data);
    const name = takePath(state, `${path}literal`);
    return addConstant(
      state,
      name,
      { dtype: "f32", shape: literal.shape },
      { kind: "literal", data },
      list.span,
    );
  }
  const values: number[] = [];
  let failed = false;
  for (const item of list.items) {
    const value = evaluate(state, scope, path, item);
    if (value.kind === "number") values.push(value.value);
    else failed = true;
    if (value.kind !== "number" && value.kind !== "none")
      fail(state, item.span, "not-a-number", `a list contains numbers, not ${describe(state, value)}`);
  }
  return failed ? none : { kind: "list", value: values, size: false };
}

/** The value of a name in a scope; `quoted` names are never literals. */
export function lookUp(
  state: Elaboration,
  scope: Scope,
  name: string,
  quoted: boolean,
  span: Span,
): ExpressionValue {
  if (!quoted && literalNames.has(name)) return { kind: "name", value: name };
  const number = quoted ? undefined : namedNumbers.get(name);
  if (number !== undefined) return { kind: "number", value: number };
  const found = scope.names.get(name) ?? state.constants.get(name);
  if (found) return found.value;
  if (scope.blocks.length === 0) {
    const extent = state.dims.get(name);
    if (extent !== undefined) {
      state.usedDims.add(name);
      return { kind: "number", value: extent };
    }
    if (state.unbound.has(name)) return none;
    if (state.batch?.symbol === name) {
      return fail(
        state,
        span,
        "open-batch",
        `\`${name}\` is the open batch, whose size is not known in the net`,
        {
          others: [{ span: state.batch.span, message: "left open here" }],
          help: [`write 1, since the net is compiled for one sample, or bind it with --dim ${name}=1`],
        },
      );
    }
  }
  const bound = didYouMean(name, [...scope.names.keys(), ...state.constants.keys()]);
  const near = literalTexts.has(name)
    ? [`as the value of an attribute it is in quotes: ${JSON.stringify(name)}`]
    : bound.length > 0
      ? bound
      : didYouMean(name, literalNames);
  const isCallable = isOp(name) || state.blocks.has(name);
  const inBlock = scope.blocks.length > 0 && near.length === 0 && !isCallable;
  return fail(state, span, "unknown-name", `there is no \`${name}\` here`, {
    label: isCallable ? "call this with arguments" : "not bound",
    help: inBlock ? ["a block sees its parameters and the file's consts, but no names of the net"] : near,
  });
}

/** A call; `piped` is the value on the left of `|>`. */
function call(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: CallExpression,
  piped?: Given,
): ExpressionValue {
  const { callee, span } = expression;
  const given = [
    ...(piped ? [piped] : []),
    ...expression.arguments.flatMap((argument) => evaluateArgument(state, scope, path, argument)),
  ];
  const name = callee.text;
  const block = state.blocks.get(name);
  if (block) return callBlock(state, scope, path, block, given, span);
  if (isOp(name) && name !== "input" && name !== "constant") return callOp(state, path, name, given, span);
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
  const near = didYouMean(name, [...Object.keys(ops), ...state.blocks.keys()]);
  const isBound = scope.names.has(name) || state.constants.has(name);
  return fail(state, span, "unknown-op", `there is no op or block \`${name}\``, {
    label: isBound ? "this is a value and cannot be called" : "not known",
    help: near.length > 0 ? near : ["`cleave ops` lists the ops"],
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
  const value = evaluate(state, scope, path, argument.value);
  const { span } = argument;
  return [argument.kind === "named" ? { name: argument.name.text, value, span } : { value, span }];
}
