// docs/tfjs.md lists what is imported, made of the tables of layers, activations and operators; `UPDATE=1` writes it.

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { activations } from "#import/tfjs/activations.js";
import { blockOperators } from "#import/tfjs/graph/blocks.js";
import { operators } from "#import/tfjs/graph/index.js";
import { layers } from "#import/tfjs/layers/index.js";

const path = "docs/tfjs.md";
const [start, end] = ["<!-- known -->\n", "<!-- /known -->"];

const list = (names: Readonly<Record<string, unknown>>, more: readonly string[] = []): string =>
  [...Object.keys(names), ...more]
    .sort()
    .map((name) => `\`${name}\``)
    .join(" ");

test("docs/tfjs.md lists what is imported", () => {
  const text = readFileSync(path, "utf8");
  const [before, rest = ""] = text.split(start);
  const known = [
    "",
    `**Layers**: ${list(layers, ["InputLayer", "Sequential", "Model", "Functional"])}`,
    "",
    `**Activations**: ${list(activations)}`,
    "",
    `**Operators of graph models**: ${list(operators, ["Placeholder", "Const", ...blockOperators])}`,
    "",
    "",
  ].join("\n");
  const fresh = `${before}${start}${known}${end}${rest.split(end)[1] ?? ""}`;
  if (process.env["UPDATE"] === "1") writeFileSync(path, fresh);
  else expect(text).toBe(fresh);
});
