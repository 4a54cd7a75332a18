// Compiles terms of a rule's right side, of `where` and of `when`: each is a tensor to build or a value to compute.

import type { Argument, BinaryExpression, CallExpression, Expression } from "#grammar/ast.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Literal } from "#ops/attributes.js";
import { isOp, isOpClass, opOf } from "#ops/index.js";
import { evalScalar } from "#ops/scalar-eval.js";
import { operand as scalarOperand } from "#ops/scalar.js";
import { binaryValue, tensorOps } from "./arithmetic.js";
import type { Builder, Ref } from "./build.js";
import type { RuleFunction, ValueType } from "./functions.js";
import { ruleFunctions } from "./functions.js";
import type { Attributes, Compute, Construct, Match } from "./rule.js";
import type { Scope, Variable } from "./scope.js";
import { calleeNames, callOf, fail, isLiteralName } from "./scope.js";

export type Term =
  | {
      readonly kind: "value";
      readonly type: ValueType;
      readonly compute: Compute;
      /** It depends on no variable, so that it can be computed at once. */
      readonly closed: boolean;
    }
  | {
      readonly kind: "tensor";
      readonly construct: Construct;
      /** The variable of the left side that it is, for functions that ask about what is there. */
      readonly variable?: string;
    };

type ValueTerm = Extract<Term, { kind: "value" }>;

/** Compiles a term; undefined after an error. */
export function compileTerm(scope: Scope, expression: Expression): Term | undefined {
  switch (expression.kind) {
    case "number":
      return literal("number", expression.value);
    case "size":
      return literal("list", expression.values);
    case "string":
      return literal("text", expression.value);
    case "name":
      return compileName(scope, expression);
    case "list":
      return compileList(scope, expression.items);
    case "call":
    case "pipe":
      return compileCall(scope, callOf(expression));
    case "binary":
      return compileBinary(scope, expression);
    case "unary": {
      const operand = compileTerm(scope, expression.operand);
      if (!operand) return undefined;
      if (expression.operator === "not")
        return valueOf(scope, operand, "boolean", expression.operand, ([x]) =>
          typeof x === "boolean" ? !x : undefined,
        );
      if (operand.kind === "tensor") return tensorOp("neg", [operand]);
      return valueOf(scope, operand, "number", expression.operand, ([x]) =>
        typeof x === "number" ? -x : undefined,
      );
    }
    default:
      return expression satisfies never;
  }
}

/** A term that must be a tensor: numbers become scalar constants. */
export function compileTensor(scope: Scope, expression: Expression): Construct | undefined {
  const term = compileTerm(scope, expression);
  if (!term || term.kind === "tensor") return term?.construct;
  return asTensor(scope, term, expression)?.construct;
}

/** A literal of the language for an attribute's value, as kinds of attributes read it. */
export function parseAttribute(op: OpName, key: string, value: AttributeValue): AttributeValue | undefined {
  const kind = opOf(op).attributes[key] ?? opOf(op).layer?.attributes[key];
  // Derived attributes of no layer form (there is none today) would have no kind; they are taken as they are.
  if (!kind) return value;
  const literals: Literal[] =
    typeof value === "number"
      ? [{ kind: "number", value }]
      : typeof value === "object"
        ? [{ kind: "list", value, size: false }]
        : [
            { kind: "name", value: String(value) },
            { kind: "string", value: String(value) },
          ];
  for (const one of literals) {
    const parsed = kind.parse(one);
    if (parsed !== undefined) return parsed;
  }
  return undefined;
}

function literal(type: ValueType, value: AttributeValue): ValueTerm {
  return { kind: "value", type, compute: () => value, closed: true };
}

function compileName(scope: Scope, expression: Expression & { kind: "name" }): Term | undefined {
  const { name, span } = expression;
  const where = scope.where.get(name);
  if (where) return where;
  const variable = scope.variables.get(name);
  if (variable) return variableTerm(scope, name, variable, expression);
  if (name === "inf") return literal("number", Number.POSITIVE_INFINITY);
  if (isLiteralName(expression)) {
    return name === "true" || name === "false" ? literal("boolean", name === "true") : literal("text", name);
  }
  const known = [...scope.variables.keys(), ...scope.where.keys()];
  return fail(
    scope,
    span,
    "unbound-variable",
    `\`${name}\` is bound neither on the left side nor in \`where\``,
    didYouMean(name, known),
  );
}

function variableTerm(
  scope: Scope,
  name: string,
  variable: Variable,
  { span }: Expression,
): Term | undefined {
  switch (variable.kind) {
    case "attribute":
      return {
        kind: "value",
        type: variable.type,
        compute: (match) => match.values.get(name),
        closed: false,
      };
    case "tensor":
    case "op":
      if (variable.kind === "op") scope.kept.add(name);
      return {
        kind: "tensor",
        variable: name,
        construct: (match, builder) => {
          const id = match.nodes.get(name);
          return id === undefined ? undefined : builder.existing(id);
        },
      };
    case "rest":
      return fail(scope, span, "wrong-type", `\`${name}\` is the rest of an op's attributes`, [
        `pass it on with \`..${name}\``,
      ]);
    default:
      return variable satisfies never;
  }
}

function compileList(scope: Scope, items: readonly Expression[]): Term | undefined {
  const terms = items.map((item) => {
    const term = compileTerm(scope, item);
    if (!term) return undefined;
    return expectValue(scope, term, "number", item);
  });
  const values = terms.filter((term) => term !== undefined);
  if (values.length < terms.length) return undefined;
  return {
    kind: "value",
    type: "list",
    closed: values.every((term) => term.closed),
    compute: (match) => {
      const numbers = values.map((term) => term.compute(match)).filter((value) => typeof value === "number");
      return numbers.length === values.length ? numbers : undefined;
    },
  };
}

function compileBinary(scope: Scope, expression: BinaryExpression): Term | undefined {
  const { operator, left, right, span } = expression;
  const a = compileTerm(scope, left);
  const b = compileTerm(scope, right);
  if (!a || !b) return undefined;
  if (a.kind === "value" && b.kind === "value") {
    const logical = operator === "and" || operator === "or";
    if (logical && !(expectValue(scope, a, "boolean", left) && expectValue(scope, b, "boolean", right)))
      return undefined;
    const arithmetic = ["+", "-", "*", "/", "%"].includes(operator);
    const type = !arithmetic
      ? "boolean"
      : a.type === "list" || b.type === "list"
        ? "list"
        : a.type === "any" || b.type === "any"
          ? "any"
          : "number";
    if (arithmetic) {
      for (const [term, side] of [
        [a, left],
        [b, right],
      ] as const) {
        if (term.type === "boolean" || term.type === "text")
          return fail(
            scope,
            side.span,
            "wrong-type",
            `\`${operator}\` takes numbers and lists of them, not ${described[term.type]}`,
          );
      }
    }
    return {
      kind: "value",
      type,
      closed: a.closed && b.closed,
      compute: (match) => {
        const x = a.compute(match);
        // `and` and `or` look at the right side only where they must: it may have no value otherwise.
        if (logical && x === (operator === "or")) return x;
        const y = b.compute(match);
        return x === undefined || y === undefined ? undefined : binaryValue(operator, x, y);
      },
    };
  }
  const op = tensorOps[operator];
  if (!op) {
    return fail(
      scope,
      span,
      "wrong-type",
      `\`${operator}\` compares values that are known before the net runs, not tensors`,
      ["for constants there are `value(c)`, `least(c)` and `greatest(c)`"],
    );
  }
  const x = asTensor(scope, a, left);
  const y = asTensor(scope, b, right);
  return x && y && tensorOp(op, [x, y]);
}

function compileCall(scope: Scope, call: CallExpression): Term | undefined {
  const { text, span } = call.callee;
  if (call.binder)
    return fail(scope, call.binder.span, "misplaced-binder", "an op is bound on the left side only");
  const bound = scope.variables.get(text);
  if (bound?.kind === "op") return compileOp(scope, call, bound.ops, text);
  const fn = Object.hasOwn(ruleFunctions, text) ? ruleFunctions[text] : undefined;
  if (fn) return compileFunction(scope, call, fn);
  if (isOp(text) && text !== "input" && text !== "constant") return compileOp(scope, call, [text]);
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

function compileFunction(scope: Scope, call: CallExpression, fn: RuleFunction): Term | undefined {
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
    // Asking about a bound op's node does not put the node on the right side.
    const keptBefore = new Set(scope.kept);
    const term = compileTerm(scope, argument.value);
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

/** A call of an op: `ops` are the candidates, the op itself or those that `binder` may have been. */
function compileOp(
  scope: Scope,
  call: CallExpression,
  ops: readonly OpName[],
  binder?: string,
): Term | undefined {
  const { callee, span } = call;
  const positional = call.arguments.filter((argument) => argument.kind === "positional");
  const operands = positional.map((argument) => ({ argument, term: compileTerm(scope, argument.value) }));
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
  const attributes = compileAttributes(scope, call.arguments, ops, callee.text, span);
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

type ComputeAttributes = (match: Match, op: OpName) => Attributes | undefined;

function compileAttributes(
  scope: Scope,
  args: readonly Argument[],
  ops: readonly OpName[],
  callee: string,
  span: Expression["span"],
): ComputeAttributes | undefined {
  const before = scope.diagnostics.length;
  const rests: string[] = [];
  const named: { readonly key: string; readonly term: ValueTerm }[] = [];
  const restKeys = new Set<string>();
  for (const argument of args) {
    if (argument.kind === "positional") continue;
    const key = argument.name.text;
    if (argument.kind === "rest") {
      const variable = scope.variables.get(key);
      if (variable?.kind !== "rest") {
        const known = [...scope.variables].filter(([, one]) => one.kind === "rest").map(([name]) => name);
        fail(
          scope,
          argument.span,
          "unbound-variable",
          `no op of the left side leaves its attributes to \`..${key}\``,
          didYouMean(key, known),
        );
        continue;
      }
      const unknown = [...variable.keys].filter(
        (one) => !ops.some((op) => Object.hasOwn(opOf(op).attributes, one)),
      );
      if (unknown.length > 0)
        fail(
          scope,
          argument.span,
          "unknown-attribute",
          `\`..${key}\` holds ${unknown.map((one) => `\`${one}\``).join(", ")}, which \`${callee}\` does not have`,
        );
      for (const one of variable.keys) restKeys.add(one);
      rests.push(key);
      continue;
    }
    if (!ops.some((op) => Object.hasOwn(opOf(op).attributes, key))) {
      const derived = ops.some((op) => Object.hasOwn(opOf(op).derived ?? {}, key));
      if (derived)
        fail(
          scope,
          argument.name.span,
          "unknown-attribute",
          `\`${key}\` follows from the operands of \`${callee}\`, so it cannot be given`,
        );
      else
        fail(
          scope,
          argument.name.span,
          "unknown-attribute",
          `\`${callee}\` has no attribute \`${key}\``,
          didYouMean(
            key,
            ops.flatMap((op) => Object.keys(opOf(op).attributes)),
          ),
        );
      continue;
    }
    if (named.some((one) => one.key === key)) {
      fail(scope, argument.name.span, "repeated-argument", `\`${key}\` is given twice`);
      continue;
    }
    const term = compileTerm(scope, argument.value);
    if (term?.kind === "tensor")
      fail(scope, argument.value.span, "wrong-type", `attribute \`${key}\` must be a value, not a tensor`);
    else if (term) {
      const value = term.closed ? term.compute(noMatch) : undefined;
      const op = ops.find((one) => Object.hasOwn(opOf(one).attributes, key));
      if (op && value !== undefined && parseAttribute(op, key, value) === undefined)
        fail(
          scope,
          argument.value.span,
          "wrong-attribute",
          `\`${key}\` of \`${callee}\` must be ${opOf(op).attributes[key]?.expects}`,
        );
      named.push({ key, term });
    }
  }
  for (const op of ops.length === 1 ? ops : []) {
    for (const [key, kind] of Object.entries(opOf(op).attributes)) {
      if (kind.default === undefined && !restKeys.has(key) && !named.some((one) => one.key === key))
        fail(scope, span, "missing-attribute", `\`${op}\` needs \`${key}\`: ${kind.expects}`);
    }
  }
  if (scope.diagnostics.length > before) return undefined;
  return (match, op) => {
    const attributes: Record<string, AttributeValue> = {};
    for (const rest of rests) Object.assign(attributes, match.rests.get(rest));
    for (const { key, term } of named) {
      const value = term.compute(match);
      const parsed = value === undefined ? undefined : parseAttribute(op, key, value);
      if (parsed === undefined) return undefined;
      attributes[key] = parsed;
    }
    return attributes;
  };
}

/** Closed terms look at no match. */
const noMatch = undefined as unknown as Match;

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

/** An elementwise op over numbers is a number: `max(a, b)`. */
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

function tensorOp(op: OpName, operands: readonly { readonly construct: Construct }[]): Term {
  return {
    kind: "tensor",
    construct: (match, builder: Builder) => {
      const refs = operands.map((operand) => operand.construct(match, builder));
      const known = refs.filter((ref): ref is Ref => ref !== undefined);
      return known.length === refs.length ? builder.op(op, known, {}) : undefined;
    },
  };
}

function asTensor(
  scope: Scope,
  term: Term,
  { span }: Expression,
): Extract<Term, { kind: "tensor" }> | undefined {
  if (term.kind === "tensor") return term;
  if (term.type !== "number" && term.type !== "any")
    return fail(scope, span, "wrong-type", `an operand is a tensor or a number, not ${described[term.type]}`);
  return {
    kind: "tensor",
    construct: (match, builder) => {
      const value = term.compute(match);
      return typeof value === "number" ? builder.number(value) : undefined;
    },
  };
}

const described: Readonly<Record<ValueType, string>> = {
  number: "a number",
  boolean: "true or false",
  list: "a list",
  text: "a name",
  any: "a value",
};

function expectValue(scope: Scope, term: Term, type: ValueType, { span }: Expression): ValueTerm | undefined {
  if (term.kind === "tensor")
    return fail(scope, span, "wrong-type", `expected ${described[type]}, but this is a tensor`, [
      "for constants there are `value(c)`, `least(c)` and `greatest(c)`",
    ]);
  if (type === "any" || term.type === "any" || term.type === type) return term;
  return fail(scope, span, "wrong-type", `expected ${described[type]}, but this is ${described[term.type]}`);
}

function valueOf(
  scope: Scope,
  term: Term,
  type: ValueType,
  expression: Expression,
  compute: (values: readonly AttributeValue[]) => AttributeValue | undefined,
): Term | undefined {
  const value = expectValue(scope, term, type, expression);
  if (!value) return undefined;
  return {
    ...value,
    type,
    compute: (match) => {
      const x = value.compute(match);
      return x === undefined ? undefined : compute([x]);
    },
  };
}
