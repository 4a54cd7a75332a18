// Makes modules from text of the language, for tests of the stages after elaboration.

import { parse } from "#grammar/reading/parse.js";
import { render } from "#diagnostic/render.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { elaborate } from "#elaborate/elaborate.js";
import type { Module } from "#ir/weights.js";

/** The module of a text with one net and seeded weights; throws the rendered diagnostics if the text is wrong. */
export function moduleOf(text: string, dims: ReadonlyMap<string, number> = new Map()): Module {
  const fail = (diagnostics: readonly Diagnostic[]): never => {
    throw new Error(render(diagnostics, new Map([["test.net", text]]), { color: false }));
  };
  const parsed = parse(text, "test.net");
  if (!parsed.value || parsed.diagnostics.length > 0) return fail(parsed.diagnostics);
  const result = elaborate(parsed.value, { dims });
  return result.value ?? fail(result.diagnostics);
}
