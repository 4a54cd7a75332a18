// `verify` compares with the model as written: it separates drift by approximations from errors of the code, per output, and neither hides the other.

import { describe, expect, test } from "vitest";
import { emit, interpret, optimize, parseRules, verifyArtifact } from "../../src/index.js";
import type { Module, OptimizeOptions } from "../../src/index.js";
import { randomInputs } from "../op-module.js";
import { seededRandom } from "#ops/random.js";
import { moduleOf } from "../schedule/module-of.js";

const model = moduleOf(`net two {
  input x: f32[N, 6, 6, 8]
  c = conv2d(x, filters=16, kernel=3x3, padding=same)
  output y = sigmoid(c) |> global_avg_pool
  output z = tanh(x)
}`);

const rules = (text: string) => parseRules(text, "r.net").value!.rules;
const ways: readonly (readonly [string, OptimizeOptions, Record<string, string[]>])[] = [
  ["a split", { split: { mode: "multiplier", m: 1 } }, { y: ["split"], z: [] }],
  [
    "a rule",
    { approx: true, rules: rules("rule approx(0.5) soft: sigmoid(x) => hard_sigmoid(x)") },
    { y: ["rule soft"], z: [] },
  ],
  ["rounded weights", { weightType: "int8" }, { y: ["weights int8"], z: [] }],
  [
    "two rules and a split",
    {
      approx: true,
      split: { mode: "error", budget: 0.9 },
      rules: rules(
        "rule approx(0.5) soft: sigmoid(x) => hard_sigmoid(x)\nrule approx(0.9) line: tanh(x) => clip(x, low=-1, high=1)",
      ),
    },
    { y: ["rule soft", "split"], z: ["rule line"] },
  ],
];

/** The greatest difference of two modules' outputs, and the greatest value of the first, on inputs that the test draws. */
function apart(a: Module, b: Module, name: string): number {
  const inputs = randomInputs(a, seededRandom(3));
  const [one, other] = [a, b].map((module) => interpret(module, inputs).get(name)!.data);
  return Math.max(...one!.map((value, at) => Math.abs(value - other![at]!)));
}

describe.each(ways)("%s", (_, options, by) => {
  const optimized = optimize(model, options).value!;
  const artifact = () => emit(optimized.module, { target: "js" });

  test("drifts, and the code is right", async () => {
    const comparisons = await verifyArtifact(artifact(), model, { optimized, kinds: ["normal"] });
    for (const comparison of comparisons) {
      const { output, drift, largestDifference, allowed } = comparison;
      expect(largestDifference).toBeLessThanOrEqual(allowed);
      expect(drift!.by.toSorted(), output).toEqual(by[output]);
      // Other inputs drift about as far.
      const expected = apart(model, optimized.module, output);
      expect(drift!.largestDifference > 1e-3, output).toBe(expected > 1e-3);
      expect(drift!.largestDifference, output).toBeGreaterThan(expected / 5 - 1e-9);
      expect(drift!.largestDifference, output).toBeLessThan(expected * 5 + 1e-9);
    }
  });

  test("fails if the drift exceeds the limit", async () => {
    for (const mostDrift of [0, 1e-3, 0.05, 2]) {
      for (const { agrees, drift } of await verifyArtifact(artifact(), model, { optimized, mostDrift })) {
        expect(drift!.allowed).toBe(mostDrift);
        expect(agrees).toBe(drift!.relative <= mostDrift);
      }
    }
    await expect(verifyArtifact(artifact(), model, { mostDrift: Number.NaN })).rejects.toThrow(
      new TypeError("verifyArtifact takes mostDrift as a number from 0 up, not NaN"),
    );
  });

  test("does not hide an error of the code, which is not drift", async () => {
    const right = artifact();
    const wrong = { ...right, module: right.module.replace(/\+= (\w+) \* (\w+);/, "-= $1 * $2;") };
    expect(wrong.module).not.toBe(right.module);
    const [y] = await verifyArtifact(wrong, model, { optimized });
    expect(y!.agrees).toBe(false);
    expect(y!.largestDifference).toBeGreaterThan(y!.allowed);
    const [own] = await verifyArtifact(right, model, { optimized });
    expect(y!.drift).toEqual(own!.drift);
  });

  test("counts as a difference to the model as written if it is not declared", async () => {
    const comparisons = await verifyArtifact(artifact(), model);
    expect(comparisons.map(({ agrees }) => agrees)).toEqual([false, by["z"]!.length === 0]);
    for (const comparison of comparisons) expect(comparison).not.toHaveProperty("drift");
  });
});

test("an approximation that gives NaN always exceeds the limit", async () => {
  const options = {
    approx: true,
    trustRules: true,
    rules: rules("rule approx(0.9) lost: tanh(x) => sqrt(x)"),
  };
  const optimized = optimize(model, options).value!;
  const comparisons = await verifyArtifact(emit(optimized.module), model, { optimized, mostDrift: Infinity });
  expect(comparisons.map(({ agrees }) => agrees)).toEqual([true, false]);
  expect(comparisons[1]!.drift).toMatchObject({ largestDifference: Number.NaN, by: ["rule lost"] });
});

test("exact passes leave no drift", async () => {
  const optimized = optimize(model).value!;
  expect(optimized.approximations).toEqual([]);
  for (const comparison of await verifyArtifact(emit(optimized.module), model, { optimized }))
    expect(comparison).not.toHaveProperty("drift");
});

describe.each(["f16", "int8"] as const)("weights as %s", (weightType) => {
  const optimized = optimize(model, { weightType }).value!;

  test("may drift as far as their rounding explains", async () => {
    const [y, z] = await verifyArtifact(emit(optimized.module), model, { optimized });
    expect(y).toMatchObject({ agrees: true, drift: { agrees: true } });
    expect(y!.drift!.allowed).toBeLessThan({ f16: 5e-3, int8: 0.1 }[weightType]);
    expect(y!.drift!.relative).toBeGreaterThan(y!.drift!.allowed / 100);
    expect(z!.drift!.relative).toBe(0);
  });

  test("do not excuse another change of the graph", async () => {
    const { graph, weights } = optimized.module;
    const nodes = new Map(
      [...graph.nodes].map(([id, node]) => {
        if (node.op !== "constant" || node.type.shape.length !== 1) return [id, node];
        const data = new Float32Array(16).fill(0.1);
        return [
          id,
          { ...node, attributes: { weight: weights.add("bias", node.type, { kind: "literal", data }) } },
        ];
      }),
    );
    const changed = { graph: { ...graph, nodes }, weights };
    const [y] = await verifyArtifact(emit(changed), model, { optimized: { ...optimized, module: changed } });
    expect(y).toMatchObject({ agrees: false, drift: { agrees: false } });
    expect(y!.largestDifference).toBeLessThanOrEqual(y!.allowed);
  });
});
