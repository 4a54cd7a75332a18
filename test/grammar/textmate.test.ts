// The TextMate grammar, with the engine of VS Code: what each word of a text is.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import oniguruma from "vscode-oniguruma";
import textmate from "vscode-textmate";
import { expect, test } from "vitest";
import { printName } from "#grammar/printing/print-name.js";
import { literalNames, opNames } from "#ops/index.js";
import { dtypes } from "#ir/type.js";
import { cases } from "../cases.js";

const root = join(import.meta.dirname, "../..");
const wasm = readFileSync(createRequire(import.meta.url).resolve("vscode-oniguruma/release/onig.wasm"));
await oniguruma.loadWASM(wasm);
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () =>
    textmate.parseRawGrammar(readFileSync(join(root, "grammar/cleave.tmLanguage.json"), "utf8"), "a.json"),
});
const grammar = (await registry.loadGrammar("source.cleave"))!;

/** The parts of a line with their scopes, without blanks. */
function scopesOf(lines: readonly string[]): [string, string][] {
  let stack = textmate.INITIAL;
  return lines.flatMap((line) => {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
    stack = ruleStack;
    return tokens.map(({ startIndex, endIndex, scopes }): [string, string] => [
      line.slice(startIndex, endIndex),
      scopes.at(-1)!.replace(/\.cleave$/, ""),
    ]);
  });
}

cases(import.meta.dirname, "textmate.txt", (input) =>
  scopesOf(input.trimEnd().split("\n"))
    .filter(([text]) => text.trim() !== "")
    .map(([text, scope]) => `${text.trim()}  ${scope}`)
    .join("\n"),
);

test("all ops, enum members and element types have their colours", () => {
  const scopeOf = (line: string, word: string): string | undefined =>
    scopesOf([line]).find(([text]) => text === word)?.[1];
  // An input is a statement.
  for (const op of opNames.filter((name) => name !== "input"))
    expect([op, scopeOf(`  y = ${printName(op)}(x)`, op)]).toEqual([
      op,
      printName(op) === op ? "support.function" : "variable.other.quoted",
    ]);
  for (const one of literalNames)
    expect([one, scopeOf(`  y = f(x, a=${one})`, one)]).toEqual([one, "constant.language"]);
  for (const one of dtypes)
    expect([one, scopeOf(`  input x: ${one}[1]`, one)]).toEqual([one, "storage.type"]);
  expect(literalNames.size).toBeGreaterThan(4);
});

test("no line of the examples leaves a string open, and each word has a scope", () => {
  const lines = readFileSync(join(root, "examples/mobilenet_v2.net"), "utf8").split("\n");
  const parts = scopesOf(lines).filter(([text]) => /\w/.test(text));
  expect(parts.length).toBeGreaterThan(100);
  expect(parts.filter(([, scope]) => scope === "source")).toEqual([]);
});
