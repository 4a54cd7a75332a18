// Every built-in rule, by cases: a net, and the graph after only that rule has been applied.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { printGraph } from "#inspect/lift.js";
import { builtInRules } from "#passes/rules/index.js";
import { applyRules } from "#rewrite/rule/sweep.js";
import { verify } from "#ops/verify.js";
import { cases, parseCases } from "../cases.js";

const rules = new Map(builtInRules().map((rule) => [rule.name, rule]));
const folder = import.meta.dirname;
const files = readdirSync(folder).filter(
  (file) => file.endsWith(".txt") && !["mistakes.txt", "matching.txt", "patterns.txt"].includes(file),
);

for (const file of files) {
  cases(folder, file, (input, { name }) => {
    const rule = rules.get(ruleOf(name));
    if (!rule) throw new Error(`no rule ${ruleOf(name)}`);
    const module = elaborate(parse(input, file).value!).value!;
    const reported: unknown[] = [];
    const after = applyRules(module, [rule], { pass: "test", report: (one) => void reported.push(one) });
    expect(reported).toEqual([]);
    expect(verify(after)).toEqual([]);
    return after === module ? "unchanged" : printGraph(after, { types: false });
  });
}

test("every rule has a case in which it applies", () => {
  const applied = files
    .flatMap((file) => parseCases(readFileSync(join(folder, file), "utf8"), file))
    .filter(({ expected }) => expected !== "unchanged")
    .map(({ name }) => ruleOf(name));
  expect([...rules.keys()].filter((name) => !applied.includes(name))).toEqual([]);
});

/** A case is named after its rule; a colon may separate a description. */
function ruleOf(name: string): string {
  return name.split(":")[0] ?? name;
}
