// Runs statements: the bodies of nets and blocks.

import type {
  ConstItem,
  Expression,
  IfStatement,
  InputStatement,
  Name,
  OutputStatement,
  RepeatStatement,
  ReturnStatement,
  Statement,
  UnpackStatement,
} from "#grammar/ast.js";
import type { NodeId } from "#ir/graph.js";
import { numberText } from "#ir/units.js";
import { makeNode } from "#ops/index.js";
import { reserved } from "./check-items.js";
import { inputType } from "./dimensions.js";
import { boundNames } from "./bound-names.js";
import { single } from "./calls.js";
import { checkType, runAssert } from "./claims.js";
import { conditionOf, evaluate } from "./expressions.js";
import { isReserved } from "./literals.js";
import { lookUp } from "./names.js";
import { readPlan } from "./kernel-plan.js";
import { readLabels, readPreprocess } from "./pictures.js";
import { runParam } from "./param.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { addNode, describe, fail, repeatLimit, step, takePath } from "./elaboration.js";
import type { ExpressionValue, FileScope } from "./expression-value.js";
import { none } from "./expression-value.js";
import { bodiesOf } from "./returns.js";

/** Runs statements in a scope up to a `return`; returns its value, if one is reached. */
export function runStatements(
  state: Elaboration,
  scope: Scope,
  statements: readonly Statement[],
): ExpressionValue | undefined {
  for (const statement of statements) {
    if (!step(state, statement.span)) return none;
    if (statement.kind === "return") return returned(state, scope, statement);
    const first = state.nodes.size;
    if (statement.kind === "if") {
      const result = runIf(state, scope, statement);
      if (result) return result;
    } else runStatement(state, scope, statement);
    state.observer?.ran(state, scope, statement, first);
  }
  return undefined;
}

function returned(state: Elaboration, scope: Scope, { values }: ReturnStatement): ExpressionValue {
  const results = values.map((value) => {
    const result = evaluate(state, scope, scope.path, value);
    return values.length === 1 ? result : single(state, result, value.span);
  });
  const [first = none] = results;
  return results.length === 1 ? first : { kind: "results", values: results };
}

/** Runs the first body whose condition is true; returns the value of a `return` in it. */
function runIf(state: Elaboration, scope: Scope, statement: IfStatement): ExpressionValue | undefined {
  for (const { condition, body } of statement.branches) {
    const holds = conditionOf(state, scope, scope.path, condition);
    if (holds === undefined) {
      // The names that the bodies would bind are not reported as unknown later.
      for (const unknown of bodiesOf(statement).flatMap(boundNames)) bind(state, scope, unknown, none);
      return undefined;
    }
    if (holds) return runStatements(state, scope, body.statements);
  }
  return statement.otherwise && runStatements(state, scope, statement.otherwise.statements);
}

function runStatement(
  state: Elaboration,
  scope: Scope,
  statement: Exclude<Statement, { kind: "return" | "if" }>,
): void {
  switch (statement.kind) {
    case "weights":
      return; // read before the body, since every layer needs them
    case "input":
      return runInput(state, scope, statement);
    case "param":
      return bind(state, scope, statement.name, runParam(state, scope, statement));
    case "const":
      return bind(state, scope, statement.name, constValue(state, scope, statement, scope.isNet));
    case "bind": {
      const value = bound(state, scope, statement.name.text, statement.value);
      if (statement.type) checkType(state, scope, statement.name.text, statement.type, value);
      return bind(state, scope, statement.name, value);
    }
    case "unpack":
      return runUnpack(state, scope, statement);
    case "assert":
      return runAssert(state, scope, statement);
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

/** Evaluates a const of a file; with `mayOverride`, `--dim` overrides it. */
export function evaluateFileConst(
  state: Elaboration,
  file: FileScope,
  item: ConstItem,
  mayOverride: boolean,
): void {
  const scope: Scope = { names: new Map(), file, path: "", blocks: [], isNet: false };
  const value = constValue(state, scope, item, mayOverride);
  if (isReserved(item.name)) reportReserved(state, item.name);
  file.constants.set(item.name.text, { value, span: item.name.span });
}

/** The value of a const; with `mayOverride`, that of `--dim`. */
function constValue(
  state: Elaboration,
  scope: Scope,
  { name, value }: ConstItem,
  mayOverride: boolean,
): ExpressionValue {
  const overridden = mayOverride ? state.dims.get(name.text) : undefined;
  if (overridden !== undefined) {
    state.usedDims.add(name.text);
    return { kind: "number", value: overridden };
  }
  const known = single(state, evaluate(state, scope, scope.path, value), value.span);
  if (known.kind !== "tensor") return known;
  return fail(
    state,
    value.span,
    "not-constant",
    "a `const` is known at compile time, as a number, a list or a string is; this is a tensor",
    scope.isNet || scope.blocks.length > 0 ? { help: ["omit `const` to bind a tensor"] } : {},
  );
}

/** Evaluates the right side of a binding. The path of the binding is the name of the result, and the prefix of the names of other new nodes. */
function bound(state: Elaboration, scope: Scope, name: string, value: Expression): ExpressionValue {
  const path = takePath(state, `${scope.path}${name}`);
  const first = state.nodes.size;
  const result = single(state, evaluate(state, scope, `${path}.`, value), value.span);
  rename(state, result, first, path);
  return result;
}

/** Gives a node its path, if the binding made it (from the id `first` on); an existing node keeps its own. */
function rename(state: Elaboration, result: ExpressionValue, first: NodeId, path: string): void {
  const node = result.kind === "tensor" && result.node >= first ? state.nodes.get(result.node) : undefined;
  if (node) state.nodes.set(node.id, makeNode({ ...node, name: path }));
}

/** `a, b = f(x)`. Parameters in `f` have the path of the first name. */
function runUnpack(state: Elaboration, scope: Scope, { targets, value, span }: UnpackStatement): void {
  const paths = targets.map(({ name }) => takePath(state, `${scope.path}${name.text}`));
  const first = state.nodes.size;
  const results = evaluate(state, scope, `${paths[0] ?? ""}.`, value);
  const values = results.kind === "results" ? results.values : [];
  if (values.length !== targets.length && results.kind !== "none") {
    const given = results.kind === "results" ? `${values.length} results` : "one result";
    fail(state, span, "wrong-results", `${targets.length} names are bound, but the value has ${given}`, {
      help: ["a block with several results ends in `return a, b`"],
    });
  }
  const renamed = new Set<NodeId>();
  for (const [at, { name, type }] of targets.entries()) {
    const result = values.length === targets.length ? (values[at] ?? none) : none;
    // A block may return a value twice.
    if (result.kind === "tensor" && !renamed.has(result.node)) {
      rename(state, result, first, paths[at] ?? name.text);
      renamed.add(result.node);
    }
    if (type) checkType(state, scope, name.text, type, result);
    bind(state, scope, name, result);
  }
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
    if (value.kind === "none") {
      state.failedOutput = true;
      continue;
    }
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
