// How large a rule or a fusion may be: what is made from one is walked with recursion, at every node of every graph.

import type { Expression, FuseItem, RuleItem } from "#grammar/ast.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { numberText } from "#ir/units.js";

/** Most names, numbers, operators and calls of a rule, and steps of a fusion; the longest built-in rule has 60. */
export const maxRuleParts = 1000;

/** An error if a rule or fusion is too large to be compiled. */
export function ruleSizeProblem(item: RuleItem | FuseItem): Diagnostic | undefined {
  const terms =
    item.kind === "rule" ? [item.pattern, item.replacement, ...item.where.map(({ value }) => value)] : [];
  const count = countParts([...terms, ...(item.when ? [item.when] : [])]);
  const parts = count + (item.kind === "fuse" ? item.steps.length : 0);
  if (parts <= maxRuleParts) return undefined;
  const kind = item.kind === "rule" ? "rule" : "fusion";
  return error(
    "rule-too-large",
    `${kind} \`${item.name.text}\` has ${numberText(parts)} names, numbers, operators and calls`,
    { span: item.name.span, help: [`a ${kind} has ${numberText(maxRuleParts)} at most`] },
  );
}

/** Without recursion, since a sum may be as deep as it is long. */
function countParts(expressions: readonly Expression[]): number {
  const open = [...expressions];
  let count = 0;
  for (let one = open.pop(); one; one = open.pop()) {
    count += 1;
    for (const part of partsOf(one)) open.push(part);
  }
  return count;
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "binary":
      return [expression.left, expression.right];
    case "pipe":
      return [expression.value, expression.call];
    case "unary":
      return [expression.operand];
    case "list":
      return expression.items;
    case "call":
      return expression.arguments.flatMap((argument) => (argument.kind === "rest" ? [] : [argument.value]));
    case "number":
    case "size":
    case "string":
    case "name":
      return [];
    default:
      return expression satisfies never;
  }
}
