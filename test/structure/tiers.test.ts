// Each test file is in the tier that it needs: its name says which, and what it imports tells what it needs.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { named } from "../../vitest.config.js";

const root = join(import.meta.dirname, "..");
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => path.replaceAll("\\", "/"));
const tests = sources.filter((path) => path.endsWith(".test.ts"));

type Tier = (typeof named)[number] | "unit";

/** What makes a file one of a tier; a file with several of them is in the first of these tiers. */
const needs: readonly (readonly [Tier, RegExp, string])[] = [
  ["bundler", /from "\.\/fixture\.js"/, "bundlers"],
  ["browser", /from "playwright-core"/, "a browser"],
  ["gpu", /\bcomputingDevice\(/, "a WebGPU adapter"],
  ["package", /\bdist\/src\b/, "what was built"],
  ["property", /from "fast-check"|\/scale\.js"/, "samples"],
];

/** The text of a test file, and of all files of `test/` that it imports. */
function textOf(path: string, seen = new Set<string>()): string {
  if (seen.has(path)) return "";
  seen.add(path);
  const text = readFileSync(join(root, path), "utf8");
  // Where devices are made, not all that use it ask for one that computes.
  if (path === "backend/wgsl/device.ts") return "";
  const imported = [...text.matchAll(/from "(\.{1,2}\/[^"]+)\.js"/g)]
    .map(([, to]) => join(path, "..", `${to!}.ts`).replaceAll("\\", "/"))
    .filter((to) => sources.includes(to));
  return [text, ...imported.map((to) => textOf(to, seen))].join("\n");
}

const tierOf = (path: string): string => /\.([^./]+)\.test\.ts$/.exec(path)?.[1] ?? "unit";

test("every file is in one tier that there is", () => {
  expect(tests.length).toBeGreaterThan(150);
  const odd = tests.filter((path) => !["unit", ...named].includes(tierOf(path) as Tier));
  expect(odd).toEqual([]);
  // A second dot would hide a tier from the globs of the projects.
  expect(tests.filter((path) => path.split("/").at(-1)!.split(".").length > 4)).toEqual([]);
});

test("all counts of draws follow SCALE", () => {
  const texts = tests.map((path) => [path, readFileSync(join(root, path), "utf8")] as const);
  const drawing = texts.filter(([, text]) => text.includes('from "fast-check"'));
  expect(drawing.length).toBeGreaterThan(10);
  const fixed = drawing.filter(([, text]) => !text.includes("numRuns: scaled(") || /numRuns: \d/.test(text));
  expect(fixed.map(([path]) => path)).toEqual([]);
});

describe.each(needs.map(([tier], rank) => [tier, rank] as const))("%s", (tier, rank) => {
  test("files that need it are named after it", () => {
    const [, pattern, what] = needs[rank]!;
    const before: readonly string[] = needs.slice(0, rank).map(([name]) => name);
    // This file names them all.
    const users = tests.filter((path) => path !== "structure/tiers.test.ts" && pattern.test(textOf(path)));
    expect(users.length).toBeGreaterThan(0);
    const wrong = users.filter((path) => ![tier, ...before].includes(tierOf(path)));
    expect(wrong, `these need ${what}`).toEqual([]);
  });
});
