// Parses the values of `--constant`: a number, a list, or a file.

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { GivenConstant } from "#import/options/constants.js";
import { readNumbers } from "../inputs/values.js";

/** The values: `1.5`, `true`, `1,2,3`, `[[1, 2], [3, 4]]`, or the path of a `.npy` or `.json` file. */
export function readConstants(
  given: ReadonlyMap<string, string>,
): Result<ReadonlyMap<string, GivenConstant>> {
  const constants = new Map<string, GivenConstant>();
  const diagnostics: Diagnostic[] = [];
  for (const [name, text] of given) {
    const read = readConstant(text);
    for (const one of read.diagnostics) diagnostics.push(one);
    if (read.value !== undefined) constants.set(name, read.value);
  }
  return diagnostics.length > 0 ? { diagnostics } : { value: constants, diagnostics };
}

function readConstant(text: string): Result<GivenConstant> {
  if (text === "true" || text === "false") return { value: text === "true", diagnostics: [] };
  if (/\.(npy|json)$/i.test(text)) {
    const file = readNumbers(text);
    if (!file.value) return { diagnostics: file.diagnostics };
    const { shape, data } = file.value;
    // A flat list gets the shape of the input.
    const value = shape.length === 0 ? (data[0] ?? 0) : shape.length === 1 ? data : { shape, data };
    return { value, diagnostics: [] };
  }
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (numbers.every((number) => !Number.isNaN(number)))
    return { value: numbers.length === 1 ? (numbers[0] ?? 0) : numbers, diagnostics: [] };
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return { value: value as GivenConstant, diagnostics: [] };
  } catch {
    // The error below says what the value should be.
  }
  return {
    diagnostics: [
      error("wrong-constant", `--constant: there is no value \`${text.slice(0, 60)}\``, {
        help: ["it is a number, a list such as 1,2,3 or [[1, 2], [3, 4]], or a .npy or .json file"],
      }),
    ],
  };
}
