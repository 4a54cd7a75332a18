// The paths of parameters in the language reference are those that nets have.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";

test("the paths in the comments of the reference are those of the parameters", () => {
  const reference = readFileSync(join(import.meta.dirname, "../../docs/language.md"), "utf8");
  const [, text = ""] = /```net\n(block stage.*?)^```$/ms.exec(reference) ?? [];
  const said = [...text.matchAll(/# (\S+\.kernel)$/gm)].map((match) => match[1]);
  expect(said).toHaveLength(4);
  const { value, diagnostics } = elaborate(parse(text, "language.md").partial);
  expect(diagnostics).toEqual([]);
  const parameters = [...value!.graph.nodes.values()].filter((node) => node.op === "constant");
  expect(parameters.map((node) => node.name).filter((name) => name.endsWith(".kernel"))).toEqual(said);
});
