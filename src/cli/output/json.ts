// Output for programs: JSON text with an indentation of two spaces and a line end.

import { jsonEscapes } from "#diagnostic/escape.js";

/**
 * The JSON of a value. JSON lacks infinities and NaN, and `JSON.stringify` would write null. Here they are the strings
 * "Infinity", "-Infinity" and "NaN", which `Number` of JavaScript and `float` of Python can parse. Unlike there, −0 is `-0`.
 */
export function jsonText(value: unknown): string {
  let hasMinusZero = false;
  const text = JSON.stringify(
    value,
    (_, part: unknown) => {
      hasMinusZero ||= Object.is(part, -0);
      return finite(part);
    },
    2,
  );
  return `${jsonEscapes(hasMinusZero ? withMinusZeros(value, text) : text)}\n`;
}

function finite(part: unknown): unknown {
  return typeof part === "number" && !Number.isFinite(part) ? String(part) : part;
}

/** The text again, with −0, for which a string stands that is nowhere in the text. */
function withMinusZeros(value: unknown, text: string): string {
  let mark = "minus zero";
  while (text.includes(mark)) mark += ".";
  const marked = JSON.stringify(value, (_, part: unknown) => (Object.is(part, -0) ? mark : finite(part)), 2);
  return marked.replaceAll(`"${mark}"`, "-0");
}
