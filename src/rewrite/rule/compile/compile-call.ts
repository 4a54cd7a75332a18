// Compiles calls in terms of rules: of functions, and of ops with their operands.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { CallExpression } from "#grammar/ast.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { isOp, isOpClass, opOf } from "#ops/index.js";
import { evalScalar } from "#ops/scalar-eval.js";
import { operand as scalarOperand } from "#ops/scalar.js";
import { compileAttributes } from "./compile-attributes.js";
import type { RuleFunction } from "./functions.js";
import { ruleFunctions } from "./functions.js";
import type { Match } from "../rule.js";
import type { Scope } from "./scope.js";
import { fail } from "./fail.js";
import { calleeNames } from "./scope.js";
import type { CompileTerm } from "./scope.js";
import type { Term, ValueTerm } from "./term.js";
import { asTensor, expectValue } from "./term.js";

export function compileCall(scope: Scope, call: CallExpression, compile: CompileTerm): Term | undefined {
  const { text, span } = call.callee;
  if (call.binder)
    return fail(scope, call.binder.span, "misplaced-binder", "an op is bound on the left side only");
  const bound = scope.variables.get(text);
  if (bound?.kind === "op") return compileOp(scope, call, compile, bound.ops, text);
  const fn = ownEntry(ruleFunctions, text);
  if (fn) return compileFunction(scope, call, compile, fn);
  if (isOp(text) && text !== "input" && text !== "constant") return compileOp(scope, call, compile, [text]);
  if (isOpClass(text)) {
    return fail(
      scope,
      span,
      "unbound-op",
      `\`${text}\` is an op class: bind the op on the left side and use its name`,
      [`such as \`c: ${text}(x, …)\` on the left and \`c(x, …)\` here`],
    );
  }
  return fail(
    scope,
    span,
    "unknown-op",
    `there is no op or function \`${text}\``,
    didYouMean(text, [...calleeNames(), ...Object.keys(ruleFunctions)]),
  );
}

function compileFunction(
  scope: Scope,
  call: CallExpression,
  compile: CompileTerm,
  fn: RuleFunction,
): Term | undefined {
  const { text, span } = call.callee;
  const wanted = fn.parameters.length;
  const given = call.arguments.length;
  if (given < wanted || (given > wanted && !fn.variadic)) {
    return fail(
      scope,
      span,
      "wrong-operand-count",
      `\`${text}\` takes ${wanted === 1 ? "one argument" : `${wanted} arguments`}, not ${given}`,
      [`it gives ${fn.doc}`],
    );
  }
  const tensors: string[] = [];
  const values: ValueTerm[] = [];
  for (const [at, argument] of call.arguments.entries()) {
    if (argument.kind !== "positional")
      return fail(scope, argument.span, "wrong-type", `\`${text}\` takes no named arguments`);
    // A question about the node of a bound op does not use the node on the right side.
    const keptBefore = new Set(scope.kept);
    const term = compile(scope, argument.value);
    if (!term) return undefined;
    const type = fn.parameters[Math.min(at, wanted - 1)] ?? "any";
    if (type === "tensor") {
      if (term.kind !== "tensor" || term.variable === undefined)
        return fail(
          scope,
          argument.span,
          "wrong-type",
          `\`${text}\` takes a variable of the left side that stands for a tensor`,
        );
      if (!keptBefore.has(term.variable)) scope.kept.delete(term.variable);
      tensors.push(term.variable);
    } else {
      const value = expectValue(scope, term, type, argument.value);
      if (!value) return undefined;
      values.push(value);
    }
  }
  if (text === "constant") for (const name of tensors) scope.constants.add(name);
  return {
    kind: "value",
    type: fn.result,
    closed: tensors.length === 0 && values.every((term) => term.closed),
    compute: (match) => {
      const nodes = tensors.map((name) => nodeOf(match.module.graph, match.nodes.get(name) ?? -1));
      const known = values.map((term) => term.compute(match)).filter((value) => value !== undefined);
      return known.length === values.length ? fn.evaluate(match.module, nodes, known) : undefined;
    },
  };
}

function compileOp(
  scope: Scope,
  call: CallExpression,
  compile: CompileTerm,
  ops: readonly OpName[],
  binder?: string,
): Term | undefined {
  const { callee, span } = call;
  const positional = call.arguments.filter((argument) => argument.kind === "positional");
  const operands = positional.map((argument) => ({ argument, term: compile(scope, argument.value) }));
  if (operands.some(({ term }) => !term)) return undefined;

  const first = ops[0];
  const values = operands.map(({ term }) => term).filter((term) => term?.kind === "value");
  if (
    first &&
    !binder &&
    values.length === operands.length &&
    values.length === call.arguments.length &&
    values.length > 0
  ) {
    const folded = foldNumbers(first, values);
    if (folded) return folded;
  }
  if (!ops.some((op) => takes(op, operands.length))) {
    return fail(
      scope,
      span,
      "wrong-operand-count",
      `\`${callee.text}\` does not take ${operands.length === 1 ? "one operand" : `${operands.length} operands`}`,
      describeOperands(ops),
    );
  }
  const tensors = operands.map(({ argument, term }) => term && asTensor(scope, term, argument.value));
  const constructs = tensors.filter((term) => term !== undefined);
  const attributes = compileAttributes(scope, compile, call.arguments, ops, callee.text, span);
  if (!attributes || constructs.length < tensors.length) return undefined;
  return {
    kind: "tensor",
    construct: (match, builder) => {
      const op = binder === undefined ? first : opOfBinder(match, binder);
      const refs = constructs
        .map((term) => term.construct(match, builder))
        .filter((ref) => ref !== undefined);
      const values = op && attributes(match, op);
      return op && values && refs.length === constructs.length ? builder.op(op, refs, values) : undefined;
    },
  };
}

function opOfBinder(match: Match, binder: string): OpName | undefined {
  const id = match.nodes.get(binder);
  return id === undefined ? undefined : nodeOf(match.module.graph, id).op;
}

function takes(name: OpName, count: number): boolean {
  const { operands } = opOf(name);
  const least = operands.filter((operand) => !operand.optional && !operand.variadic).length;
  return count >= least && (count <= operands.length || operands.at(-1)?.variadic === true);
}

function describeOperands(ops: readonly OpName[]): string[] {
  return ops.slice(0, 3).map(
    (op) =>
      `\`${op}\` takes ${opOf(op)
        .operands.map((operand) => operand.name + (operand.optional ? " (may be left out)" : ""))
        .join(", ")}`,
  );
}

function foldNumbers(name: OpName, terms: readonly ValueTerm[]): ValueTerm | undefined {
  const op = opOf(name);
  if (!op.scalar || Object.keys(op.attributes).length > 0 || op.operands.length !== terms.length)
    return undefined;
  const scalar = op.scalar(
    terms.map((_, index) => scalarOperand(index)),
    {},
  );
  return {
    kind: "value",
    type: "number",
    closed: terms.every((term) => term.closed),
    compute: (match) => {
      const numbers = terms.map((term) => term.compute(match)).filter((value) => typeof value === "number");
      return numbers.length === terms.length ? evalScalar(scalar, numbers) : undefined;
    },
  };
}
