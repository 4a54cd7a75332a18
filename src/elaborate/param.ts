// `param` statements: a key of the weight file, a generator, a literal, or a formula over such values that is computed
// when the weight is packed.

import type { CallExpression, Expression, ParamStatement } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { meant, meantOr } from "#diagnostic/suggest.js";
import type { AttributeValue, OpName, WeightId } from "#ir/graph.js";
import type { DType, TensorType } from "#ir/type.js";
import { isInteger, isOf, printType, sameType } from "#ir/type.js";
import { inferType, isOp, normalizeAttributes, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { generators, seedOf } from "#weights/generate.js";
import { sortArguments } from "./call/arguments.js";
import { typeOfExpression } from "./dimensions.js";
import { leftOperations } from "#grammar/left-operations.js";
import { evaluate, infixOps } from "./expressions.js";
import { literalOf } from "./literals.js";
import { lookUp } from "./names.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { addConstantOf, fail, takePath } from "./elaboration.js";
import type { Given, ExpressionValue } from "./expression-value.js";
import { combine, none } from "./expression-value.js";
import { fanInOf, fileEntry, fromFile, pathParameter, shapeClash } from "./weight-file.js";

/** Makes the constant of a `param`; without a value it is looked up by its path. */
export function runParam(state: Elaboration, scope: Scope, statement: ParamStatement): ExpressionValue {
  const { value, span } = statement;
  const path = takePath(state, `${scope.path}${statement.name.text}`);
  const type = typeOfExpression(state, scope, statement.type);
  if (!type) return none;
  if (value === undefined)
    return pathParameter(state, path, { type, init: "he_normal", fanIn: fanInOf(type) }, span);
  if (value.kind === "call" && value.callee.text === "weight") {
    const key = stringArgument(state, scope, value, "the key of a tensor in the weight file");
    return key === undefined ? none : fromFile(state, path, key, type, value.span, statement.type.span);
  }
  const weight = toWeight(state, path, formula(state, scope, path, value, type), value.span, type.dtype);
  if (weight === undefined) return none;
  const found = state.store.entries.get(weight)?.type ?? type;
  if (!sameType(found, type))
    return shapeClash(
      state,
      path,
      type,
      found,
      value.span,
      statement.type.span,
      `this is ${printType(found)}`,
    );
  return addConstantOf(state, path, type, weight, span);
}

/** The value of a formula: an entry of the store, or a value known at compile time. */
type Formula =
  | { readonly kind: "weight"; readonly id: WeightId }
  | Exclude<ExpressionValue, { kind: "tensor" }>;

/**
 * Evaluates a formula over weights. `type` is the declared type. Generated values get this type, even as operands of infix
 * operators, where a smaller type would broadcast too.
 */
function formula(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: Expression,
  type: TensorType | undefined,
): Formula {
  const { head: start, operations } = leftOperations(expression);
  const isPiped = operations.some((operation) => operation.kind === "pipe");
  let value = operand(state, scope, path, start, isPiped ? undefined : type);
  let { span } = start;
  for (const operation of operations) {
    if (operation.kind === "pipe")
      value = callFormula(state, scope, path, operation.call, undefined, { value, span });
    else {
      const right = formula(state, scope, path, operation.right, isPiped ? undefined : type);
      const op = infixOps[operation.operator];
      const known =
        value.kind === "weight" || right.kind === "weight"
          ? undefined
          : combine(operation.operator, value, right);
      if (value.kind === "none" || right.kind === "none") value = none;
      else if (known && known.kind !== "tensor") value = known;
      else if (op)
        value = applyOp(state, path, op, [value, right], [span, operation.right.span], {}, operation.span);
      else
        value = fail(
          state,
          operation.span,
          "wrong-operand",
          `\`${operation.operator}\` is for numbers, not for tensors`,
        );
    }
    span = operation.span;
  }
  return value;
}

function operand(
  state: Elaboration,
  scope: Scope,
  path: string,
  expression: Expression,
  type: TensorType | undefined,
): Formula {
  if (expression.kind === "call") return callFormula(state, scope, path, expression, type);
  if (expression.kind === "name") {
    const found = lookUp(state, scope, expression.name, expression.quoted, expression.span);
    if (found.kind !== "tensor") return found;
    const node = state.nodes.get(found.node);
    if (node?.op === "constant") return { kind: "weight", id: node.attributes.weight };
    return fail(
      state,
      expression.span,
      "not-constant",
      `\`${expression.name}\` is computed by the net, but a \`param\` can use only weights`,
      { help: ["omit `param` to compute it in the net"] },
    );
  }
  const literal = literalOf(expression);
  if (literal && literal.shape.length > 0) {
    const id = literalWeight(state, path, type?.dtype ?? "f32", literal, expression.span);
    return id === undefined ? none : { kind: "weight", id };
  }
  if (expression.kind === "unary" && expression.operator === "-") {
    const value = formula(state, scope, path, expression.operand, undefined);
    if (value.kind === "weight")
      return applyOp(state, path, "neg", [value], [expression.operand.span], {}, expression.span);
    return value.kind === "number"
      ? { kind: "number", value: -value.value }
      : toNone(state, value, expression.span);
  }
  if (expression.kind === "list")
    return fail(
      state,
      expression.span,
      "not-a-literal",
      "this is not a nested list of numbers of equal lengths",
    );
  const value = evaluate(state, scope, path, expression);
  return value.kind === "tensor" ? none : value;
}

function toNone(state: Elaboration, value: Formula, span: Span): Formula {
  return value.kind === "none"
    ? none
    : fail(state, span, "wrong-operand", "this is neither a number nor a weight");
}

function callFormula(
  state: Elaboration,
  scope: Scope,
  path: string,
  call: CallExpression,
  type: TensorType | undefined,
  piped?: { readonly value: Formula; readonly span: Span },
): Formula {
  const name = call.callee.text;
  if (name === "weight") {
    const key = stringArgument(state, scope, call, "the key of a tensor in the weight file");
    const id = key === undefined ? undefined : fileEntry(state, key, undefined, call.span);
    return id === undefined ? none : { kind: "weight", id };
  }
  if (name === "stored") {
    const id = stringArgument(state, scope, call, "the id of a weight of this compilation");
    if (id === undefined || state.store.entries.has(id))
      return id === undefined ? none : { kind: "weight", id };
    return fail(state, call.span, "missing-weight", `this compilation has no weight ${JSON.stringify(id)}`, {
      help: ["a dump with `stored` values needs the weight store of the graph that was dumped"],
    });
  }
  if (name === "absent" || generators.includes(name)) return generated(state, scope, path, call, type);
  if (isOp(name) && name !== "input" && name !== "constant") {
    const operands = piped ? [piped] : [];
    const named: Given[] = [];
    for (const argument of call.arguments) {
      if (argument.kind === "positional")
        operands.push({ value: formula(state, scope, path, argument.value, undefined), span: argument.span });
      else if (argument.kind === "named")
        named.push({
          name: argument.name,
          value: evaluate(state, scope, path, argument.value),
          span: argument.span,
        });
    }
    if (operands.some(({ value }) => value.kind === "none")) return none;
    const sorted = sortArguments(state, name, named, call.span);
    if (!sorted) return none;
    const values = operands.map(({ value }) => value);
    const spans = operands.map(({ span }) => span);
    return applyOp(state, path, name, values, spans, sorted.attributes, call.span);
  }
  return fail(state, call.callee.span, "unknown-name", `\`${name}\` cannot be the value of a \`param\``, {
    ...meantOr(
      meant(name, ["weight", ...generators], call.callee.span),
      'parameters come from weight("key"), he_normal(), zeros(), ones(), a literal, or a formula over these',
    ),
  });
}

/** The entry for an op over entries. */
function applyOp(
  state: Elaboration,
  path: string,
  name: OpName,
  operands: readonly Formula[],
  spans: readonly Span[],
  attributes: Readonly<Record<string, AttributeValue>>,
  span: Span,
): Formula {
  const inputs: WeightId[] = [];
  for (const [at, value] of operands.entries()) {
    const id = toWeight(state, path, value, spans[at] ?? span);
    if (id === undefined) return none;
    inputs.push(id);
  }
  const known = inputs.map((id) => state.store.entries.get(id)?.type).filter((type) => type !== undefined);
  const normal = normalizeAttributes(name, known, attributes);
  const type = isProblem(normal) ? normal : inferType(name, known, normal);
  if (isProblem(normal) || isProblem(type)) {
    const {
      problem,
      operand: at,
      help,
    } = isProblem(normal) ? normal : (type as { problem: string; operand?: number; help?: string });
    return fail(
      state,
      spans[at ?? -1] ?? span,
      "shape-mismatch",
      `${name}: ${problem}`,
      help ? { help: [help] } : {},
    );
  }
  const op = opOf(name);
  const source = {
    kind: "expression",
    op: name,
    attributes: pick(normal, Object.keys(op.attributes)),
    inputs,
  } as const;
  return { kind: "weight", id: state.store.add(path, type, source) };
}

function pick(
  values: Readonly<Record<string, AttributeValue>>,
  keys: readonly string[],
): Readonly<Record<string, AttributeValue>> {
  return Object.fromEntries(keys.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]])));
}

/** The entry for the value of a formula; a number becomes a scalar. Undefined after an error. */
function toWeight(
  state: Elaboration,
  path: string,
  value: Formula,
  span: Span,
  dtype: DType = "f32",
): WeightId | undefined {
  if (value.kind === "weight") return value.id;
  if (value.kind === "number")
    return literalWeight(state, path, dtype, { shape: [], data: [value.value] }, span);
  if (value.kind !== "none") fail(state, span, "wrong-operand", "this is neither a number nor a weight");
  return undefined;
}

/** The entry of a literal. Integers must be those of their type, and exact in f32; undefined after an error. */
function literalWeight(
  state: Elaboration,
  path: string,
  dtype: DType,
  { shape, data }: { readonly shape: readonly number[]; readonly data: readonly number[] },
  span: Span,
): WeightId | undefined {
  const values = Float32Array.from(data);
  const odd = isInteger(dtype)
    ? data.find((value, at) => !isOf(dtype, value) || values[at] !== value)
    : undefined;
  if (odd === undefined) return state.store.add(path, { dtype, shape }, { kind: "literal", data: values });
  fail(state, span, "not-a-literal", `${odd} cannot be an element of type ${dtype}`, {
    help: ["an integer of a literal is a whole number in the range of its type, and exact in f32"],
  });
  return undefined;
}

/** `he_normal(seed=1, fan_in=27)`, `zeros()`; inside a formula, where the shape is not declared, with `shape=[…]`. */
function generated(
  state: Elaboration,
  scope: Scope,
  path: string,
  call: CallExpression,
  declared: TensorType | undefined,
): Formula {
  const generator = call.callee.text;
  const takes = generator === "absent" ? ["shape"] : ["seed", "fan_in", "shape"];
  const values = new Map<string, number>();
  let type = declared;
  const failures = state.failures;
  for (const argument of call.arguments) {
    const key = argument.kind === "named" ? argument.name.text : "";
    const value = argument.kind === "rest" ? none : evaluate(state, scope, path, argument.value);
    if (value.kind === "none" && argument.kind !== "rest") continue;
    if (
      key === "shape" &&
      value.kind === "list" &&
      value.value.every((extent) => Number.isInteger(extent) && extent > 0)
    )
      type = { dtype: "f32", shape: value.value };
    else if (
      takes.includes(key) &&
      key !== "shape" &&
      value.kind === "number" &&
      Number.isSafeInteger(value.value) &&
      value.value >= 0
    )
      values.set(key, value.value);
    else
      fail(
        state,
        argument.span,
        "wrong-argument",
        `\`${generator}\` takes ${takes.map((one) => `${one}=…`).join(", ")}`,
        {
          help: ["seed and fan_in are whole numbers, shape is a list"],
        },
      );
  }
  if (state.failures > failures) return none;
  if (!type) {
    return fail(
      state,
      call.span,
      "unknown-shape",
      "the shape of these values is not known inside a formula",
      {
        help: ["give it: `shape=[3, 3, 1, 8]`"],
      },
    );
  }
  if (isInteger(type.dtype) && !["absent", "zeros", "ones"].includes(generator))
    return fail(
      state,
      call.span,
      "wrong-argument",
      `\`${generator}\` makes no integers, but the type is ${type.dtype}`,
      {
        help: ["use `zeros()` or `ones()`, or quantize f32 values"],
      },
    );
  if (generator === "absent") return { kind: "weight", id: state.store.add(path, type, { kind: "absent" }) };
  const seed = values.get("seed") ?? seedOf(path);
  const fanIn = values.get("fan_in") ?? fanInOf(type);
  return { kind: "weight", id: state.store.add(path, type, { kind: "seeded", generator, seed, fanIn }) };
}

/** The string argument of a call; undefined after an error. */
function stringArgument(
  state: Elaboration,
  scope: Scope,
  call: CallExpression,
  what: string,
): string | undefined {
  const [argument] = call.arguments;
  if (call.arguments.length === 1 && argument?.kind === "positional") {
    const value = evaluate(state, scope, scope.path, argument.value);
    if (value.kind === "string") return value.value;
    if (value.kind === "none") return undefined;
  }
  fail(state, call.span, "wrong-argument", `\`${call.callee.text}\` takes one string, ${what}`, {
    help: [`such as ${call.callee.text}("features.0.weight")`],
  });
  return undefined;
}
