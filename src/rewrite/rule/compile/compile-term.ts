// Compiles terms of a rule's right side, of `where` and of `when`. Each is a tensor to build or a value to compute.

import type { BinaryExpression, Expression } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import { meant } from "#diagnostic/suggest.js";
import type { AttributeValue } from "#ir/graph.js";
import { attributeAim, binaryAim, listAim } from "./aims.js";
import { binaryValue, tensorOps } from "./arithmetic.js";
import { compileCall } from "./compile-call.js";
import type { ValueType } from "./functions.js";
import type { Construct } from "../rule.js";
import type { Scope, Variable } from "./scope.js";
import { fail, failWith } from "./fail.js";
import { callOf, indexCall, isLiteralName, usable } from "./scope.js";
import type { Term, ValueTerm } from "./term.js";
import { asTensor, described, expectValue, tensorOp, valueOf } from "./term.js";

/** Compiles a term. An elementwise op over numbers is a number, as in `max(a, b)`. */
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
      return compileCall(scope, callOf(expression), compileTerm);
    case "index":
      return compileCall(scope, indexCall(expression), compileTerm);
    case "conditional":
      return fail(scope, expression.span, "wrong-type", "`if` is for nets and blocks, not for rules", [
        "write a rule for each case, with its condition after `when`",
      ]);
    case "binary":
      return compileBinary(scope, expression);
    case "unary": {
      const operand = compileTerm(scope, expression.operand);
      if (!operand) return undefined;
      if (expression.operator === "not")
        return valueOf(
          scope,
          operand,
          "boolean",
          expression.operand,
          ([x]) => (typeof x === "boolean" ? !x : undefined),
          (wanted) => (typeof wanted === "boolean" ? !wanted : undefined),
        );
      if (operand.kind === "tensor") return tensorOp("neg", [operand]);
      return valueOf(
        scope,
        operand,
        "number",
        expression.operand,
        ([x]) => (typeof x === "number" ? -x : undefined),
        (wanted) => (typeof wanted === "number" ? -wanted : undefined),
      );
    }
    default:
      return expression satisfies never;
  }
}

export function compileTensor(scope: Scope, expression: Expression): Construct | undefined {
  const term = compileTerm(scope, expression);
  if (!term || term.kind === "tensor") return term?.construct;
  return asTensor(scope, term, expression)?.construct;
}

function literal(type: ValueType, value: AttributeValue): ValueTerm {
  return { kind: "value", type, compute: () => value, closed: true };
}

function compileName(scope: Scope, expression: Expression & { kind: "name" }): Term | undefined {
  const { name, span } = expression;
  const where = scope.where.get(name);
  if (where) return where;
  const variable = usable(scope, name, span);
  if (variable === "error") return undefined;
  if (variable) return variableTerm(scope, name, variable, expression);
  if (name === "inf") return literal("number", Number.POSITIVE_INFINITY);
  if (isLiteralName(expression)) {
    return name === "true" || name === "false" ? literal("boolean", name === "true") : literal("text", name);
  }
  const known = [...scope.variables.keys(), ...scope.where.keys()];
  return failWith(
    scope,
    span,
    "unbound-variable",
    `\`${name}\` is bound neither on the left side nor in \`where\``,
    meant(name, known, span, printName),
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
        aim: attributeAim(name),
      };
    case "tensor":
    case "op": {
      if (variable.list && !scope.lists)
        return fail(scope, span, "wrong-type", `\`${name}\` stands for several values`, [
          `write \`${name}..\` among the operands of an op, or a term of it: \`relu(${name})..\``,
        ]);
      if (variable.list) scope.lists?.add(name);
      if (variable.kind === "op") scope.kept.add(name);
      return {
        kind: "tensor",
        construct: (match, builder, item = -1) => {
          const id = variable.list ? match.lists.get(name)?.[item] : match.nodes.get(name);
          return id === undefined ? undefined : builder.existing(id);
        },
      };
    }
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
    aim: listAim(values),
    compute: (match, item) => {
      const numbers = values
        .map((term) => term.compute(match, item))
        .filter((value) => typeof value === "number");
      return numbers.length === values.length ? numbers : undefined;
    },
  };
}

function compileBinary(scope: Scope, expression: BinaryExpression): Term | undefined {
  const { operator, left, right, span } = expression;
  if (operator === "|")
    return fail(scope, span, "wrong-type", "alternatives are for the left side and for `matches`");
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
      aim: binaryAim(operator, a, b),
      compute: (match, item) => {
        const x = a.compute(match, item);
        // `and` and `or` evaluate their right side only if they need it: it may have no value otherwise.
        if (logical && x === (operator === "or")) return x;
        const y = b.compute(match, item);
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
      ["use `value(c)`, `least(c)` or `greatest(c)` of a constant"],
    );
  }
  const x = asTensor(scope, a, left);
  const y = asTensor(scope, b, right);
  return x && y && tensorOp(op, [x, y]);
}
