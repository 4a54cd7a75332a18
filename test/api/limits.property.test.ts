// Graphs of many thousands of ops through every stage: no stack overflow, and no time that grows with the square of the size.

import { expect, test } from "vitest";
import { diffGraphs, diffText } from "#inspect/diff.js";
import { printKernels } from "#kernel/ir/print.js";
import { lower } from "#kernel/lower.js";
import { scheduleModule } from "#compile/schedule-module.js";
import { jsTarget } from "#backend/js/target.js";
import {
  compile,
  elaborate,
  emit,
  explain,
  explainKernels,
  explainText,
  graphDot,
  graphJson,
  optimize,
  parse,
  printGraph,
  verifyArtifact,
} from "../../src/index.js";

test.each([
  ["a chain", "  repeat 10000 { x = tanh(x) }\n  output x", 10_000],
  ["residuals", "  repeat 1000 { x = x + tanh(x) }\n  output x", 2000],
  ["a sum", `  z = tanh(x)\n  output y = ${"z + ".repeat(4999)}x`, 5000],
  ["a pipe", `  output y = x ${"|> tanh |> abs ".repeat(2500)}`, 5000],
  [
    "branches",
    `  z = tanh(x)\n  output y = concat(${Array.from({ length: 1000 }, (_, at) => `abs(z * ${at}.5)`).join(", ")})`,
    2002,
  ],
  // A constant of 5,000 ops becomes one constant.
  [
    "a formula",
    "  param w: f32[4] = [1, 2, 3, 4]\n  y = w\n  repeat 5000 { y = tanh(y) }\n  output z = x + y",
    5001,
  ],
])("%s", { timeout: 120_000 }, async (_, body, ops) => {
  const text = `net long {\n  input x: f32[1, 4]\n${body}\n}\n`;
  const model = elaborate(parse(text, "long.net").value!).value!;
  const { module } = optimize(model, { verify: true }).value!;
  const { kernels, setup } = emit(module);
  const report = {
    name: "long",
    before: explain(model),
    after: explainKernels(module),
    counts: { ops, kernels, setup },
  };
  expect(report.before.ops).toBe(ops);
  expect(kernels).toBeLessThanOrEqual(ops);
  expect(explainText(report).split("\n").length).toBeGreaterThan(ops);
  expect(graphJson(model).nodes.length).toBeGreaterThan(ops);
  expect(graphDot(module)).toContain("->");
  const lines = diffText(printGraph(model), printGraph(module));
  expect(lines.some(({ kind }) => kind !== "same")).toBe(true);
  expect(diffGraphs(model, module).changed.length).toBeGreaterThan(0);
  expect(printKernels(lower(scheduleModule(module, jsTarget)))).toContain("grid block");
  // Thousands of roundings in a row exceed the tolerance of f32 kernels; those of JavaScript compute in f64. Values that stay tiny, such
  // as those of thousands of tanh, are compared relative to their own size.
  expect(emit(module).kernels).toBeGreaterThan(0);
  const sources = new Map([["long.net", text]]);
  for (const one of await verifyArtifact(emit(module, { sources, target: "js" }), model, {
    kinds: ["normal"],
  }))
    expect(one).toMatchObject({ agrees: true });
});

// Packing seeded values of 10 GiB would take minutes.
test.each([
  ["wasm", "repeat 3 { x = dense(x, units=30000) }", /^n needs 10\.\d GiB of memory, and WebAssembly has/],
  [
    "js",
    "repeat 3 { x = dense(x, units=30000) }",
    /^n needs 10\.\d GiB of memory, and an array of JavaScript/,
  ],
  [
    "wgsl",
    "repeat 3 { x = dense(x, units=30000) }",
    /^n needs 10\.\d GiB of memory, and an array of JavaScript/,
  ],
  [
    "wgsl",
    "x = outer(x) * conv2d(outer(x), filters=1, kernel=1)",
    /^n needs maxStorageBufferBindingSize of \d+, and /,
  ],
] as const)("of a net that takes more than %s has no weight is read: %s", (target, body, message) => {
  const text = `
block outer(x) { return reshape(matmul(reshape(x, shape=[30000, 1]), reshape(x, shape=[1, 30000])), shape=[1, 30000, 30000, 1]) }
net n {
  input x: f32[1, 30000]
  ${body}
  output x
}
`;
  const { graph, weights } = elaborate(parse(text, "n.net").value!).value!;
  const read = (): never => {
    throw new Error("a weight was read");
  };
  const module = { graph, weights: { ...weights, read, readF32: read } };
  const { value, diagnostics } = compile(module, { target });
  expect(value).toBeUndefined();
  expect(diagnostics.map(({ code }) => code)).toContain("over-limit");
  expect(diagnostics.map((one) => one.message).join("\n")).toMatch(new RegExp(message, "m"));
});
