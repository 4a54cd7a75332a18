// Holds that no list of unknown length is spread into a call: an engine takes about 100,000 arguments, and a model may have more of anything.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseAst } from "vite";
import { expect, test } from "vitest";

/** Calls whose lists are short by their nature, and why. */
const short: Readonly<Record<string, string>> = {
  f32: "the axes of a shape",
  addInt: "the axes of a shape, or the taps of a window along one axis",
  body: "the axes of a shape",
  compare: "the two sides of a comparison",
  compute: "the operands of an operator",
  call: "the operands of a function of one value",
  f: "the operands of a function of one value",
  kernel: "the parameters of a kernel",
  read: "the loops of a sum: axes of a shape",
  around: "the loops of a sum: axes of a shape",
  add: "the loops of a sum: axes of a shape",
  "String.fromCharCode": "a piece of 24 KiB",
  "pass.setBindGroup": "the arguments of a recorded call",
  "draw.Diagram": "the parts of a rule of the grammar",
  "draw.Choice": "the parts of a rule of the grammar",
  "draw.Sequence": "the parts of a rule of the grammar",
};

const root = join(import.meta.dirname, "../..");

test.each(["src", "passes", "grammar"])("%s spreads no list of any length into a call", (folder) => {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .map((file) => join(root, folder, file));
  expect(files.length).toBeGreaterThan(0);
  const found = files.flatMap((file) =>
    spreads(readFileSync(file, "utf8")).flatMap((callee) =>
      Object.hasOwn(short, callee) ? [] : [`${relative(root, file)}: ${callee}(…)`],
    ),
  );
  expect(
    found,
    "`greatest`, `least` of src/diagnostic/extremes.ts, or a loop, take lists of any length",
  ).toEqual([]);
});

test("a spread is found", () => {
  expect(spreads("const a = Math.max(0, ...b); c.push(...d); f([...e]); g({ ...h });")).toEqual([
    "Math.max",
    "c.push",
  ]);
});

/** What is called with a spread list, as it is written. */
function spreads(text: string): string[] {
  const found: string[] = [];
  const open: unknown[] = [parseAst(text, { lang: "ts" })];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === null || typeof next !== "object") continue;
    const node = next as {
      type?: string;
      callee?: { start: number; end: number };
      arguments?: { type: string }[];
    };
    if (node.callee && node.arguments?.some(({ type }) => type === "SpreadElement"))
      found.push(text.slice(node.callee.start, node.callee.end));
    for (const child of Object.values(next).toReversed()) open.push(child);
  }
  return found;
}
