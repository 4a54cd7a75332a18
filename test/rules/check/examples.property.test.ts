// The examples of all wrong rules fit a screen, and a run of the net that is printed shows the difference.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { render } from "#diagnostic/render.js";
import { parse } from "#grammar/reading/parse.js";
import { distance } from "#rewrite/check/compare-sides.js";
import { checkRule } from "#rewrite/check/check-rule.js";
import { shrinkExample } from "#rewrite/check/shrink.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { exampleNet } from "#report/example-net.js";
import { ruleProblems } from "#report/rule-problems.js";
import { createWeightStore } from "#weights/store.js";
import { parseCases } from "../../cases.js";

const wrong = ["wrong.txt", "counterexamples.txt"].flatMap((file) =>
  parseCases(readFileSync(join(import.meta.dirname, file), "utf8"), file).map(
    ({ name, input }) => [`${file}: ${name}`, input] as const,
  ),
);

/** The lines that a message may have. */
const mostLines = 25;

test.each(wrong)("%s", async (_, text) => {
  const { value } = compileRules(parse(text, "rules.net").value!.items);
  const [rule] = value!;
  const check = checkRule(rule!, { createStore: createWeightStore });
  const problems = ruleProblems(check, createWeightStore);
  for (const problem of problems) {
    const lines = render([problem], new Map([["rules.net", text]]))
      .trimEnd()
      .split("\n");
    expect(lines.length, lines.join("\n")).toBeLessThanOrEqual(mostLines);
  }
  if (!check.counterexample) return;
  const { shown, ...example } = shrinkExample(rule!, check.counterexample, createWeightStore);
  expect(shown.kind).toBe("differs");
  if (shown.kind !== "differs") return;
  const printed = exampleNet(rule!, { ...example, shown });
  expect(problems[0]!.example).toBe(printed);
  const { left, right } = await run(printed);
  const { element } = shown;
  const seen = { ...element, left: left![element.index]!, right: right![element.index]! };
  // A run rounds to f32, and so may move both values a little.
  expect(distance(seen), printed).toBeGreaterThan(0.5 * Math.min(distance(element), Number.MAX_VALUE));
});

/** The outputs of a net as the command in its comment computes them. */
async function run(text: string): Promise<Record<string, ArrayLike<number>>> {
  const passes = /--passes (\S+)/.exec(text)![1]!.split(",");
  const compiled = compile(text, { target: "js", passes });
  expect(compiled.diagnostics).toEqual([]);
  const net = await load(compiled.value!);
  return net.run({});
}
