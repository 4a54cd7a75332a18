// Builders of program text: expressions that know their precedence, and lines that nest.

import { commentText } from "#diagnostic/escape.js";

/** An expression with its precedence, so that only necessary parentheses are printed. */
export interface Code {
  readonly text: string;
  readonly level: number;
}

/** The level of an expression that never needs parentheses. */
export const primary = 20;

/** A name, or another text that never needs parentheses. */
export function name(text: string): Code {
  return { text, level: primary };
}

/** `fn(a, b, …)`. */
export function call(fn: string, ...operands: readonly Code[]): Code {
  return name(`${fn}(${operands.map((operand) => operand.text).join(", ")})`);
}

/** `array[index]`. */
export function element(array: string, index: Code): Code {
  return name(`${array}[${index.text}]`);
}

/** The lines of a body, two spaces deeper. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : `  ${line}`));
}

/** `head { … }`, with the body one level deeper. */
export function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...indent(body), "}"];
}

/** Line comments, each wrapped at `width` columns. */
export function comment(lines: readonly string[], width = 100): string[] {
  return lines.flatMap((line) => wrapWords(commentText(line), width)).map((line) => `// ${line}`.trimEnd());
}

/** Returns a function that gives each requested name a unique identifier that is not in `reserved`. */
export function createNames(reserved: Iterable<string>): (wish: string) => string {
  const taken = new Set(reserved);
  return (wish) => {
    const plain = wish.replaceAll(/\W/g, "_").replace(/^(?=\d|$)/, "_");
    let unique = plain;
    for (let k = 2; taken.has(unique); k += 1) unique = `${plain}_${k}`;
    taken.add(unique);
    return unique;
  };
}

/** The text of an operand, in parentheses if its operator binds less tightly than `least`. */
export function wrap(code: Code, least: number): string {
  return code.level < least ? `(${code.text})` : code.text;
}

function wrapWords(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
