// Blocks by structure: modules of Inceptions, residual blocks, stages of chains, nested nets; names that say enough are left alone.

import { expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { regionsOf } from "#film/regions.js";
import type { Graph } from "#ir/graph.js";

/** A graph whose names have no paths. */
function flat(body: string): Graph {
  const { value, diagnostics } = elaborate(
    parse(`net flat {\n  input x: f32[1, 64, 64, 4]\n${body}}\n`, "flat.net").value!,
  );
  expect(diagnostics).toEqual([]);
  const { graph } = value!;
  const nodes = new Map(
    [...graph.nodes].map(([id, node]) => [id, { ...node, name: node.name.replaceAll(".", "_") }]),
  );
  return { ...graph, nodes };
}

/** The blocks with the names of their nodes. */
function blocks(graph: Graph): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [id, path] of regionsOf(graph))
    found.set(path.join(" › "), [...(found.get(path.join(" › ")) ?? []), graph.nodes.get(id)!.name]);
  return found;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

test("each module of an Inception is a block with the name of its sum", () => {
  const modules = range(9).map((at) => {
    const from = at === 1 ? "stem3" : `mixed${at - 1}`;
    return `  a${at} = relu(${from})
  b${at} = relu(tanh(${from}))
  c${at} = abs(max_pool(${from}, kernel=3x3, stride=1, padding=1))
  mixed${at} = concat(a${at}, b${at}, c${at}, axis=3)
`;
  });
  const found = blocks(
    flat(
      `  stem1 = tanh(x)\n  stem2 = exp(stem1)\n  stem3 = abs(stem2)\n${modules.join("")}  p = global_avg_pool(mixed9)\n  output y = softmax(p)\n`,
    ),
  );
  expect([...found.keys()]).toEqual(["stem1 – stem3", ...range(9).map((at) => `mixed${at}`), "p – y"]);
  expect(found.get("mixed4")).toHaveLength(6);
});

test("what follows a residual sum element by element belongs to its block", () => {
  const parts = range(14).map(
    (at) =>
      `  l${at} = conv2d(${at === 1 ? "x" : `r${at - 1}`}, filters=4, kernel=1x1)\n  s${at} = l${at} + ${at === 1 ? "x" : `r${at - 1}`}\n  r${at} = relu(s${at})\n`,
  );
  const found = blocks(flat(`${parts.join("")}  output y = r14\n`));
  expect(found.get("s5")?.toSorted()).toEqual(["l5", "r5", "s5"]);
});

test("the stages of a long chain are blocks", () => {
  const stages = range(4).map(() => `  repeat 12 { x = tanh(x) }\n  x = max_pool(x, kernel=2x2)\n`);
  const found = blocks(flat(`${stages.join("")}  output y = x\n`));
  expect(found.size).toBeGreaterThanOrEqual(4);
  expect(found.size).toBeLessThan(9);
});

test("thousands of parts become few, which have parts inside", () => {
  const found = blocks(flat(`  repeat 3000 { x = tanh(x) }\n  output y = x\n`));
  const outer = new Set([...found.keys()].map((path) => path.split(" › ")[0]));
  expect(outer.size).toBeLessThanOrEqual(32);
  expect(found.size).toBeGreaterThan(100);
});

test("a net with long skips has blocks inside blocks", () => {
  const down = range(4).map(
    (at) =>
      `  d${at} = ${range(20).reduce((text) => `tanh(${text})`, at === 1 ? "x" : `max_pool(d${at - 1}, kernel=2x2)`)}\n`,
  );
  const up = range(3).map((at) => {
    const level = 4 - at;
    const below = at === 1 ? "d4" : `u${level + 1}`;
    return `  u${level} = concat(resize(${below}, size=${64 >> (level - 1)}x${64 >> (level - 1)}), d${level}, axis=3) |> tanh |> tanh\n`;
  });
  const found = blocks(flat(`${down.join("")}${up.join("")}  output y = u1\n`));
  expect([...found.keys()].some((path) => path.split(" › ").length > 1)).toBe(true);
});

test("a value that all parts read, such as a mask, ends no block and joins none", () => {
  const parts = range(14).map(
    (at) =>
      `  a${at} = tanh(${at === 1 ? "x" : `s${at - 1}`})\n  s${at} = a${at} * mask + ${at === 1 ? "x" : `s${at - 1}`}\n`,
  );
  const found = blocks(flat(`  mask = abs(x)\n${parts.join("")}  output y = s14\n`));
  expect(found.size).toBeGreaterThan(8);
});

test("names with paths that give few parts are enough", () => {
  const { value } = elaborate(
    parse(
      "block b(x) {\n  y = tanh(x)\n  return abs(y)\n}\nnet n {\n  input x: f32[1, 4]\n  repeat 20 { x = b(x) }\n  output x\n}\n",
      "n.net",
    ).value!,
  );
  expect(regionsOf(value!.graph).size).toBe(0);
});
