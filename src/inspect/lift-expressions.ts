// Builds expressions for syntax trees that do not come from a text.

import type { Argument, CallExpression, Expression, Name } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { literalNames } from "#ops/index.js";

/** The span of nodes that are not in a text. */
export const noSpan: Span = { file: "", start: 0, end: 0 };

/** Whether a name is a literal if it is not in backticks. */
function isLiteral(name: string): boolean {
  return literalNames.has(name) || name === "inf" || name === "nan";
}

/** A name to bind or call. */
export function nameOf(text: string): Name {
  return isLiteral(text) ? { text, quoted: true, span: noSpan } : { text, span: noSpan };
}

/** A use of a bound name. */
export function nameExpression(name: string): Expression {
  return { kind: "name", name, quoted: isLiteral(name), span: noSpan };
}

/** An enum member, `true`, `false`, `inf` or `nan`. */
export function literalName(name: string): Expression {
  return { kind: "name", name, quoted: false, span: noSpan };
}

export function stringExpression(value: string): Expression {
  return { kind: "string", value, span: noSpan };
}

export function listExpression(items: readonly Expression[]): Expression {
  return { kind: "list", items, span: noSpan };
}

/** A number; with "f32", in the fewest digits that give the same f32. */
export function numberExpression(value: number, precision?: "f32"): Expression {
  if (Number.isNaN(value)) return literalName("nan");
  if (value < 0 || Object.is(value, -0))
    return { kind: "unary", operator: "-", operand: numberExpression(-value, precision), span: noSpan };
  if (value === Number.POSITIVE_INFINITY) return literalName("inf");
  const text = (precision === "f32" ? shortest(value) : String(value)).replace("e+", "e");
  return { kind: "number", value: Number(text), text, span: noSpan };
}

/** `callee(positional…, name=value…)`. */
export function call(
  callee: string,
  positional: readonly Expression[],
  named: readonly { readonly name: string; readonly value: Expression }[] = [],
): CallExpression {
  const list: Argument[] = [
    ...positional.map((value) => ({ kind: "positional", value, span: noSpan }) as const),
    ...named.map(
      ({ name, value }) =>
        ({ kind: "named", name: { text: name, span: noSpan }, value, span: noSpan }) as const,
    ),
  ];
  return { kind: "call", callee: { text: callee, span: noSpan }, arguments: list, span: noSpan };
}

/** The shortest text of an f32: 9 significant digits always suffice. */
function shortest(value: number): string {
  const single = Math.fround(value);
  for (let digits = 1; digits < 9; digits += 1) {
    const text = String(Number(single.toPrecision(digits)));
    if (Math.fround(Number(text)) === single) return text;
  }
  return String(Number(single.toPrecision(9)));
}
