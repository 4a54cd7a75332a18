// Drawings of graphs: windows and shapes can be read, tall graphs have columns, frames hold what belongs together; and graphs as DOT.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { drawingColours } from "#film/model/colours.js";
import { drawingOf, graphSvg } from "#film/svg.js";
import { graphDot } from "#inspect/dot.js";
import type { Module } from "#ir/weights.js";

function moduleOf(source: string): Module {
  const { value, diagnostics } = elaborate(parse(source, "drawn.net").value!);
  expect(diagnostics).toEqual([]);
  return value!;
}

const windows = moduleOf(`net windows {
  input x: f32[1, 32, 32, 8]
  a = conv2d(x, filters=16, kernel=3x3, stride=2, padding=same)
  b = conv2d(a, filters=16, kernel=3x1, stride=1x2, padding=1x0, groups=4, dilation=2)
  c = depthwise_conv2d(b, kernel=5x5, padding=[1, 2, 3, 4])
  d = max_pool(c, kernel=2x2)
  e = conv2d(d, filters=4, kernel=1x1)
  output y = softmax(e)
}
`);

const headlines = [
  "conv2d 3×3 /2 same",
  "conv2d 3×1 /1×2 pad 1×0 dilation 2 groups 4",
  "depthwise_conv2d 5×5 pad [1, 2, 3, 4]",
  "max_pool 2×2",
  "conv2d 1×1",
];

test("windows in short, with what is not the default, and the shapes of all values", () => {
  const svg = graphSvg(windows);
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
  for (const line of headlines) expect(texts).toContain(line);
  for (const { op, type } of windows.graph.nodes.values())
    if (op !== "constant") expect(texts).toContain(type.shape.join("×"));
});

test("a long list of attributes goes on in a second line", () => {
  const svg = graphSvg(
    moduleOf(
      "net n {\n  input x: f32[1, 28, 28, 3, 2]\n  output y = slice(x, begin=[0, 10, 10, 1, 1], size=[1, 12, 12, 2, 1])\n}\n",
    ),
  );
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
  expect(texts).toEqual(expect.arrayContaining(["slice begin [0, 10, 10, 1, 1]", "size [1, 12, 12, 2, 1]"]));
});

test("DOT has the same, in ASCII", () => {
  const dot = graphDot(windows);
  for (const line of headlines) expect(dot).toContain(`\\n${line.replaceAll("×", "x")}`);
  const links = dot.split("\n").filter((line) => line.includes("->"));
  expect(links).toHaveLength(7);
  for (const link of links) expect(link).toMatch(/\[label="1(x\d+)+"\]/);
  expect(dot).toMatch(/^[\n -~]*$/);
});

describe("a net of many layers", () => {
  const lines = Array.from({ length: 30 }, (_, at) => `  x = unit(x, filters=${8 + (at % 3)})`);
  const tall = moduleOf(`block unit(x, filters) {
  return conv2d(x, filters=filters, kernel=3x3, padding=same, bias=false) |> batch_norm |> relu
}
net tall {
  input x: f32[1, 8, 8, 8]
${lines.join("\n")}
  output y = x
}
`);

  test("has columns", () => {
    const { width, height } = drawingOf(tall);
    expect(width / height).toBeGreaterThan(0.7);
    expect(width / height).toBeLessThan(2);
  });

  test("has frames around its blocks, and around its kernels once it has some", () => {
    const framesOf = (svg: string): number => svg.match(/stroke-dasharray/g)?.length ?? 0;
    const titles = (svg: string): string[] =>
      [...svg.matchAll(/font-size="9" [^>]*>([^<]*)</g)].map(([, title]) => title!);
    const written = graphSvg(tall);
    expect(framesOf(written)).toBeGreaterThanOrEqual(30);
    expect(titles(written)).toContain("x.7");
    const { module } = optimize(tall).value!;
    const fused = graphSvg(module);
    expect(module.graph.kernels.size).toBeGreaterThan(0);
    for (const id of module.graph.kernels.keys())
      expect(titles(fused).some((title) => title.startsWith(`${id} `))).toBe(true);
  });
});

test("a graph without ops", () => {
  expect(graphSvg(moduleOf("net n {\n  input x: f32[1, 4]\n  output x\n}\n"))).toContain(">x</text>");
});

test("the colours are those of the page", () => {
  const css = readFileSync(join(import.meta.dirname, "../../src/film/page/page.css"), "utf8");
  const { edge: _, frame: __, fills, ...others } = drawingColours;
  const named = [
    ...Object.entries(others),
    ...Object.entries(fills).map(([kind, colour]) => [`fill-${kind}`, colour] as const),
  ];
  for (const [name, colour] of named) expect(css).toContain(`  --${name}: ${colour};`);
});
