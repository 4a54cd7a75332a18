// Holds that a field which may be undefined is left out by one helper, `given`, and not by a conditional beside it.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** `...(x === undefined ? {} : { x })` or `...(x ? { y: x } : {})`: a field that is there if the value that it holds is. */
function conditionalFields(text: string): string[] {
  const value = String.raw`([\w.?]+)`;
  const field = String.raw`\{ (?:\w+: )?\1 \}`;
  const forms = [
    String.raw`\.\.\.\(${value} === undefined \? \{\} : ${field}\)`,
    String.raw`\.\.\.\(${value} !== undefined \? ${field} : \{\}\)`,
    String.raw`\.\.\.\(${value} \? ${field} : \{\}\)`,
  ];
  const flat = text.replaceAll(/\s+/g, " ");
  return forms.flatMap((form) => [...flat.matchAll(new RegExp(form, "g"))].map(([found]) => found));
}

test.each(["src", "passes", "grammar", "bench"])("%s leaves fields out by `given`", (folder) => {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    // The runtime imports nothing, as it is part of emitted modules.
    .filter((file) => file.endsWith(".ts") && !/^(runtime|node_modules)\b/.test(file));
  expect(files.length).toBeGreaterThan(0);
  const found = files.flatMap((file) =>
    conditionalFields(readFileSync(join(root, folder, file), "utf8")).map(
      (one) => `${folder}/${file}: ${one}`,
    ),
  );
  expect(found, "`...given({ x })` of src/diagnostic/given.ts does it").toEqual([]);
});

test("such a field is found", () => {
  expect(
    conditionalFields(
      "a({ ...(b === undefined ? {} : { b }), ...(c.d ? { d: c.d } : {}), ...(e !== undefined\n ? { e } : {}), ...(f ? { g: true } : {}) })",
    ),
  ).toEqual([
    "...(b === undefined ? {} : { b })",
    "...(e !== undefined ? { e } : {})",
    "...(c.d ? { d: c.d } : {})",
  ]);
});
