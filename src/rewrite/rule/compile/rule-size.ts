// Limits the number of parts of rules and fusions, since recursive code visits them at every node of every graph. Also lists the
// literals among them.

import type { Expression, FuseItem, RuleItem } from "#grammar/ast.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { numberText } from "#ir/units.js";
import type { Literals } from "../rule.js";

/** The most names, numbers, operators and calls of a rule, and links of a fusion. The longest built-in rule has 60. */
const maxRuleParts = 1000;

/** An error if a rule or fusion is too large to be compiled. */
export function ruleSizeProblem(item: RuleItem | FuseItem): Diagnostic | undefined {
  const parts = partsOf(termsOf(item)).length + (item.kind === "fuse" ? item.links.length : 0);
  if (parts <= maxRuleParts) return undefined;
  const kind = item.kind === "rule" ? "rule" : "fusion";
  return error(
    "rule-too-large",
    `${kind} \`${item.name.text}\` has ${numberText(parts)} names, numbers, operators and calls`,
    { span: item.name.span, help: [`a ${kind} may have at most ${numberText(maxRuleParts)}`] },
  );
}

/** The numbers and lists of numbers in the text of a rule, each once, in no particular order. */
export function literalsOf(item: RuleItem): Literals {
  const numbers = new Set<number>();
  const lists = new Map<string, readonly number[]>();
  for (const part of partsOf(termsOf(item))) {
    if (part.kind === "number") numbers.add(part.value);
    else if (part.kind === "unary" && part.operand.kind === "number") numbers.add(-part.operand.value);
    const list = part.kind === "size" ? part.values : part.kind === "list" ? numbersOf(part.items) : [];
    if (list.length > 0) lists.set(list.join(), list);
  }
  return { numbers: [...numbers], lists: [...lists.values()] };
}

function termsOf(item: RuleItem | FuseItem): readonly Expression[] {
  const when = item.when ? [item.when] : [];
  if (item.kind === "fuse") return when;
  return [...item.patterns, ...item.replacements, ...item.where.map(({ value }) => value), ...when];
}

function numbersOf(items: readonly Expression[]): number[] {
  const numbers = items.flatMap((item) => (item.kind === "number" ? [item.value] : []));
  return numbers.length === items.length ? numbers : [];
}

/** Expressions and all their parts. Without recursion, since a sum may be nested as deeply as it is long. */
function partsOf(expressions: readonly Expression[]): Expression[] {
  const open = [...expressions];
  const parts: Expression[] = [];
  for (let one = open.pop(); one; one = open.pop()) {
    parts.push(one);
    for (const part of operandsOf(one)) open.push(part);
  }
  return parts;
}

function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "binary":
      return [expression.left, expression.right];
    case "pipe":
      return [expression.value, expression.call];
    case "unary":
      return [expression.operand];
    case "index":
      return [expression.list, expression.index];
    case "conditional":
      return [expression.condition, expression.then, expression.otherwise];
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
