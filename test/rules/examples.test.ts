// The rule files in examples/rules, on nets that were exported to ONNX and imported again: kernels before and after, and equal values.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile, elaborate, interpret, optimize, parse, parseRules, tensor } from "../../src/index.js";
import type { RuleSet } from "../../src/index.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { exported } from "../export/exported.js";

interface Example {
  readonly net: string;
  /** Kernels of a run on a GPU, and ops of the optimized graph, without and with the rules. */
  readonly kernels: readonly [number, number];
  readonly ops: readonly [number, number];
}

const examples: Readonly<Record<string, Example>> = {
  "hard-swish": {
    net: `net swish {
      input x: f32[N, 8, 8, 4]
      y = conv2d(x, filters=8, kernel=3x3, padding=same)
      y = y * clip(y * 0.16666667 + 0.5, low=0, high=1)
      y = conv2d(y, filters=8, kernel=3x3, padding=same)
      output z = clip(y + 3, low=0, high=6) / 6 * y
    }`,
    kernels: [2, 2],
    ops: [7, 4],
  },
  "squeeze-excite": {
    net: `net gate {
      input x: f32[N, 8, 8, 4]
      y = conv2d(x, filters=8, kernel=3x3, padding=same)
      s = global_avg_pool(y, keepdims=true) |> conv2d(filters=4, kernel=1x1) |> relu
      output z = y * (conv2d(s, filters=8, kernel=1x1) |> sigmoid)
    }`,
    kernels: [5, 4],
    ops: [7, 8],
  },
  repvgg: {
    net: `block branches(x, filters) {
      a = conv2d(x, filters=filters, kernel=3x3, padding=same, bias=false) |> batch_norm
      b = conv2d(x, filters=filters, kernel=1x1, bias=false) |> batch_norm
      c = batch_norm(x)
      return a + b + c |> relu
    }
    net rep {
      input x: f32[N, 8, 8, 4]
      y = branches(x, filters=4)
      output z = branches(y, filters=4)
    }`,
    kernels: [4, 2],
    ops: [14, 4],
  },
};

test("every file in examples/rules is shown", () => {
  const files = readdirSync("examples/rules").map((file) => file.replace(/\.net$/, ""));
  expect(files.sort()).toEqual(Object.keys(examples).sort());
});

test.each(Object.entries(examples))(
  "%s",
  (name, { net, kernels, ops }) => {
    const module = imported(net);
    const { value: own, diagnostics } = parseRules(readFileSync(`examples/rules/${name}.net`, "utf8"), name);
    expect(diagnostics).toEqual([]);
    const options = [{}, own!] as const;
    expect(options.map((rules) => compile(module, { target: "wgsl", ...rules }).value!.kernels)).toEqual(
      kernels,
    );
    const [plain, ruled] = options.map((rules) => optimized(module, rules));
    expect([plain!, ruled!].map(opsIn)).toEqual(ops);

    const random = seededRandom(7);
    const inputs = new Map([["x", tensor([1, 8, 8, 4], () => random.normal())]]);
    const [before, after] = [module, ruled!].map((one) => [...interpret(one, inputs).values()][0]!.data);
    const most = before!.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0);
    for (const [at, value] of before!.entries())
      expect(Math.abs(value - after![at]!)).toBeLessThan(1e-5 * most);
  },
  120_000,
);

/** A net as an importer makes it of an exported file. */
function imported(net: string): Module {
  const module = elaborate(parse(net, "net.net").value!).value!;
  const { value, diagnostics } = importOnnx(exported(module), { file: "net.onnx" });
  expect(diagnostics).toEqual([]);
  return value!;
}

function optimized(module: Module, rules: Partial<RuleSet>): Module {
  const { value, diagnostics } = optimize(module, { target: "wgsl", ...rules });
  expect(diagnostics).toEqual([]);
  return value!.module;
}

function opsIn({ graph }: Module): number {
  return [...graph.nodes.values()].filter(({ op }) => op !== "input" && op !== "constant").length;
}
