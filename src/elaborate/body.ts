// Statements and expressions: the bodies of nets and blocks.

import type {
  Argument,
  BinaryExpression,
  BlockItem,
  CallExpression,
  Expression,
  Statement,
  TypeExpression,
} from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import type { OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { isOp, literalNames, makeNode, ops } from "#ops/index.js";
import type { Given } from "./call-op.js";
import { callOp } from "./call-op.js";
import { literalOf, namedNumbers } from "./literals.js";
import { parameter } from "./parameters.js";
import type { Scope, State, Value } from "./state.js";
import { addConstant, addNode, describe, fail, none, takePath } from "./state.js";

/** Most copies of a `repeat`. */
const repeatLimit = 100_000;

/** Runs statements in a scope; gives the value of `return`, if one is reached. */
export function runStatements(
  state: State,
  scope: Scope,
  statements: readonly Statement[],
): Value | undefined {
  let result: Value | undefined;
  for (const statement of statements) result = runStatement(state, scope, statement) ?? result;
  return result;
}

function runStatement(state: State, scope: Scope, statement: Statement): Value | undefined {
  switch (statement.kind) {
    case "weights":
      return undefined; // read before the body, since every layer needs them
    case "input":
      return void runInput(
        state,
        scope,
        statement.name.text,
        statement.type,
        statement.span,
        statement.name.span,
      );
    case "param": {
      const type = typeOfExpression(state, scope, statement.type, false);
      const path = takePath(state, `${scope.path}${statement.name.text}`);
      const value = type ? parameter(state, path, type, statement.value, statement.span) : none;
      return void bind(state, scope, statement.name.text, value, statement.name.span);
    }
    case "const": {
      const overridden = scope.path === "" ? state.dims.get(statement.name.text) : undefined;
      const value: Value =
        overridden === undefined
          ? evaluate(state, scope, scope.path, statement.value)
          : { kind: "number", value: overridden };
      if (value.kind === "tensor") {
        fail(
          state,
          statement.value.span,
          "not-constant",
          "a `const` holds a number, a size or a list, not a tensor",
          { help: ["leave out `const` to bind a tensor"] },
        );
      }
      return void bind(
        state,
        scope,
        statement.name.text,
        value.kind === "tensor" ? none : value,
        statement.name.span,
      );
    }
    case "bind":
      return void bind(
        state,
        scope,
        statement.name.text,
        bound(state, scope, statement.name.text, statement.value),
        statement.name.span,
      );
    case "repeat":
      return void runRepeat(state, scope, statement);
    case "kernel": {
      const outer = state.kernel;
      state.kernel = statement.name.text;
      state.kernels.set(statement.name.text, {
        rule: statement.rule.text,
        reason: statement.reason?.value ?? "",
      });
      runStatements(state, scope, statement.body);
      state.kernel = outer;
      return undefined;
    }
    case "output":
      for (const { name, value } of statement.outputs) runOutput(state, scope, name.text, value, name.span);
      return undefined;
    case "return":
      return evaluate(state, scope, scope.path, statement.value);
    default:
      return statement satisfies never;
  }
}

/** Evaluates the right side of a binding: what it makes gets the binding's path, the result the path itself. */
function bound(state: State, scope: Scope, name: string, value: Expression): Value {
  const path = takePath(state, `${scope.path}${name}`);
  const first = state.nodes.size;
  const result = evaluate(state, scope, `${path}.`, value);
  // A node that this binding made is called after it; one that it only renames keeps its name.
  const node = result.kind === "tensor" && result.node >= first ? state.nodes.get(result.node) : undefined;
  if (node && node.op !== "constant") state.nodes.set(node.id, makeNode({ ...node, name: path }));
  return result;
}

function bind(state: State, scope: Scope, name: string, value: Value, span: Span): void {
  if (literalNames.has(name))
    fail(state, span, "reserved-name", `\`${name}\` is a literal and cannot be bound`);
  scope.names.set(name, { value, span });
}

function runInput(
  state: State,
  scope: Scope,
  name: string,
  expression: TypeExpression,
  span: Span,
  nameSpan: Span,
): void {
  const type = typeOfExpression(state, scope, expression, true);
  const clash = [...state.nodes.values()].find((node) => node.op === "input" && node.name === name);
  if (clash) {
    const [other] = clash.origin.spans;
    fail(
      state,
      nameSpan,
      "repeated-input",
      `there are two inputs \`${name}\``,
      other ? { others: [{ span: other, message: "first here" }] } : {},
    );
    return;
  }
  if (!type) return bind(state, scope, name, none, nameSpan);
  state.paths.set(name, (state.paths.get(name) ?? 0) + 1);
  bind(
    state,
    scope,
    name,
    addNode(state, { op: "input", name, inputs: [], attributes: {}, type, span }),
    nameSpan,
  );
}

function runOutput(
  state: State,
  scope: Scope,
  name: string,
  expression: Expression | undefined,
  span: Span,
): void {
  const value = expression ? bound(state, scope, name, expression) : lookUp(state, scope, name, false, span);
  if (expression) bind(state, scope, name, value, span);
  if (value.kind === "none") return;
  if (value.kind !== "tensor") {
    fail(state, span, "not-a-tensor", `an output must be a tensor, not ${describe(state, value)}`);
    return;
  }
  const other = state.outputs.find((output) => output.name === name);
  if (other)
    fail(state, span, "repeated-output", `there are two outputs \`${name}\``, {
      others: [{ span: other.span, message: "first here" }],
    });
  else state.outputs.push({ name, node: value.node, span });
}

function runRepeat(state: State, scope: Scope, statement: Extract<Statement, { kind: "repeat" }>): void {
  const count = evaluate(state, scope, scope.path, statement.count);
  if (count.kind === "none") return;
  if (
    count.kind !== "number" ||
    !Number.isInteger(count.value) ||
    count.value < 0 ||
    count.value > repeatLimit
  ) {
    fail(
      state,
      statement.count.span,
      "wrong-count",
      `\`repeat\` needs a whole number from 0 to ${repeatLimit.toLocaleString("en-US")}, not ${describe(state, count)}`,
    );
    return;
  }
  for (let index = 0; index < count.value && !state.full; index += 1) {
    const errors = state.diagnostics.length;
    if (statement.index)
      scope.names.set(statement.index.text, {
        value: { kind: "number", value: index },
        span: statement.index.span,
      });
    runStatements(state, scope, statement.body);
    if (state.diagnostics.length > errors) return; // the next copies would say the same
  }
}

/** The type that is written; symbols are looked up, and a leading one of an input may stay open. */
function typeOfExpression(
  state: State,
  scope: Scope,
  type: TypeExpression,
  isInput: boolean,
): TensorType | undefined {
  if (type.dtype.text !== "f32") {
    fail(state, type.dtype.span, "unknown-type", `\`${type.dtype.text}\` is no element type`, {
      help: ["tensors are f32"],
    });
    return undefined;
  }
  const shape: number[] = [];
  let known = true;
  for (const [axis, expression] of type.shape.entries()) {
    const extent = extentOf(state, scope, expression, isInput && axis === 0, isInput);
    if (extent === undefined) known = false;
    else shape.push(extent);
  }
  if (!known) return undefined;
  if (elements(shape) > 2 ** 31) {
    fail(state, type.span, "too-large", `f32[${shape.join(", ")}] has more than 2^31 elements`);
    return undefined;
  }
  return { dtype: "f32", shape };
}

function extentOf(
  state: State,
  scope: Scope,
  expression: Expression,
  mayStayOpen: boolean,
  isInput: boolean,
): number | undefined {
  if (
    expression.kind === "name" &&
    !scope.names.has(expression.name) &&
    !state.constants.has(expression.name)
  ) {
    const symbol = expression.name;
    const bound = state.dims.get(symbol);
    if (bound !== undefined) return bound;
    if (mayStayOpen && (state.batch === undefined || state.batch.symbol === symbol)) {
      state.batch ??= { symbol, span: expression.span };
      return 1;
    }
    if (!isInput) return void lookUp(state, scope, symbol, expression.quoted, expression.span);
    if (!state.unbound.has(symbol)) state.unbound.set(symbol, expression.span);
    return undefined;
  }
  const value = evaluate(state, scope, scope.path, expression);
  if (value.kind === "none") return undefined;
  if (value.kind === "number" && Number.isInteger(value.value) && value.value >= 1) return value.value;
  fail(
    state,
    expression.span,
    "wrong-dimension",
    `a dimension must be a whole number from 1 up, not ${describe(state, value)}`,
  );
  return undefined;
}

/** The value of an expression; nodes and parameters that it makes get `path` before their name. */
export function evaluate(state: State, scope: Scope, path: string, expression: Expression): Value {
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
      return evaluateList(state, scope, path, expression.items, expression);
    case "call":
      return call(state, scope, path, expression);
    case "pipe":
    case "binary":
      return evaluateChain(state, scope, path, expression);
    case "unary": {
      const operand = evaluate(state, scope, path, expression.operand);
      if (operand.kind === "number")
        return {
          kind: "number",
          value: expression.operator === "-" ? -operand.value : Number(operand.value === 0),
        };
      if (expression.operator === "-")
        return callOp(
          state,
          path,
          "neg",
          [{ value: operand, span: expression.operand.span }],
          expression.span,
        );
      return operand.kind === "none"
        ? none
        : fail(state, expression.span, "not-a-condition", "`not` has no meaning in a net");
    }
    default:
      return expression satisfies never;
  }
}

/** Pipes and infix operators lean to the left and may be thousands long, so their left spine is walked, not recursed. */
function evaluateChain(state: State, scope: Scope, path: string, expression: Expression): Value {
  const spine: Extract<Expression, { kind: "pipe" | "binary" }>[] = [];
  let start = expression;
  while (start.kind === "pipe" || start.kind === "binary") {
    spine.push(start);
    start = start.kind === "pipe" ? start.value : start.left;
  }
  let value = evaluate(state, scope, path, start);
  let span = start.span;
  for (const link of spine.toReversed()) {
    value =
      link.kind === "pipe"
        ? call(state, scope, path, link.call, { value, span })
        : infix(state, scope, path, link, { value, span });
    span = link.span;
  }
  return value;
}

const infixOps: Readonly<Partial<Record<string, OpName>>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
};

const arithmetic: Readonly<Record<BinaryExpression["operator"], (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  "<=": (a, b) => Number(a <= b),
  ">": (a, b) => Number(a > b),
  ">=": (a, b) => Number(a >= b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
};

function infix(state: State, scope: Scope, path: string, expression: BinaryExpression, left: Given): Value {
  const right: Given = { value: evaluate(state, scope, path, expression.right), span: expression.right.span };
  const { operator } = expression;
  if (left.value.kind === "none" || right.value.kind === "none") return none;
  if (left.value.kind === "number" && right.value.kind === "number") {
    return { kind: "number", value: arithmetic[operator](left.value.value, right.value.value) };
  }
  const op = infixOps[operator];
  const odd = [left, right].find(({ value }) => value.kind !== "tensor" && value.kind !== "number");
  if (odd)
    return fail(
      state,
      odd.span,
      "wrong-operand",
      `\`${operator}\` takes numbers and tensors, not ${describe(state, odd.value)}`,
    );
  if (!op)
    return fail(state, expression.span, "wrong-operand", `\`${operator}\` is for numbers, not for tensors`);
  return callOp(state, path, op, [left, right], expression.span);
}

function evaluateList(
  state: State,
  scope: Scope,
  path: string,
  items: readonly Expression[],
  list: Expression,
): Value {
  if (items.some((item) => item.kind === "list")) {
    const literal = literalOf(list);
    if (!literal)
      return fail(state, list.span, "not-a-literal", "this is no nested list of numbers of equal lengths");
    const type: TensorType = { dtype: "f32", shape: literal.shape };
    const name = takePath(state, `${path}literal`);
    return addConstant(
      state,
      name,
      type,
      { kind: "literal", data: Float32Array.from(literal.data) },
      list.span,
    );
  }
  const values: number[] = [];
  for (const item of items) {
    const value = evaluate(state, scope, path, item);
    if (value.kind === "none") return none;
    if (value.kind !== "number")
      return fail(state, item.span, "not-a-number", `a list holds numbers, not ${describe(state, value)}`);
    values.push(value.value);
  }
  return { kind: "list", value: values, size: false };
}

function lookUp(state: State, scope: Scope, name: string, quoted: boolean, span: Span): Value {
  const found = scope.names.get(name) ?? state.constants.get(name);
  if (found) return found.value;
  if (!quoted && literalNames.has(name)) return { kind: "name", value: name };
  const number = quoted ? undefined : (namedNumbers.get(name) ?? state.dims.get(name));
  if (number !== undefined) return { kind: "number", value: number };
  const near = suggest(name, [...scope.names.keys(), ...state.constants.keys()]);
  const isCallable = isOp(name) || state.blocks.has(name);
  return fail(state, span, "unknown-name", `there is no \`${name}\` here`, {
    label: isCallable ? "this is an op: call it" : "not bound",
    ...(near.length > 0 ? { help: [`did you mean ${near.map((one) => `\`${one}\``).join(" or ")}?`] } : {}),
  });
}

/** A call; `piped` is what flows in from the left of `|>`. */
function call(state: State, scope: Scope, path: string, expression: CallExpression, piped?: Given): Value {
  const name = expression.callee.text;
  const span = expression.span;
  const given = [
    ...(piped ? [piped] : []),
    ...expression.arguments.flatMap((argument) => evaluateArgument(state, scope, path, argument)),
  ];
  const block = state.blocks.get(name);
  if (block) return callBlock(state, scope, path, block, given, span);
  if (isOp(name) && name !== "input" && name !== "constant") return callOp(state, path, name, given, span);
  const near = suggest(name, [...Object.keys(ops), ...state.blocks.keys()]);
  return fail(state, expression.callee.span, "unknown-op", `there is no op or block \`${name}\``, {
    help: [
      near.length > 0
        ? `did you mean ${near.map((one) => `\`${one}\``).join(" or ")}?`
        : "`cleave ops` lists the ops",
    ],
  });
}

function evaluateArgument(state: State, scope: Scope, path: string, argument: Argument): Given[] {
  if (argument.kind === "rest") {
    fail(
      state,
      argument.span,
      "rest-outside-rule",
      "`..name` stands for the rest of the attributes in a rule; a net has none",
    );
    return [];
  }
  const value = evaluate(state, scope, path, argument.value);
  return [
    argument.kind === "named"
      ? { name: argument.name.text, value, span: argument.span }
      : { value, span: argument.span },
  ];
}

/** Runs a block's body on its arguments, in a scope of its own. */
function callBlock(
  state: State,
  scope: Scope,
  path: string,
  block: BlockItem,
  given: readonly Given[],
  span: Span,
): Value {
  const name = block.name.text;
  if (scope.blocks.includes(name)) {
    const chain = [...scope.blocks.slice(scope.blocks.indexOf(name)), name]
      .map((one) => `\`${one}\``)
      .join(" → ");
    return fail(state, span, "recursive-block", `block \`${name}\` calls itself: ${chain}`, {
      help: ["use `repeat` for copies"],
    });
  }
  const names = new Map<string, { value: Value; span: Span }>();
  const before = state.diagnostics.length;
  let position = 0;
  let own: string | undefined;
  for (const argument of given) {
    const parameter =
      argument.name === undefined
        ? block.parameters[position++]
        : block.parameters.find((one) => one.name.text === argument.name);
    if (parameter) {
      const other = names.get(parameter.name.text);
      if (other)
        fail(state, argument.span, "repeated-argument", `\`${parameter.name.text}\` is given twice`, {
          others: [{ span: other.span, message: "first here" }],
        });
      names.set(parameter.name.text, { value: argument.value, span: argument.span });
    } else if (argument.name === "name" && argument.value.kind === "string") own = argument.value.value;
    else {
      const known = block.parameters.map((one) => one.name.text);
      const near = argument.name === undefined ? [] : suggest(argument.name, known);
      fail(
        state,
        argument.span,
        "too-many-arguments",
        argument.name === undefined
          ? `block \`${name}\` takes ${known.length} arguments`
          : `block \`${name}\` has no parameter \`${argument.name}\``,
        {
          others: [{ span: block.name.span, message: "defined here" }],
          help: [near.length > 0 ? `did you mean \`${near[0]}\`?` : `it takes ${known.join(", ")}`],
        },
      );
    }
  }
  const inner: Scope = {
    names,
    path: own === undefined ? path : `${takePath(state, `${path}${own}`)}.`,
    blocks: [...scope.blocks, name],
  };
  for (const parameter of block.parameters) {
    if (names.has(parameter.name.text)) continue;
    if (parameter.default)
      names.set(parameter.name.text, {
        value: evaluate(state, inner, inner.path, parameter.default),
        span: parameter.span,
      });
    else {
      fail(state, span, "missing-argument", `block \`${name}\` needs \`${parameter.name.text}\``, {
        others: [{ span: parameter.span, message: "declared here" }],
      });
    }
  }
  if (state.diagnostics.length > before || given.some((argument) => argument.value.kind === "none"))
    return none;
  state.calls.push(span);
  const result = runStatements(state, inner, block.body) ?? none;
  state.calls.pop();
  return result;
}
