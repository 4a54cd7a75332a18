// The VS Code extension as it is packed: its files, its manifests, its patterns.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { strFromU8, unzipSync } from "fflate";

const folder = mkdtempSync(join(tmpdir(), "cleave-vscode-"));
let files: Record<string, Uint8Array>;
const text = (name: string): string => strFromU8(files[name]!);

beforeAll(() => {
  const packed = join(folder, "extension.vsix");
  execFileSync("npm", ["run", "--silent", "vscode", "--", packed]);
  files = unzipSync(readFileSync(packed));
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the package has what VS Code needs, and nothing else", () => {
  expect(Object.keys(files).sort()).toEqual([
    "[Content_Types].xml",
    "extension.vsixmanifest",
    "extension/LICENSE.txt",
    "extension/cleave.tmLanguage.json",
    "extension/extension.js",
    "extension/language-configuration.json",
    "extension/package.json",
    "extension/readme.md",
  ]);
});

test("every file that the manifests name is there, and its type is declared", () => {
  const manifest = JSON.parse(text("extension/package.json"));
  expect(manifest.version).toBe(JSON.parse(readFileSync("package.json", "utf8")).version);
  const named = [
    manifest.main,
    ...manifest.contributes.grammars.map((one: { path: string }) => one.path),
    ...manifest.contributes.languages.map((one: { configuration: string }) => one.configuration),
  ].map((path: string) => path.replace("./", "extension/"));
  const assets = [...text("extension.vsixmanifest").matchAll(/Path="([^"]+)"/g)].map(([, path]) => path!);
  expect(assets.length).toBe(3);
  for (const path of [...named, ...assets]) expect(Object.keys(files)).toContain(path);
  for (const path of Object.keys(files))
    if (path !== "[Content_Types].xml")
      expect(text("[Content_Types].xml")).toContain(`Extension=".${path.split(".").at(-1)}"`);
});

test("the grammar is that of the compiler, and the patterns of the configuration are valid", () => {
  expect(text("extension/cleave.tmLanguage.json")).toBe(
    readFileSync("grammar/cleave.tmLanguage.json", "utf8"),
  );
  const configuration = JSON.parse(text("extension/language-configuration.json"));
  const word = new RegExp(`^(?:${configuration.wordPattern})$`);
  for (const name of ["x", "x.2.d", "conv2d", "3x3"]) expect(name).toMatch(word);
  const { increaseIndentPattern, decreaseIndentPattern } = configuration.indentationRules;
  for (const line of ["net a {", "  x = conv2d(", "  repeat 3 {  # copies"])
    expect(line).toMatch(new RegExp(increaseIndentPattern));
  for (const line of ["  x = conv2d(y)", "# net a {", "rule r: x => x"])
    expect(line).not.toMatch(new RegExp(increaseIndentPattern));
  for (const line of ["}", "  )", "  } else {"]) expect(line).toMatch(new RegExp(decreaseIndentPattern));
});

test("the program is one file that needs only VS Code and Node", () => {
  const needed = [...text("extension/extension.js").matchAll(/\brequire\("([^"]+)"\)/g)].map(
    ([, name]) => name!,
  );
  const foreign = needed.filter((name) => !name.startsWith("node:") && name !== "vscode");
  expect(foreign.filter((name) => !builtinModules.includes(name))).toEqual([]);
  expect(needed).toContain("vscode");
});
