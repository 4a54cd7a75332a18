// The editor agrees with the compiler: its names are those that elaboration looks up, its errors those of `cleave check`.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Ast } from "#grammar/ast.js";
import { parse } from "#grammar/reading/parse.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { analyze, diagnosticsOf } from "#editor/analysis.js";
import { factsOf } from "#editor/facts.js";
import { namesOf } from "#editor/names/names.js";
import { applyEdits } from "#editor/rename.js";
import { readExamples } from "../../src/generate/diagnostics-doc.js";
import { parseCases } from "../cases.js";

const root = join(import.meta.dirname, "../..");

const filesOf = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);

/** Texts with nets: those of the language reference, of examples, and of the cases of elaboration. */
const texts = new Map<string, string>([
  ...[...readFileSync(join(root, "docs/language.md"), "utf8").matchAll(/^```net\n(.*?)^```$/gms)].map(
    ([, text = ""], at) => [`language.md ${at}`, text] as const,
  ),
  ...filesOf("examples", ".net").map((path) => [path, readFileSync(join(root, path), "utf8")] as const),
  ...filesOf("test/elaborate", ".txt").flatMap((path) =>
    parseCases(readFileSync(join(root, path), "utf8"), path).map(
      ({ name, input }) => [`${path} ${name}`, input] as const,
    ),
  ),
]);

test("there are many texts", () => expect(texts.size).toBeGreaterThan(70));

test.each([...texts])("%s: each name has the definition that elaboration finds", (_, text) => {
  const { partial } = parse(text, "a.net");
  const wrong = disagreements(partial);
  expect(wrong.map(([at, own]) => `${text.slice(at - 20, at)}▮${text.slice(at, at + 10)}: ${own}`)).toEqual(
    [],
  );
});

/** The names whose definition is another one in elaboration, with what the editor takes for their definitions. */
function disagreements(ast: Ast): [number, string][] {
  const { references, definitions } = namesOf(ast);
  const parameters = new Set(
    definitions.flatMap((one) => (one.kind === "parameter" ? [one.span.start] : [])),
  );
  return [...factsOf(ast, { lookups: true }).found].flatMap(([at, found]): [number, string][] => {
    const own = references.find(({ span }) => span.start === at)?.definitions ?? [];
    const starts = own.map(({ span }) => span.start);
    // Elaboration notes the argument of a call as the place of a parameter.
    const isParameter = starts.some((start) => parameters.has(start));
    const missed = [...found].filter((start) => !starts.includes(start));
    return missed.length === 0 || isParameter ? [] : [[at, `${starts.join()} instead of ${missed.join()}`]];
  });
}

describe("the examples of docs/diagnostics.md", () => {
  const examples = [...readExamples()].flatMap(([code, { files, command }]) => {
    const [only, second] = files;
    const isChecked = only && !second && only.name.endsWith(".net") && /^cleave check \S+$/.test(command);
    // The files of these are not text, or are written shorter than they are.
    if (code === "not-text" || only?.text.includes("⟦")) return [];
    return isChecked ? [{ code, text: only.text }] : [];
  });

  test("are many", () => expect(examples.length).toBeGreaterThan(30));

  test.each(examples)("$code is found in the editor too", ({ code, text }) => {
    const found = diagnosticsOf(analyze(text, "a.net"));
    // Rules are tried on operands by another part of the server.
    if (code.startsWith("rule-")) return;
    expect(found.map((one) => one.code)).toContain(code);
  });

  const suggests = ({ help = [], fixes = [] }: Diagnostic): boolean =>
    fixes.length > 0 || help.some((line) => line.startsWith("did you mean"));
  const suggesting = examples.filter(({ text }) => diagnosticsOf(analyze(text, "a.net")).some(suggests));

  test.each(suggesting)("$code: each fix removes the message", ({ text }) => {
    const saying = (changed: string, message: string): number =>
      diagnosticsOf(analyze(changed, "a.net")).filter((one) => one.message === message).length;
    for (const one of diagnosticsOf(analyze(text, "a.net")).filter(suggests)) {
      expect(one.fixes, one.message).toBeDefined();
      for (const { span, text: by } of one.fixes ?? []) {
        const changed = applyEdits(text, [{ ...span, text: by }]);
        expect(saying(changed, one.message)).toBe(saying(text, one.message) - 1);
      }
    }
  });
});
