// Output for programs: JSON text with an indentation of two spaces and a line end.

import { jsonEscapes } from "#diagnostic/escape.js";

/**
 * The JSON of a value. JSON lacks infinities and NaN, and `JSON.stringify` would write null. Here they are the strings
 * "Infinity", "-Infinity" and "NaN", which `Number` of JavaScript and `float` of Python can parse.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(
    value,
    (_, part: unknown) => (typeof part === "number" && !Number.isFinite(part) ? String(part) : part),
    2,
  );
  return `${jsonEscapes(text)}\n`;
}
