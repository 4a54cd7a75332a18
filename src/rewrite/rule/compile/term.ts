// The terms of rules: tensors to build and values to compute, and the conversions between them.

import type { Expression } from "#grammar/ast.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Ref } from "../replacement-builder.js";
import type { Aim, Wanted } from "../aim.js";
import type { ValueType } from "./functions.js";
import type { Compute, Construct } from "../rule.js";
import type { Problems } from "./fail.js";
import { fail } from "./fail.js";

export type Term =
  | {
      readonly kind: "value";
      readonly type: ValueType;
      readonly compute: Compute;
      /** Whether it depends on no variable, so that it can be computed immediately. */
      readonly closed: boolean;
      /** What would give it another value; absent if it is closed, or if that is not simple to say. */
      readonly aim?: Aim | undefined;
    }
  | {
      readonly kind: "tensor";
      readonly construct: Construct;
    };

export type ValueTerm = Extract<Term, { kind: "value" }>;

export function tensorOp(op: OpName, operands: readonly { readonly construct: Construct }[]): Term {
  return {
    kind: "tensor",
    construct: (match, builder, item) => {
      const refs = operands.map((operand) => operand.construct(match, builder, item));
      const known = refs.filter((ref): ref is Ref => ref !== undefined);
      return known.length === refs.length ? builder.op(op, known, {}) : undefined;
    },
  };
}

export function asTensor(
  scope: Problems,
  term: Term,
  { span }: Expression,
): Extract<Term, { kind: "tensor" }> | undefined {
  if (term.kind === "tensor") return term;
  if (term.type !== "number" && term.type !== "any")
    return fail(
      scope,
      span,
      "wrong-type",
      `an operand must be a tensor or a number, not ${described[term.type]}`,
    );
  return {
    kind: "tensor",
    construct: (match, builder, item) => {
      const value = term.compute(match, item);
      return typeof value === "number" ? builder.number(value) : undefined;
    },
  };
}

export function expectValue(
  scope: Problems,
  term: Term,
  type: ValueType,
  { span }: Expression,
): ValueTerm | undefined {
  if (term.kind === "tensor")
    return fail(scope, span, "wrong-type", `expected ${described[type]}, but this is a tensor`, [
      "use `value(c)`, `least(c)` or `greatest(c)` of a constant",
    ]);
  if (type === "any" || term.type === "any" || term.type === type) return term;
  return fail(scope, span, "wrong-type", `expected ${described[type]}, but this is ${described[term.type]}`);
}

export function valueOf(
  scope: Problems,
  term: Term,
  type: ValueType,
  expression: Expression,
  compute: (values: readonly AttributeValue[]) => AttributeValue | undefined,
  back: (wanted: Wanted) => Wanted | undefined,
): Term | undefined {
  const value = expectValue(scope, term, type, expression);
  if (!value) return undefined;
  const { aim } = value;
  return {
    ...value,
    type,
    compute: (match, item) => {
      const x = value.compute(match, item);
      return x === undefined ? undefined : compute([x]);
    },
    aim:
      aim &&
      ((match, wanted, random) => {
        const own = wanted === undefined ? undefined : back(wanted);
        return wanted !== undefined && own === undefined ? undefined : aim(match, own, random);
      }),
  };
}

export const described: Readonly<Record<ValueType, string>> = {
  number: "a number",
  boolean: "true or false",
  list: "a list",
  text: "a name",
  any: "a value",
};
