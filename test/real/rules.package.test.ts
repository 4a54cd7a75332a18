// The part of docs/rules.md about published models: its commands answer what it says, and its table has the counts that the compiler gives.

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { RuleSet } from "../../src/index.js";
import { optimize, parseRules } from "../../src/index.js";
import { scheduleModule } from "#compile/schedule-module.js";
import { targetOf } from "#compile/targets.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { TargetName } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { cleave } from "../cli/terminal.js";
import { readPublished } from "./published.js";

const page = readFileSync("docs/rules.md", "utf8");
const part = /^## Rules on published models\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(page)?.[1] ?? "";
const files = new Map(
  [...part.matchAll(/^- `(\w+)`: `node_modules\/(\S+)`(?:, (\S+))?/gm)].map(
    ([, name = "", path = "", dims = ""]) => [name, { path, dims }] as const,
  ),
);
const isThere = [...files.values()].every(({ path }) => existsSync(`node_modules/${path}`));

test("the page names models and rules", () => {
  expect(files.size).toBeGreaterThan(4);
  expect(rows.length).toBeGreaterThan(5);
  expect(commands.length).toBeGreaterThan(2);
});

/** `cleave …` and the lines after it that are indented too, which it prints among others. */
const commands = [
  ...part.matchAll(/^ {4}cleave (.*)\n((?:\n(?=\n? {4}(?!cleave))| {4}(?!cleave).*\n)*)/gm),
].map(([, command = "", said = ""]) => [command, said.trim()] as const);

/** The rows of the table. */
const rows = [...part.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, name = "", rest = ""]) => {
  const [how = "", applied = "", ops = "", wasm = "", wgsl = ""] = rest.split("|").map((cell) => cell.trim());
  return { name, how, applied, ops, wasm, wgsl };
});

if (!isThere) console.warn("the published models are not installed (npm ci): their rules are not tried");

test.skipIf(!isThere && !process.env.CI).each(commands)("cleave %s", async (command, said) => {
  // Other tests check these rules.
  const { code, out } = await cleave(...command.split(" "), "--trust-rules");
  expect(code).toBe(0);
  for (const line of said.split("\n").filter((one) => one.trim() !== "")) expect(out).toContain(line.trim());
});

test.skipIf(!isThere && !process.env.CI).each(rows)("$name: $how", ({ name, how, applied, ...counts }) => {
  const model = modelOf(name);
  const rules = [...how.matchAll(/`([\w-]+\.net)`/g)].map(([, file = ""]) => rulesOf(file));
  const withoutRules = [...how.matchAll(/without `(\w+)`/g)].map(([, rule = ""]) => rule);
  const options = {
    rules: rules.flatMap((one) => one.rules),
    fusions: rules.flatMap((one) => one.fusions),
    withoutRules,
    trustRules: true,
  };
  const [wasm, wgsl] = (["wasm", "wgsl"] as const).map((target) => {
    const [before, after] = [{}, options].map((own) => optimize(model, { target, ...own }).value!);
    return { before: before!, after: after!, target };
  });
  const kernels = ({ before, after, target }: NonNullable<typeof wasm>): string =>
    [before, after].map(({ module }) => kernelsOf(module, target)).join(" → ");
  const found = [...new Set(options.rules.map((rule) => rule.name))].flatMap((rule) => {
    const all = wasm!.after.ruleCounts.filter((one) => one.rule === rule);
    const count = all.reduce((sum, one) => sum + one.count, 0);
    return count === 0 ? [] : [`${count} \`${rule}\``];
  });
  expect({
    applied: found.join(", ") || "none",
    ops: [wasm!.before, wasm!.after].map(({ module }) => opsIn(module)).join(" → "),
    wasm: kernels(wasm!),
    wgsl: kernels(wgsl!),
  }).toEqual({ applied, ...counts });
});

const models = new Map<string, Module>();

function modelOf(name: string): Module {
  const { path, dims } = files.get(name) ?? bug(`${name} has no file`);
  const model = models.get(name) ?? readPublished(`${path}\n${dims.replaceAll(",", " ")}`).model;
  models.set(name, model);
  return model;
}

function rulesOf(file: string): RuleSet {
  const { value, diagnostics } = parseRules(readFileSync(`examples/rules/${file}`, "utf8"), file);
  expect(diagnostics).toEqual([]);
  return value!;
}

function kernelsOf(module: Module, target: TargetName): number {
  return scheduleModule(module, targetOf(target).target).groups.length;
}

function opsIn({ graph }: Module): number {
  return [...graph.nodes.values()].filter(({ op }) => op !== "input" && op !== "constant").length;
}
