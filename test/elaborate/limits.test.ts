// Long and deep programs: no stack overflow, no endless run.

import { expect, test } from "vitest";
import { parse } from "#grammar/parse.js";
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
  // Of another store, so that the formulas are compared and not their names.
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

test("blocks that call blocks twice, over and over", () => {
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
