// Builders of JavaScript text: expressions that know their precedence, and lines that nest.

/** An expression with its precedence, so that parentheses stand only where they must. */
export interface Code {
  readonly text: string;
  readonly level: number;
}

/** Precedence levels of ECMAScript's operators; a higher one binds tighter. */
const level = { primary: 20, unary: 15, conditional: 3 } as const;

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

/** A name, or any other text that needs no parentheses anywhere. */
export function name(text: string): Code {
  return { text, level: level.primary };
}

/** A number; −0, NaN and the infinities as JavaScript writes them. */
export function number(value: number): Code {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return { text, level: text.startsWith("-") ? level.unary : level.primary };
}

/** `fn(a, b, …)`. */
export function call(fn: string, ...operands: readonly Code[]): Code {
  return name(`${fn}(${operands.map((operand) => operand.text).join(", ")})`);
}

/** `array[index]`. */
export function element(array: string, index: Code): Code {
  return name(`${array}[${index.text}]`);
}

/** `-x`. */
export function negative(x: Code): Code {
  const text = x.level < level.unary || x.text.startsWith("-") ? `(${x.text})` : x.text;
  return { text: `-${text}`, level: level.unary };
}

/** `a operator b`; operators of one level group to the left, so only the right operand of an equal one is wrapped. */
export function binary(operator: BinaryOperator, a: Code, b: Code): Code {
  const own = binaryLevels[operator];
  return { text: `${wrap(a, own)} ${operator} ${wrap(b, own + 1)}`, level: own };
}

/** `a + b` of integers, which needs no parentheses around a sum on the right. */
export function integerSum(a: Code, b: Code): Code {
  const own = binaryLevels["+"];
  return { text: `${wrap(a, own)} + ${wrap(b, own)}`, level: own };
}

/** `(a) | 0`: wraps to 32 bits. Parentheses stand around any operator, since few know how loose `|` binds. */
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

/** Lines of a body, two spaces deeper. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : `  ${line}`));
}

/** `head { … }`, with the body one level deeper. */
export function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...indent(body), "}"];
}

/** Gives every wish a JavaScript identifier of its own, away from `reserved`. */
export function createNames(reserved: Iterable<string>): (wish: string) => string {
  const taken = new Set([...keywords, ...reserved]);
  return (wish) => {
    const plain = wish.replaceAll(/[^\w$]/g, "_").replace(/^(?=\d|$)/, "_");
    let unique = plain;
    for (let k = 2; taken.has(unique); k += 1) unique = `${plain}_${k}`;
    taken.add(unique);
    return unique;
  };
}

const keywords = (
  "arguments await break case catch class const continue debugger default delete do else enum eval export extends " +
  "false finally for function if implements import in instanceof interface let new null package private protected " +
  "public return static super switch this throw true try typeof undefined var void while with yield NaN Infinity Math"
).split(" ");

function wrap(code: Code, least: number): string {
  return code.level < least ? `(${code.text})` : code.text;
}
