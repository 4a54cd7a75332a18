// Compares files that are generated from the grammar with it; `UPDATE=1` writes them.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cstTypes } from "#grammar/reading/generate.js";
import { parse } from "#grammar/reading/parse.js";
import { print } from "#grammar/printing/print.js";
import { railroadDiagrams } from "#grammar/reading/railroad.js";
import { allWords } from "#grammar/tokens/tokens.js";
import { dump } from "./dump.js";

const root = join(import.meta.dirname, "../..");
const updating = process.env["UPDATE"] === "1";

test("the types of the concrete syntax tree are those of the parser", () => {
  const path = join(root, "grammar/reading/cst.ts");
  if (updating) writeFileSync(path, cstTypes());
  expect(readFileSync(path, "utf8")).toBe(cstTypes());
});

describe("railroad diagrams", () => {
  const folder = join(root, "docs/railroad");
  const diagrams = railroadDiagrams();

  test("are those of the parser", () => {
    if (updating) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      for (const [name, svg] of diagrams) writeFileSync(join(folder, `${name}.svg`), svg);
    }
    expect(readdirSync(folder).sort()).toEqual([...diagrams.keys()].map((name) => `${name}.svg`).sort());
    for (const [name, svg] of diagrams) expect(readFileSync(join(folder, `${name}.svg`), "utf8")).toBe(svg);
  });

  test("are all shown in the language reference, and no other", () => {
    const reference = readFileSync(join(root, "docs/language.md"), "utf8");
    const shown = [...reference.matchAll(/\(railroad\/([a-z-]+)\.svg\)/g)].map((match) => match[1] ?? "");
    expect(shown.toSorted()).toEqual([...diagrams.keys()].sort());
  });
});

test("the examples of the language reference have no errors, and print as the same trees", () => {
  const reference = readFileSync(join(root, "docs/language.md"), "utf8");
  const examples = [...reference.matchAll(/^```net\n(.*?)^```$/gms)].map((match) => match[1] ?? "");
  expect(examples.length).toBeGreaterThan(3);
  for (const example of examples) {
    const { partial, diagnostics } = parse(example, "language.md");
    expect(diagnostics).toEqual([]);
    expect(dump(parse(print(partial), "language.md").partial.items)).toBe(dump(partial.items));
  }
});

test("the grammar for editors has exactly the words of the language", () => {
  const text = readFileSync(join(root, "grammar/cleave.tmLanguage.json"), "utf8");
  const { repository } = JSON.parse(text) as {
    repository: Record<string, { patterns: { match: string; name: string }[] }>;
  };
  const words = (repository["keywords"]?.patterns ?? []).flatMap(
    ({ match }) => match.match(/[a-z]{2,}/g) ?? [],
  );
  expect([...new Set(words)].sort()).toEqual([...allWords].sort());
  // The regular expressions of editors are a superset of those of JavaScript, so each must be valid here too.
  const patterns = [...text.matchAll(/"(?:match|begin|end)": ("(?:[^"\\]|\\.)*")/g)];
  expect(patterns.length).toBeGreaterThan(20);
  for (const [, pattern = ""] of patterns)
    expect(() => new RegExp(JSON.parse(pattern) as string)).not.toThrow();
});
