// Statements of the language made by a program, together with their text, so that messages can point into it.

import type { Argument, CallExpression, Expression, Name, TypeExpression } from "#grammar/ast.js";
import { printArgumentName, printName } from "#grammar/printing/print-name.js";
import { quote } from "#grammar/quote.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { literalNames } from "#ops/index.js";

/** A text that grows. */
export interface Text {
  readonly file: string;
  write(part: string): void;
  /** The offset of what is written next. */
  at(): number;
  /** From an offset to the end so far. */
  since(start: number): Span;
  /** All of it. */
  read(): string;
}

export function createText(file: string): Text {
  const parts: string[] = [];
  let length = 0;
  return {
    file,
    write: (part) => {
      parts.push(part);
      length += part.length;
    },
    at: () => length,
    since: (start) => ({ file, start, end: length }),
    read: () => parts.join(""),
  };
}

/** Writes an expression, and returns its tree. */
export type Writer<T = Expression> = (text: Text) => T;

/** A number with its sign, ±∞ or NaN. */
export function aNumber(value: number): Writer {
  if (Number.isNaN(value)) return aLiteral("nan");
  if (value === Number.POSITIVE_INFINITY) return aLiteral("inf");
  if (value < 0 || Object.is(value, -0))
    return (text) => {
      const start = text.at();
      text.write("-");
      const operand = aNumber(-value)(text);
      return { kind: "unary", operator: "-", operand, span: text.since(start) };
    };
  const digits = String(value).replace("e+", "e");
  return (text) => ({ kind: "number", value, text: digits, span: written(text, digits) });
}

/** An enum member, `true`, `inf` or the symbol of a dimension. */
export function aLiteral(name: string): Writer {
  return (text) => ({ kind: "name", name, quoted: false, span: written(text, printName(name)) });
}

/** A use of a bound name. */
export function aUse(name: string): Writer {
  const quoted = isLiteral(name);
  const image = quoted ? quote(name, "`") : printName(name);
  return (text) => ({ kind: "name", name, quoted, span: written(text, image) });
}

/** A name that is bound. */
export function aName(name: string): Writer<Name> {
  const quoted = isLiteral(name);
  const image = quoted ? quote(name, "`") : printName(name);
  return (text) => ({ text: name, ...(quoted && { quoted }), span: written(text, image) });
}

function isLiteral(name: string): boolean {
  return literalNames.has(name) || name === "inf" || name === "nan";
}

export function aString(value: string): Writer {
  return (text) => ({ kind: "string", value, span: written(text, quote(value, '"')) });
}

export function aList(items: readonly Writer[]): Writer {
  return (text) => {
    const start = text.at();
    text.write("[");
    const made = separated(text, items);
    text.write("]");
    return { kind: "list", items: made, span: text.since(start) };
  };
}

/** `callee(positional…, name=value…)`. */
export function aCall(
  callee: string,
  positional: readonly Writer[],
  named: readonly (readonly [name: string, value: Writer])[] = [],
): Writer<CallExpression> {
  return (text) => {
    const start = text.at();
    const name = { text: callee, span: written(text, printName(callee)) };
    text.write("(");
    const list = separated<Argument>(text, [
      ...positional.map((write) => (): Argument => {
        const value = write(text);
        return { kind: "positional", value, span: value.span };
      }),
      ...named.map(([key, write]) => (): Argument => {
        const from = text.at();
        const argument = { text: key, span: written(text, printArgumentName(key)) };
        text.write("=");
        const value = write(text);
        return { kind: "named", name: argument, value, span: text.since(from) };
      }),
    ]);
    text.write(")");
    return { kind: "call", callee: name, arguments: list, span: text.since(start) };
  };
}

/** `f32[N, 8, 8, 3]`; an extent that is a text is a symbol. */
export function aType(dtype: string, shape: readonly (number | string)[]): Writer<TypeExpression> {
  return (text) => {
    const start = text.at();
    const element = { text: dtype, span: written(text, dtype) };
    text.write("[");
    const extents = separated(
      text,
      shape.map((extent) => (typeof extent === "string" ? aLiteral(extent) : aNumber(extent))),
    );
    text.write("]");
    return { dtype: element, shape: extents, span: text.since(start) };
  };
}

function separated<T>(text: Text, writers: readonly ((text: Text) => T)[]): T[] {
  return writers.map((write, index) => {
    if (index > 0) text.write(", ");
    return write(text);
  });
}

function written(text: Text, image: string): Span {
  const start = text.at();
  text.write(image);
  return text.since(start);
}
