// Every pass, by cases: a net, and the graph after that pass alone.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { printGraph } from "#inspect/lift.js";
import { passes } from "#passes/index.js";
import type { PassOptions } from "#passes/index.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { runPipeline } from "#rewrite/pipeline/pipeline.js";
import { verify } from "#ops/verify.js";
import { cases, parseCases } from "../cases.js";
import { testTarget } from "./target.js";

const folder = import.meta.dirname;
const files = readdirSync(folder).filter((file) => file.endsWith(".txt"));

for (const file of files) {
  const pass = passes.find(({ name }) => `${name}.txt` === file);
  if (!pass) throw new Error(`no pass is named as ${file}`);
  cases(folder, file, (input, { options: { rules, bindingBytes, ...rest } }) => {
    const module = elaborate(parse(input, file).value!).value!;
    const own =
      typeof rules === "string" ? { rules: compileRules(parse(rules, "rules").value!.items).value! } : {};
    const target =
      typeof bindingBytes === "number" ? { ...testTarget, buffers: { bindingBytes } } : testTarget;
    const options: PassOptions = { ...rest, ...own };
    const { value, diagnostics } = runPipeline(module, [pass], { target, options });
    expect(diagnostics).toEqual([]);
    expect(verify(value!)).toEqual([]);
    // At a fixpoint, the pass returns the identical graph.
    if (pass.name !== "split")
      expect(runPipeline(value!, [pass], { target, options }).value!.graph).toBe(value!.graph);
    return value === module ? "unchanged" : printGraph(value!, { types: false });
  });
}

test("every pass has a case in which it changes something", () => {
  const changed = files
    .filter((file) =>
      parseCases(readFileSync(join(folder, file), "utf8"), file).some(
        ({ expected }) => expected !== "unchanged",
      ),
    )
    .map((file) => file.replace(".txt", ""));
  // The cases of `fuse` are in their own folder.
  if (existsSync(join(folder, "../fuse"))) changed.push("fuse");
  expect(passes.map((pass) => pass.name).filter((name) => !changed.includes(name))).toEqual([]);
});
