// Built-in rules and fusions can be left out, each by its name.

import { expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { builtInFusions } from "#passes/fuse/plan-fusions.js";
import { builtInRules } from "#passes/rules/index.js";
import { moduleOf } from "../schedule/module-of.js";

const net = `net n {
  input x: f32[1, 8, 8, 4]
  d = depthwise_conv2d(relu(relu(x)), kernel=3x3, padding=same)
  p = relu(conv2d(d, filters=8, kernel=1x1))
  output y = softmax(global_avg_pool(p) |> dense(units=4) |> tanh |> abs)
}
`;

function kernels(withoutRules: readonly string[]): string[] {
  const { value, diagnostics } = optimize(moduleOf(net), { withoutRules });
  expect(diagnostics).toEqual([]);
  return [...value!.module.graph.kernels.values()].map(({ fusion }) => fusion ?? "");
}

function ops(withoutRules: readonly string[]): string[] {
  const { value } = optimize(moduleOf(net), { withoutRules, stopAfter: "canonicalize" });
  return [...value!.module.graph.nodes.values()].map(({ op }) => op);
}

test("a fusion that is left out makes no kernel", () => {
  expect(kernels([])).toContain("separable");
  expect(kernels(["separable"])).not.toContain("separable");
  const all = builtInFusions().map(({ name }) => name);
  expect(kernels(all)).toEqual([]);
});

test("a rule that is left out does not apply", () => {
  expect(ops([]).filter((op) => op === "relu")).toHaveLength(2);
  expect(ops(["relu_of_relu"]).filter((op) => op === "relu")).toHaveLength(3);
});

test("all names are known, and an unknown one is an error", () => {
  for (const { name } of [...builtInRules(), ...builtInFusions()]) kernels([name]);
  const { value, diagnostics } = optimize(moduleOf(net), { withoutRules: ["seperable", "?"] });
  expect(value).toBeUndefined();
  expect(diagnostics.map(({ message }) => message)).toEqual([
    "there is no rule, set of rules or fusion `seperable`",
    "there is no rule, set of rules or fusion `?`",
  ]);
  expect(diagnostics[0]?.help).toEqual(["did you mean `separable`?"]);
});
