// Numbers and nested lists of numbers in the text, as tensors, and the names that are literals.

import type { Expression, Name } from "#grammar/ast.js";
import { literalNames } from "#ops/index.js";

/** A dense tensor literal. */
export interface TensorLiteral {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** The tensor of nested lists of numbers, or undefined if they are ragged, empty or contain something else. */
export function literalOf(expression: Expression): TensorLiteral | undefined {
  const shape: number[] = [];
  let level: readonly Expression[] = [expression];
  for (let first = level[0]; first?.kind === "list"; first = level[0]) {
    const extent = first.items.length;
    const next: Expression[] = [];
    for (const item of level) {
      if (item.kind !== "list" || item.items.length !== extent) return undefined;
      for (const inner of item.items) next.push(inner);
    }
    if (extent === 0) return undefined;
    shape.push(extent);
    level = next;
  }
  const data = level.map(numberOf);
  return data.every((value) => value !== undefined) ? { shape, data } : undefined;
}

/** A number with its sign, `inf` or `nan`. */
function numberOf(expression: Expression): number | undefined {
  if (expression.kind === "number") return expression.value;
  if (expression.kind === "name" && !expression.quoted) return namedNumbers.get(expression.name);
  if (expression.kind !== "unary" || expression.operator !== "-") return undefined;
  const value = numberOf(expression.operand);
  return value === undefined ? undefined : -value;
}

/** Numbers that have names. */
export const namedNumbers: ReadonlyMap<string, number> = new Map([
  ["inf", Number.POSITIVE_INFINITY],
  ["nan", Number.NaN],
]);

/** Whether a name is a literal and so cannot be bound. A name in backticks is never a literal. */
export function isReserved({ text, quoted }: Pick<Name, "text"> & { readonly quoted?: boolean }): boolean {
  return quoted !== true && (literalNames.has(text) || namedNumbers.has(text));
}
