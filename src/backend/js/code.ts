// JavaScript expressions.

import type { Code } from "../text.js";
import { name, primary, wrap } from "../text.js";

/** Precedence levels of ECMAScript's operators; a higher level binds tighter. */
const level = { primary, unary: 15, conditional: 3 } as const;

const binaryLevels = {
  "*": 13,
  "/": 13,
  "%": 13,
  "+": 12,
  "-": 12,
  "<<": 11,
  ">>": 11,
  "<": 10,
  "<=": 10,
  "===": 9,
  "!==": 9,
  "&": 8,
  "|": 6,
  "&&": 5,
  "||": 4,
} as const;

export type BinaryOperator = keyof typeof binaryLevels;

/** A number; −0, NaN and the infinities as JavaScript writes them. */
export function number(value: number): Code {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return { text, level: text.startsWith("-") ? level.unary : level.primary };
}

/** `-x`. */
export function negative(x: Code): Code {
  const text = x.level < level.unary || x.text.startsWith("-") ? `(${x.text})` : x.text;
  return { text: `-${text}`, level: level.unary };
}

/** `a operator b`. Operators of one level group to the left, so of operands on the same level only the right one needs parentheses. */
export function binary(operator: BinaryOperator, a: Code, b: Code): Code {
  const own = binaryLevels[operator];
  return { text: `${wrap(a, own)} ${operator} ${wrap(b, own + 1)}`, level: own };
}

/** `a + b` of integers, where a sum on the right needs no parentheses. */
export function integerSum(a: Code, b: Code): Code {
  const own = binaryLevels["+"];
  return { text: `${wrap(a, own)} + ${wrap(b, own)}`, level: own };
}

/** `(a) | 0`: wraps to 32 bits. Any operator inside gets parentheses, because few readers know how loosely `|` binds. */
export function toI32(a: Code): Code {
  return binary("|", a.level < level.primary ? name(`(${a.text})`) : a, number(0));
}

/** `condition ? then : otherwise`. */
export function conditional(condition: Code, then: Code, otherwise: Code): Code {
  return {
    text: `${wrap(condition, level.conditional + 1)} ? ${wrap(then, level.conditional)} : ${wrap(otherwise, level.conditional)}`,
    level: level.conditional,
  };
}

/** Words that cannot be identifiers. */
export const keywords: readonly string[] = (
  "arguments await break case catch class const continue debugger default delete do else enum eval export extends " +
  "false finally for function if implements import in instanceof interface let new null package private protected " +
  "public return static super switch this throw true try typeof undefined var void while with yield NaN Infinity Math"
).split(" ");
