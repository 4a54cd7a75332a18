// Evaluates expressions: names, literals, calls, pipes and operators.

import { leftOperations } from "#grammar/left-operations.js";
import type { BinaryExpression, ConditionalExpression, Expression, ListExpression } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { OpName } from "#ir/graph.js";
import { numberText } from "#ir/units.js";
import { callOp } from "./call/call-op.js";
import { call, single } from "./calls.js";
import { itemOf } from "./functions.js";
import { literalOf } from "./literals.js";
import { lookUp } from "./names.js";
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
    case "index": {
      const { list, index } = expression;
      const item = { value: evaluate(state, scope, path, list), span: list.span };
      return itemOf(state, item, { value: evaluate(state, scope, path, index), span: index.span });
    }
    case "conditional":
      return evaluateConditional(state, scope, path, expression);
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
  if (operations.length > 0) value = single(state, value, start.span);
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
  const { operator } = expression;
  if (operator === "|") {
    return fail(
      state,
      expression.span,
      "wrong-operand",
      "`|` is for alternatives on the left side of a rule",
      {
        help: ["a pipe is `|>`, and `or` joins conditions"],
      },
    );
  }
  const logical = operator === "and" || operator === "or";
  // The right side is evaluated only if it matters: `rank(x) == 4 and shape(x)[3] == 8`.
  if (logical && truthOf(left.value) === (operator === "or")) return left.value;
  const right: Given = {
    value: single(state, evaluate(state, scope, path, expression.right), expression.right.span),
    span: expression.right.span,
  };
  if (left.value.kind === "none" || right.value.kind === "none") return none;
  const known = combine(operator, left.value, right.value);
  if (known) return bounded(state, known, expression.span);
  const op = infixOps[operator];
  const operands = [left, right];
  const open = operands.find(({ value }) => value.kind === "batch");
  if (open) return openBatch(state, open.span);
  const isTensor = operands.some(({ value }) => value.kind === "tensor");
  if (isTensor && op) return callOp(state, path, op, operands, expression.span);
  if (isTensor)
    return fail(state, expression.span, "wrong-operand", `\`${operator}\` is for numbers, not for tensors`);
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

/** The longest string that `+` may make: a `repeat` could double it until it fills the memory. */
const longestString = 10_000;

function bounded(state: Elaboration, value: ExpressionValue, span: Span): ExpressionValue {
  if (value.kind !== "string" || value.value.length <= longestString) return value;
  return fail(state, span, "too-large", `the string has more than ${numberText(longestString)} characters`);
}

/** The error about the size of the open batch in a computation. */
function openBatch(state: Elaboration, span: Span): ExpressionValue {
  const symbol = state.batch?.symbol ?? "";
  return fail(
    state,
    span,
    "open-batch",
    `\`${symbol}\` is the open batch, whose size is not known in the net`,
    {
      ...(state.batch && { others: [{ span: state.batch.span, message: "left open here" }] }),
      help: [`only a list may have it, as in \`[shape(x)[0], -1]\`; or bind it with --dim ${symbol}=1`],
    },
  );
}

/** The value of the chosen side; the other one is not evaluated. */
function evaluateConditional(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: ConditionalExpression,
): ExpressionValue {
  const chosen = conditionOf(state, scope, path, expression.condition);
  if (chosen === undefined) return none;
  return evaluate(state, scope, path, chosen ? expression.then : expression.otherwise);
}

/** Whether a condition holds; undefined after an error. */
export function conditionOf(
  state: Elaboration,
  scope: Scope,
  path: string,
  condition: Expression,
): boolean | undefined {
  const value = evaluate(state, scope, path, condition);
  const known = truthOf(value);
  if (known !== undefined || value.kind === "none") return known;
  const help =
    value.kind === "tensor"
      ? ["it must be known at compile time; `select(c, a, b)` chooses by values of a tensor"]
      : ["write a comparison, as in `stride == 1`"];
  const what = `a condition is true or false, not ${describe(state, value)}`;
  fail(state, condition.span, "wrong-condition", what, { help });
  return undefined;
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
  if (value.kind === "batch") return openBatch(state, span);
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
  let open = false;
  for (const [index, item] of list.items.entries()) {
    const value = evaluate(state, scope, path, item);
    if (value.kind === "batch" && index === 0) {
      values.push(1);
      open = true;
    } else if (value.kind === "number") values.push(value.value);
    else {
      failed = true;
      if (value.kind === "batch") openBatch(state, item.span);
      else if (value.kind === "tensor") {
        fail(state, item.span, "not-a-number", `a list contains numbers, not ${describe(state, value)}`, {
          help: ["operands are written without a list: `concat(a, b)`"],
        });
        return none;
      } else if (value.kind !== "none")
        fail(state, item.span, "not-a-number", `a list contains numbers, not ${describe(state, value)}`);
    }
  }
  return failed ? none : { kind: "list", value: values, size: false, ...(open && { open: true as const }) };
}
