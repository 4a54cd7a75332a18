// Answers for programs: JSON text of two-space indents, ended by a line end.

import { jsonEscapes } from "#diagnostic/escape.js";

/**
 * The JSON of a value. JSON has no infinities and no NaN, and `JSON.stringify` would make them null: they are the strings
 * "Infinity", "-Infinity" and "NaN", which `Number` of JavaScript and `float` of Python read.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(
    value,
    (_, part: unknown) => (typeof part === "number" && !Number.isFinite(part) ? String(part) : part),
    2,
  );
  return `${jsonEscapes(text)}\n`;
}
