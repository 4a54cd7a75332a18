// Long and deep programs: no stack overflow, and no program that runs endlessly.

import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { elaborate } from "#elaborate/elaborate.js";
import { interpret } from "#interpret/interpret.js";
import { printGraph } from "#inspect/lift.js";
import { sameGraph } from "#ir/compare.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { verify } from "#ops/verify.js";

function net(body: string, before = ""): { module: Module | undefined; diagnostics: readonly Diagnostic[] } {
  const { value, diagnostics } = parse(`${before}\nnet m {\n  input x: f32[1]\n${body}\n}`, "m.net");
  if (!value) return { module: undefined, diagnostics };
  const result = elaborate(value);
  return { module: result.value, diagnostics: result.diagnostics };
}

test("5,000 operands and 5,000 pipes", () => {
  const { module } = net(`  y = ${"x + ".repeat(4999)}x\n  z = y ${"|> neg ".repeat(5000)}\n  output z`);
  expect(module?.graph.nodes.size).toBe(1 + 4999 + 5000);
  expect(verify(module!)).toEqual([]);
  const z = interpret(module!, new Map([["x", tensor([1], () => 2)]])).get("z");
  expect(z?.data[0]).toBe(10_000);
});

test("5,000 operands of a formula over weights", () => {
  const { module } = net(`  param w: f32[1] = ${"1 + ".repeat(4999)}[1]\n  output y = x + w`);
  const y = interpret(module!, new Map([["x", tensor([1])]])).get("y");
  expect(y?.data[0]).toBe(5000);
});

test("a graph of 20,000 nodes is printed and read again", () => {
  const { module } = net("  repeat 20000 { x = relu(x) }\n  output x");
  const text = printGraph(module!);
  const again = elaborate(parse(text, "dump.net").value!).value!;
  expect(sameGraph(module!, again)).toBeUndefined();
});

test("a formula of 5,000 operands over weights is printed and read again", () => {
  const { module } = net(
    `  param w: f32[1] = [2]\n  param v: f32[1] = ${"w * ".repeat(4999)}[1]\n  output y = x + v`,
  );
  const text = printGraph(module!);
  expect(text).toContain("stored(");
  const again = elaborate(parse(text, "dump.net").value!, { store: module!.weights }).value!;
  expect(sameGraph(module!, again)).toBeUndefined();
  // In another store, so that the formulas are compared and not their names.
  const other = net(
    `  param w: f32[1] = [2]\n  param v: f32[1] = ${"w * ".repeat(4999)}[1]\n  output y = x + v`,
  );
  expect(sameGraph(module!, other.module!)).toBeUndefined();
});

test("blocks that call blocks, too deep", () => {
  const blocks = Array.from({ length: 2000 }, (_, at) => `block b${at}(x) { return b${at + 1}(x) }`);
  const { diagnostics } = net("  output y = b0(x)", `${blocks.join("\n")}\nblock b2000(x) { return x }`);
  expect(diagnostics.map(({ code }) => code)).toEqual(["too-deep"]);
});

/** Blocks that double the work of the blocks that they call, `depth` times, around a body. */
function doubling(depth: number, body: string, count = "2"): string {
  const blocks = Array.from(
    { length: depth },
    (_, at) => `block b${at}(x, n) {\n  repeat ${count} { x = b${at + 1}(x, n) }\n  return x\n}`,
  );
  return `${blocks.join("\n")}\nblock b${depth}(x, n) { return ${body} }`;
}

describe("programs that take too long are counted before they run", () => {
  test.each([
    // A block takes s(k) = 13 + 2 s(k + 1): the repeat, and for each of two copies a statement, a call and its arguments, and the return.
    ["an empty repeat in a repeat", "", "  repeat 100000 { repeat 100000 {} }\n  output x", "10,000,200,002"],
    ["ops in repeats", "", "  repeat 100000 { repeat 10 { x = relu(x) } }\n  output x", "4,200,002"],
    ["blocks that double", doubling(40, "relu(x)"), "  output y = b0(x, 2)", "17,592,186,044,408"],
    ["blocks that double nothing", doubling(90, "x"), "  output y = b0(x, 2)", "1.9e+28"],
    ["pipes of blocks", doubling(40, "x |> relu |> relu"), "  output y = b0(x, 2)", "19,791,209,299,960"],
  ])("%s", (_name, before, body, steps) => {
    const { diagnostics } = net(body, before);
    expect(diagnostics.map(({ code }) => code)).toEqual(["too-large"]);
    expect(diagnostics[0]?.message).toBe(`the net takes at least ${steps} steps`);
  });

  test("the count is no higher than the real number", () => {
    const { module, diagnostics } = net(
      "  repeat 1000 { x = relu(x + 1) |> tanh }\n  y = b0(x, 2)\n  repeat 0 { repeat 100000 { repeat 100000 {} } }\n  output y",
      doubling(8, "max(x, [n])"),
    );
    expect(diagnostics).toEqual([]);
    expect(module).toBeDefined();
  });
});

describe("programs that cannot be counted are stopped while they run", () => {
  const often = (body: string): string => `  repeat n { repeat n { ${body} } }\n  output x`;
  test.each([
    ["an empty repeat in a repeat", "const n = 100000", often(""), "steps"],
    ["blocks that double", doubling(40, "relu(x)", "n"), "  output y = b0(x, 2)", "steps"],
    ["blocks that double nothing", doubling(40, "x", "n"), "  output y = b0(x, 2)", "steps"],
    ["ops", "const n = 100000", often("x = relu(x)"), "nodes"],
    ["layers", "const n = 100000", often("x = dense(x, units=1)"), "nodes"],
    ["sums of numbers", "const n = 100000", often(`y = ${"1 + ".repeat(1000)}1`), "steps"],
    ["lists", "const n = 100000", often(`y = [${"1, ".repeat(1000)}]`), "steps"],
    ["tensors", "const n = 100000", often(`y = [${"[1], ".repeat(1000)}]`), "steps"],
    [
      "lists that become tensors",
      `const n = 100000\nconst l = [${"1, ".repeat(1000)}]`,
      often("y = x + l"),
      "steps",
    ],
    ["operands", "const n = 100000", often(`y = concat(${"x, ".repeat(1000)})`), "steps"],
    [
      "defaults",
      `const n = 100000\nblock b(x, l=[${"1, ".repeat(1000)}]) { return x }`,
      often("y = b(x)"),
      "steps",
    ],
    ["long names", "const n = 100000", often(`\`${"long".repeat(1000)}\` = relu(x)`), "steps"],
  ])("%s", (_name, before, body, what) => {
    const { diagnostics } = net(body, before);
    expect(diagnostics.map(({ code }) => code)).toEqual(["too-large"]);
    expect(diagnostics[0]?.message).toContain(
      ` more than ${what === "steps" ? "2,000,000 steps" : "200,000 nodes"}`,
    );
  });
});

test("of thousands of errors, a hundred are reported", () => {
  const wrong = Array.from({ length: 5000 }, (_, at) => `  y${at} = relu(z${at})`).join("\n");
  const { diagnostics } = net(`${wrong}\n  output y0`);
  expect(diagnostics).toHaveLength(101);
  expect(diagnostics.at(-1)).toMatchObject({ code: "too-many-errors" });
});

test("thousands of inputs and outputs, and unknown names without similar ones", () => {
  const many = Array.from({ length: 20_000 }, (_, at) => at);
  const { module } = net(
    [
      ...many.map((at) => `  input i${at}: f32[1]`),
      ...many.map((at) => `  output o${at} = relu(i${at})`),
    ].join("\n"),
  );
  expect(module?.graph.outputs).toHaveLength(20_000);
});

test("the origin of an op is a few lines, however many blocks call each other", () => {
  const blocks = Array.from({ length: 90 }, (_, at) => `block b${at}(x) { return b${at + 1}(x) }`);
  const { module } = net("  output y = b0(x)", `${blocks.join("\n")}\nblock b90(x) { return relu(x) }`);
  for (const node of module?.graph.nodes.values() ?? [])
    expect(node.origin.spans.length).toBeLessThanOrEqual(16);
});

test("blocks that each call a block twice", () => {
  const blocks = Array.from(
    { length: 60 },
    (_, at) => `block b${at}(x) {\n  y = b${at + 1}(x)\n  y = b${at + 1}(x)\n  return x\n}`,
  );
  const { diagnostics } = net("  output y = b0(x)", `${blocks.join("\n")}\nblock b60(x) { return x }`);
  expect(diagnostics.map(({ code }) => code)).toEqual(["too-large"]);
});

test("names that are numbered by hand do not clash with numbers of bindings", () => {
  const { module } = net("  `x.2` = relu(x)\n  x = neg(x)\n  x = neg(x)\n  `x.2` = relu(x)\n  output x");
  expect(verify(module!)).toEqual([]);
});

test("a concat of more values than a node may have", () => {
  const { module } = net(`  output y = concat(${"x, ".repeat(4096)}axis=0)`);
  expect(module?.graph.outputs).toHaveLength(1);
  const { diagnostics } = net(`  output y = concat(${"x, ".repeat(4097)}axis=0)`);
  expect(diagnostics.map(({ message }) => message)).toEqual([
    "concat: it takes up to 4096 values, not 4097: combine parts of them first",
  ]);
});
