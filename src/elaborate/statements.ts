// Runs statements: the bodies of nets and blocks.

import type {
  ConstItem,
  Expression,
  InputStatement,
  Name,
  OutputStatement,
  RepeatStatement,
  Statement,
} from "#grammar/ast.js";
import { numberText } from "#ir/units.js";
import { makeNode } from "#ops/index.js";
import { reserved } from "./check-items.js";
import { inputType } from "./dimensions.js";
import { evaluate, lookUp } from "./expressions.js";
import { isReserved } from "./literals.js";
import { readPlan } from "./kernel-plan.js";
import { readLabels, readPreprocess } from "./pictures.js";
import { runParam } from "./param.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { addNode, describe, fail, repeatLimit, step, takePath } from "./elaboration.js";
import type { ExpressionValue } from "./expression-value.js";
import { none } from "./expression-value.js";

/** Runs statements in a scope; returns the value of `return`, if one is reached. */
export function runStatements(
  state: Elaboration,
  scope: Scope,
  statements: readonly Statement[],
): ExpressionValue | undefined {
  let result: ExpressionValue | undefined;
  for (const statement of statements) {
    if (!step(state, statement.span)) return none;
    if (statement.kind === "return") result = evaluate(state, scope, scope.path, statement.value);
    else runStatement(state, scope, statement);
  }
  return result;
}

function runStatement(
  state: Elaboration,
  scope: Scope,
  statement: Exclude<Statement, { kind: "return" }>,
): void {
  switch (statement.kind) {
    case "weights":
      return; // read before the body, since every layer needs them
    case "input":
      return runInput(state, scope, statement);
    case "param":
      return bind(state, scope, statement.name, runParam(state, scope, statement));
    case "const":
      return evaluateConst(state, scope, statement);
    case "bind":
      return bind(state, scope, statement.name, bound(state, scope, statement.name.text, statement.value));
    case "repeat":
      return runRepeat(state, scope, statement);
    case "kernel":
      return runKernel(state, scope, statement);
    case "output":
      return runOutputs(state, scope, statement);
    default:
      return statement satisfies never;
  }
}

/** Evaluates a const into a scope, or without one into the consts of the file; `--dim` overrides consts outside blocks. */
export function evaluateConst(state: Elaboration, scope: Scope | undefined, item: ConstItem): void {
  const { name } = item;
  const overridden = scope === undefined || scope.blocks.length === 0 ? state.dims.get(name.text) : undefined;
  if (overridden !== undefined) state.usedDims.add(name.text);
  const inner: Scope = scope ?? { names: new Map(), path: "", blocks: ["the file"] };
  let value: ExpressionValue =
    overridden === undefined
      ? evaluate(state, inner, inner.path, item.value)
      : { kind: "number", value: overridden };
  if (value.kind === "tensor") {
    value = fail(
      state,
      item.value.span,
      "not-constant",
      "a `const` is a number, a size or a list, not a tensor",
      scope ? { help: ["omit `const` to bind a tensor"] } : {},
    );
  }
  if (scope) return bind(state, scope, name, value);
  if (isReserved(name)) reportReserved(state, name);
  state.constants.set(name.text, { value, span: name.span });
}

/** Evaluates the right side of a binding. The path of the binding is the name of the result, and the prefix of the names of other new nodes. */
function bound(state: Elaboration, scope: Scope, name: string, value: Expression): ExpressionValue {
  const path = takePath(state, `${scope.path}${name}`);
  const first = state.nodes.size;
  const result = evaluate(state, scope, `${path}.`, value);
  // A node that this binding made gets its name; an existing node keeps its own.
  const node = result.kind === "tensor" && result.node >= first ? state.nodes.get(result.node) : undefined;
  if (node) state.nodes.set(node.id, makeNode({ ...node, name: path }));
  return result;
}

function bind(state: Elaboration, scope: Scope, name: Name, value: ExpressionValue): void {
  if (isReserved(name)) reportReserved(state, name);
  scope.names.set(name.text, { value, span: name.span });
}

function reportReserved(state: Elaboration, name: Name): void {
  const { code, message, help = [] } = reserved(name);
  fail(state, name.span, code, message, { help });
}

function runInput(state: Elaboration, scope: Scope, statement: InputStatement): void {
  const { name } = statement;
  const type = inputType(state, scope, statement.type);
  const first = state.inputs.get(name.text);
  if (first !== undefined) {
    const others = [{ span: state.places.get(first) ?? name.span, message: "first here" }];
    fail(state, name.span, "repeated-input", `there are two inputs \`${name.text}\``, { others });
    return;
  }
  if (!type) return bind(state, scope, name, none);
  // The caller of the module uses the name of an input, so it does not get a suffix; in practice inputs come first.
  state.paths.set(name.text, (state.paths.get(name.text) ?? 0) + 1);
  const value = addNode(state, {
    op: "input",
    name: name.text,
    inputs: [],
    attributes: {},
    type: type.type,
    span: statement.span,
  });
  state.inputs.set(name.text, value.node);
  if (statement.preprocess) readPreprocess(state, scope, name.text, statement.preprocess);
  if (type.open) state.batched.add(value.node);
  bind(state, scope, name, value);
}

/** Evaluates all values before any name is bound, so that `output a = b, b = a` swaps them. */
function runOutputs(state: Elaboration, scope: Scope, statement: OutputStatement): void {
  const values = statement.outputs.map(({ name, value }) =>
    value ? bound(state, scope, name.text, value) : lookUp(state, scope, name.text, true, name.span),
  );
  for (const [at, { name, labels, value: expression }] of statement.outputs.entries()) {
    const value = values[at] ?? none;
    if (expression) bind(state, scope, name, value);
    if (value.kind === "none") continue;
    const other = state.outputs.get(name.text);
    if (value.kind !== "tensor") {
      fail(state, name.span, "not-a-tensor", `an output must be a tensor, not ${describe(state, value)}`);
    } else if (other) {
      fail(state, name.span, "repeated-output", `there are two outputs \`${name.text}\``, {
        others: [{ span: other.span, message: "first here" }],
      });
    } else {
      state.outputs.set(name.text, { node: value.node, span: name.span });
      if (labels) readLabels(state, name.text, labels);
    }
  }
}

function runRepeat(state: Elaboration, scope: Scope, statement: RepeatStatement): void {
  const count = evaluate(state, scope, scope.path, statement.count);
  if (count.kind === "none") return;
  const times = count.kind === "number" ? count.value : Number.NaN;
  if (!Number.isInteger(times) || times < 0 || times > repeatLimit) {
    const most = numberText(repeatLimit);
    fail(
      state,
      statement.count.span,
      "wrong-count",
      `\`repeat\` needs a whole number from 0 to ${most}, not ${describe(state, count)}`,
    );
    return;
  }
  // An error in one copy occurs in the next copies too, except missing weights, which do not count here.
  const failures = state.failures;
  for (let index = 0; index < times && step(state, statement.span); index += 1) {
    if (statement.index) bind(state, scope, statement.index, { kind: "number", value: index });
    runStatements(state, scope, statement.body);
    if (state.failures > failures) return; // the next copies would report the same errors
  }
}

function runKernel(
  state: Elaboration,
  scope: Scope,
  statement: Extract<Statement, { kind: "kernel" }>,
): void {
  const { name, plan, body } = statement;
  if (state.kernels.has(name.text))
    fail(state, name.span, "repeated-name", `there are two kernels \`${name.text}\``);
  const planned = readPlan(state, scope, plan);
  if (planned) state.kernels.set(name.text, planned);
  state.kernel = name.text;
  runStatements(state, scope, body);
  state.kernel = undefined;
}
