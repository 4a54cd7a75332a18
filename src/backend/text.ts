// Builders of program text: expressions that know their precedence, and lines that nest.

import { commentText } from "#diagnostic/escape.js";

/** An expression with its precedence, so that parentheses stand only where they must. */
export interface Code {
  readonly text: string;
  readonly level: number;
}

/** The level of what needs no parentheses anywhere. */
export const primary = 20;

/** A name, or any other text that needs no parentheses anywhere. */
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

/** Lines of a body, two spaces deeper. */
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

/** Gives every wish an identifier of its own, away from `reserved`. */
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

/** The text of an operand, in parentheses where its operator binds less tightly than `least`. */
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
