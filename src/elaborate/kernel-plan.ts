// Plans of kernels in dumps: `separable(rows=2, saved_bytes=4096)`.

import type { CallExpression, Expression } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { meant } from "#diagnostic/suggest.js";
import type { KernelPlan } from "#ir/graph.js";
import { makePlan, planNumbers } from "#template/plan.js";
import { templateNames } from "#template/templates.js";
import { evaluate } from "./expressions.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { fail } from "./elaboration.js";

/** Rows of a tile of Winograd's algorithm; 0 if it is not used. */
const winogradSizes: readonly number[] = [0, 2, 4] satisfies KernelPlan["winograd"][];

/** The plan of a call expression; undefined after errors. */
export function readPlan(
  state: Elaboration,
  scope: Scope,
  { callee, arguments: list }: CallExpression,
): KernelPlan | undefined {
  const template = templateNames.find((name) => name === callee.text);
  if (template === undefined) {
    fail(state, callee.span, "unknown-template", `there is no template \`${callee.text}\``, {
      ...meant(callee.text, templateNames, callee.span),
    });
    return undefined;
  }
  const given: { -readonly [K in keyof KernelPlan]?: KernelPlan[K] } = {};
  const seen = new Map<string, Span>();
  for (const argument of list) {
    if (argument.kind !== "named") {
      fail(state, argument.span, "wrong-argument", "the arguments of a kernel need names, as in `rows=2`");
      return undefined;
    }
    const { name, value } = argument;
    const first = seen.get(name.text);
    if (first) {
      fail(state, name.span, "repeated-argument", `\`${name.text}\` is given twice`, {
        others: [{ span: first, message: "first here" }],
      });
      return undefined;
    }
    seen.set(name.text, name.span);
    const key = Object.entries(planNumbers).find(([written]) => written === name.text)?.[1];
    if (name.text === "fusion" && value.kind === "name") given.fusion = value.name;
    else if (key === undefined) {
      const known = ["fusion", ...Object.keys(planNumbers)];
      fail(state, name.span, "wrong-argument", `a kernel has no argument \`${name.text}\``, {
        ...meant(name.text, known, name.span),
      });
      return undefined;
    } else {
      const number = numberOf(state, scope, value);
      if (number === undefined) return undefined;
      if (key === "winograd" && !winogradSizes.includes(number)) {
        const sizes = winogradSizes.join(", ");
        fail(
          state,
          value.span,
          "wrong-argument",
          `tiles of Winograd's algorithm must have one of the sizes ${sizes}`,
        );
        return undefined;
      }
      Object.assign(given, { [key]: number });
    }
  }
  return makePlan(template, given);
}

function numberOf(state: Elaboration, scope: Scope, expression: Expression): number | undefined {
  const value = evaluate(state, scope, scope.path, expression);
  if (value.kind === "none") return undefined;
  if (value.kind === "number" && value.value >= 0 && Number.isFinite(value.value)) return value.value;
  fail(state, expression.span, "wrong-argument", "an argument of a kernel must be a number from 0 up");
  return undefined;
}
