// The catalogue of codes: each code stands there once, is raised somewhere, and has an example. That the examples give their codes, and what
// they print, is held by the test that docs/diagnostics.md is fresh.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeGroups } from "#diagnostic/codes.js";
import { exampleText, readExamples } from "../../src/generate/diagnostics-doc.js";

const root = join(import.meta.dirname, "../..");
const codes = Object.values(codeGroups).flatMap((group) => Object.keys(group.codes));
const examples = readExamples();

test("each code stands in one group, and has a meaning of one sentence or two", () => {
  expect(codes.length).toBeGreaterThan(130);
  expect([...new Set(codes)]).toHaveLength(codes.length);
  const meanings = Object.values(codeGroups).flatMap((group) => Object.values<string>(group.codes));
  expect(meanings.filter((one) => !/^[A-Z`].*\.$/.test(one))).toEqual([]);
  expect(new Set(meanings).size).toBe(meanings.length);
});

test("each code has an example, and each example a code", () => {
  expect([...examples.keys()].sort()).toEqual(codes.toSorted());
});

test("the source says each code in some place but the catalogue", () => {
  const folders = ["src", "passes", "grammar"];
  const sources = folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) =>
        join(root, folder, file),
      ),
    )
    .filter(
      (file) =>
        file.endsWith(".ts") && !/diagnostic\/codes\.ts$|\/generate\//.test(file.replaceAll("\\", "/")),
    )
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  // `unclosed-${what}` is of a string or a name.
  const raised = (code: string): boolean =>
    sources.includes(`"${code}"`) || (code.startsWith("unclosed-") && sources.includes("`unclosed-${what}`"));
  expect(codes.filter((code) => !raised(code))).toEqual([]);
});

test("an example that does not give its code is an error", async () => {
  const net = "net n {\n  input x: f32[N, 8]\n  output y = relu(x)\n}\n";
  const right = {
    name: "unknown-op",
    files: [{ name: "model.net", text: net }],
    command: "cleave check model.net",
  };
  await expect(exampleText(right)).rejects.toThrow("the example of unknown-op does not give this code");
  const wrong = { ...right, files: [{ name: "model.net", text: net.replace("relu", "rellu") }] };
  expect(await exampleText(wrong)).toContain("error[unknown-op]: there is no op or block `rellu`");
});
