// Walks over the statements and values of a kernel.

import type { Statement, Value } from "./ir.js";

/** The direct operands of a value, in order of evaluation. */
export function operandsOf(value: Value): readonly Value[] {
  switch (value.kind) {
    case "register":
    case "const":
      return [];
    case "load":
    case "load_i32":
    case "load_integers":
    case "load_word":
      return value.address.base ? [value.address.base] : [];
    case "integers":
      return [];
    case "widen_integers":
    case "shift_integers":
    case "nearest":
    case "lookup":
    case "unary":
    case "splat":
    case "lane":
    case "swizzle":
    case "horizontal":
    case "broadcast":
    case "to_f32":
    case "to_i32":
    case "to_integers":
    case "pack_word":
      return [value.x];
    case "binary":
    case "int":
    case "compare":
    case "logic":
    case "shuffle":
    case "binary_integers":
    case "dot_pairs":
      return [value.a, value.b];
    case "select":
      return [value.if, value.then, value.otherwise];
    case "select_compare":
      return [value.a, value.b, value.then, value.otherwise];
    case "madd":
    case "dot_fours":
    case "dot_words":
      return [value.a, value.b, value.c];
    default:
      return value satisfies never;
  }
}

/** The same value with other operands; addresses are not changed. */
export function mapOperands(value: Value, to: (operand: Value) => Value): Value {
  switch (value.kind) {
    case "register":
    case "const":
    case "load":
    case "load_i32":
    case "load_integers":
    case "load_word":
    case "integers":
      return value;
    case "widen_integers":
    case "shift_integers":
    case "nearest":
    case "lookup":
    case "unary":
    case "splat":
    case "lane":
    case "swizzle":
    case "horizontal":
    case "broadcast":
    case "to_f32":
    case "to_i32":
    case "to_integers":
    case "pack_word":
      return { ...value, x: to(value.x) };
    case "binary":
    case "int":
    case "compare":
    case "logic":
    case "shuffle":
    case "binary_integers":
    case "dot_pairs":
      return { ...value, a: to(value.a), b: to(value.b) };
    case "select":
      return { ...value, if: to(value.if), then: to(value.then), otherwise: to(value.otherwise) };
    case "select_compare":
      return {
        ...value,
        a: to(value.a),
        b: to(value.b),
        then: to(value.then),
        otherwise: to(value.otherwise),
      };
    case "madd":
    case "dot_fours":
    case "dot_words":
      return { ...value, a: to(value.a), b: to(value.b), c: to(value.c) };
    default:
      return value satisfies never;
  }
}

/** The values that a statement itself evaluates, without those of its body. */
export function valuesOf(statement: Statement): readonly Value[] {
  switch (statement.kind) {
    case "let":
    case "set":
    case "prefetch":
      return [statement.value];
    case "store":
      return statement.address.base ? [statement.address.base, statement.value] : [statement.value];
    case "guard":
      return [statement.if];
    case "for":
    case "team":
    case "comment":
      return [];
    default:
      return statement satisfies never;
  }
}

/** The bodies of a statement. */
export function bodiesOf(statement: Statement): readonly (readonly Statement[])[] {
  switch (statement.kind) {
    case "for":
    case "team":
      return [statement.body];
    case "guard":
      return statement.otherwise ? [statement.then, statement.otherwise] : [statement.then];
    case "let":
    case "set":
    case "store":
    case "prefetch":
    case "comment":
      return [];
    default:
      return statement satisfies never;
  }
}

/** Calls `visit` for every statement, outer before inner, with the product of the counts of the surrounding loops. */
export function walkStatements(
  body: readonly Statement[],
  visit: (statement: Statement, times: number) => void,
  times = 1,
): void {
  for (const statement of body) {
    visit(statement, times);
    const inner = statement.kind === "for" || statement.kind === "team" ? times * statement.count : times;
    for (const nested of bodiesOf(statement)) walkStatements(nested, visit, inner);
  }
}

/**
 * The values that a statement evaluates, operands before the values that use them, and how often each is used; registers and constants are
 * left out. `repeats` says how often a printer writes the operands of a value.
 */
export function countUses(
  statement: Statement,
  repeats: (value: Value) => number = () => 1,
): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const order: Value[] = [];
  const count = (value: Value, times: number): void => {
    if (value.kind === "register" || value.kind === "const") return;
    const before = uses.get(value) ?? 0;
    uses.set(value, before + times);
    if (before > 0) return;
    for (const operand of operandsOf(value)) count(operand, repeats(value));
    order.push(value);
  };
  for (const value of valuesOf(statement)) count(value, 1);
  return new Map(order.map((value) => [value, uses.get(value) ?? 0]));
}

/** Calls `visit` for a value and all values in it; a shared value is visited once. */
export function walkValue(value: Value, visit: (value: Value) => void, seen = new Set<Value>()): void {
  if (seen.has(value)) return;
  seen.add(value);
  visit(value);
  for (const operand of operandsOf(value)) walkValue(operand, visit, seen);
}
