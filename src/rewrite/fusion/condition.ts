// Compiles the conditions of fusions: the `when` of a `fuse` item.

import type { BinaryOperator, Expression } from "#grammar/ast.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import { meant, meantOr } from "#diagnostic/suggest.js";

/** The facts of the cost model about a chain, under the names that conditions use. */
export interface ChainFacts {
  /** Whether the values that the kernel keeps between its stages fit into the target's scratch. */
  readonly fits_on_chip: boolean;
  /** Ops in the chain. */
  readonly ops: number;
  /** Bytes that are neither written to memory nor read back. */
  readonly saved_bytes: number;
  /** Bytes of scratch that the kernel takes. */
  readonly scratch_bytes: number;
  /** Multiply-accumulates that are computed again, because some rows are needed twice. */
  readonly extra_macs: number;
}

/** One sentence for each fact. */
export const chainFacts: { readonly [F in keyof ChainFacts]: string } = {
  fits_on_chip: "whether the values that the kernel keeps between its stages fit into the target's scratch",
  ops: "ops in the chain",
  saved_bytes: "bytes that are neither written to memory nor read back",
  scratch_bytes: "bytes of scratch that the kernel takes",
  extra_macs: "multiply-accumulates that are computed again, because some rows are needed twice",
};

type ConditionValue = boolean | number;
type Typed =
  | { readonly type: "boolean"; readonly of: (facts: ChainFacts) => boolean }
  | { readonly type: "number"; readonly of: (facts: ChainFacts) => number };

/** Says which part of a `when` a chain does not satisfy, with the facts in it; undefined if it satisfies all. */
export type Unmet = (facts: ChainFacts) => string | undefined;

/** Checks and compiles a `when`: facts, numbers, comparisons, arithmetic, `and`, `or`, `not`. */
export function compileChainCondition(expression: Expression): Result<Unmet> {
  const diagnostics: Diagnostic[] = [];
  const parts = conjuncts(expression).map((part) => ({ part, compiled: compile(part, diagnostics) }));
  for (const { part, compiled } of parts)
    if (compiled?.type === "number") diagnostics.push(wrongType(part, "true or false"));
  if (hasErrors(diagnostics)) return { diagnostics };
  return {
    value: (facts) => {
      const unmet = parts.find(({ compiled }) => compiled?.type !== "boolean" || !compiled.of(facts));
      if (!unmet) return undefined;
      const text = textOf(unmet.part);
      const known = factsIn(unmet.part)
        .filter((name) => name !== text)
        .map((name) => `${name} is ${String(facts[name])}`);
      return `\`${text}\` does not hold${known.length > 0 ? `: ${known.join(", ")}` : ""}`;
    },
    diagnostics,
  };
}

function conjuncts(expression: Expression): Expression[] {
  return expression.kind === "binary" && expression.operator === "and"
    ? [...conjuncts(expression.left), ...conjuncts(expression.right)]
    : [expression];
}

/** A condition as text. */
function textOf(expression: Expression): string {
  const inner = (one: Expression): string => (one.kind === "binary" ? `(${textOf(one)})` : textOf(one));
  switch (expression.kind) {
    case "number":
      return expression.text;
    case "name":
      return expression.name;
    case "unary":
      return `${expression.operator === "not" ? "not " : "-"}${inner(expression.operand)}`;
    case "binary":
      return `${inner(expression.left)} ${expression.operator} ${inner(expression.right)}`;
    default:
      return "its `when`";
  }
}

function factsIn(expression: Expression): (keyof ChainFacts)[] {
  switch (expression.kind) {
    case "name":
      return isFact(expression.name) ? [expression.name] : [];
    case "unary":
      return factsIn(expression.operand);
    case "binary":
      return [...new Set([...factsIn(expression.left), ...factsIn(expression.right)])];
    default:
      return [];
  }
}

function compile(expression: Expression, diagnostics: Diagnostic[]): Typed | undefined {
  switch (expression.kind) {
    case "number":
      return { type: "number", of: () => expression.value };
    case "name":
      return compileName(expression, diagnostics);
    case "unary": {
      const operand = expect(
        expression.operand,
        expression.operator === "-" ? "number" : "boolean",
        diagnostics,
      );
      if (!operand) return undefined;
      if (operand.type === "number") return { type: "number", of: (facts) => -operand.of(facts) };
      return { type: "boolean", of: (facts) => !operand.of(facts) };
    }
    case "binary":
      return compileBinary(expression, diagnostics);
    default:
      diagnostics.push(
        error("unknown-condition", "a condition on a chain of ops cannot contain this", {
          span: expression.span,
          help: [
            `a fusion's \`when\` takes ${Object.keys(chainFacts).join(", ")}, numbers, comparisons, \`and\`, \`or\` and \`not\``,
          ],
        }),
      );
      return undefined;
  }
}

function compileName(
  { name, span }: Extract<Expression, { kind: "name" }>,
  diagnostics: Diagnostic[],
): Typed | undefined {
  if (name === "true" || name === "false") return { type: "boolean", of: () => name === "true" };
  if (name === "fits_on_chip") return { type: "boolean", of: (facts) => facts.fits_on_chip };
  if (isFact(name)) return { type: "number", of: (facts) => Number(facts[name]) };
  const known = Object.keys(chainFacts);
  diagnostics.push(
    error("unknown-condition", `\`${name}\` is no fact about a chain`, {
      span,
      ...meantOr(meant(name, known, span), `the facts are ${known.join(", ")}`),
    }),
  );
  return undefined;
}

function compileBinary(
  { operator, left, right, span }: Extract<Expression, { kind: "binary" }>,
  diagnostics: Diagnostic[],
): Typed | undefined {
  const wanted = operator === "and" || operator === "or" ? "boolean" : "number";
  const a = expect(left, wanted, diagnostics);
  const b = expect(right, wanted, diagnostics);
  if (!a || !b) return undefined;
  if (a.type === "boolean" && b.type === "boolean") {
    return operator === "and"
      ? { type: "boolean", of: (facts) => a.of(facts) && b.of(facts) }
      : { type: "boolean", of: (facts) => a.of(facts) || b.of(facts) };
  }
  const compare = comparisons[operator];
  const compute = arithmetic[operator];
  const values = (facts: ChainFacts): [number, number] => [Number(a.of(facts)), Number(b.of(facts))];
  if (compare) return { type: "boolean", of: (facts) => compare(...values(facts)) };
  if (compute) return { type: "number", of: (facts) => compute(...values(facts)) };
  diagnostics.push(
    error("unknown-condition", `\`${operator}\` cannot be used in a condition on a chain`, { span }),
  );
  return undefined;
}

function expect(expression: Expression, type: Typed["type"], diagnostics: Diagnostic[]): Typed | undefined {
  const typed = compile(expression, diagnostics);
  if (!typed || typed.type === type) return typed;
  diagnostics.push(wrongType(expression, type === "number" ? "a number" : "true or false"));
  return undefined;
}

function wrongType(expression: Expression, expected: string): Diagnostic {
  return error("wrong-type", `this must be ${expected}`, { span: expression.span });
}

function isFact(name: string): name is keyof ChainFacts {
  return Object.hasOwn(chainFacts, name);
}

type Table<T extends ConditionValue> = Partial<Record<BinaryOperator, (a: number, b: number) => T>>;

const comparisons: Table<boolean> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

const arithmetic: Table<number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};
