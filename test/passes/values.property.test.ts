// Passes keep values: random graphs before and after each pass, and after all passes, in the reference interpreter.

import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { passes } from "#passes/index.js";
import type { PassOptions } from "#passes/index.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import { verifying } from "#rewrite/pipeline/instruments.js";
import type { Instrument } from "#rewrite/pipeline/pipeline.js";
import { runPipeline } from "#rewrite/pipeline/pipeline.js";
import { randomModule } from "../random-graph.js";
import { scale, scaled } from "../scale.js";
import { testTarget } from "./target.js";

/** A limit so small that some weights are cut. */
const target = { ...testTarget, buffers: { bindingBytes: 256 } };

const graphs = scaled(250);

function outputsOf(module: Module): Map<string, Tensor> {
  const random = seededRandom(99);
  const inputs = inputNodes(module.graph).map(
    (node) => [node.name, tensor(node.type.shape, () => random.normal())] as const,
  );
  return interpret(module, new Map(inputs));
}

/** Runs passes over random graphs; returns how many graphs they changed. */
function holdValues(
  list: readonly Pass<PassOptions>[],
  options: PassOptions = {},
  make: (random: Random) => Module = randomModule,
): number {
  let changed = 0;
  for (let seed = 1; seed <= graphs; seed += 1) {
    const before = make(seededRandom(seed));
    const run = runPipeline(before, list, { target, options }, { instruments: [verifying()] });
    expect(run.diagnostics, `seed ${seed}`).toEqual([]);
    const after = run.value!;
    if (after.graph === before.graph) continue;
    changed += 1;
    expectSameValues(before, after, `seed ${seed}`);
  }
  return changed;
}

function expectSameValues(before: Module, after: Module, what: string): void {
  const longest = longestReduction(before);
  const actual = outputsOf(after);
  for (const [name, { data }] of outputsOf(before)) {
    const found = Float32Array.from(actual.get(name)!.data);
    const at = firstDifference(found, data, longest);
    expect(at, `${what}, output ${name}: ${data[at]} became ${found[at]}`).toBe(-1);
  }
}

/** A random term of parts that rules look for: neutral constants, bounds, moves and their inverses, layers and shifts. */
function randomTerm(random: Random, depth: number): string {
  if (depth === 0) return random.pick(["x", "x", "z"]);
  const a = randomTerm(random, depth - 1);
  const b = (): string => randomTerm(random, random.int(0, depth - 1));
  const c = random.pick(["0", "1", "-1", "2", "0.5", "6", "3", "c", "d"]);
  const number = random.pick(["-1", "0", "2", "6"]);
  return random.pick([
    () => `(${a} ${random.pick(["+", "-", "*"])} ${random.pick([c, c, b()])})`,
    () => `(${c} ${random.pick(["+", "-", "*"])} ${a})`,
    () => `(${a} / ${random.pick(["2", "c", "d"])})`,
    () =>
      `${random.pick(["relu", "relu6", "neg", "abs", "sigmoid", "tanh", "identity", "hard_sigmoid", "square"])}(${a})`,
    () => `clip(${a}, low=${random.pick(["-1", "0", "1"])}, high=${random.pick(["2", "6", "inf"])})`,
    () => `${random.pick(["min", "max"])}(${a}, ${random.pick([number, b()])})`,
    () => `transpose(${a}, perm=${random.pick(["[0, 2, 1, 3]", "[0, 3, 1, 2]", "[0, 2, 3, 1]"])})`,
    () => `reshape(reshape(${a}, shape=[4, 2]), shape=[1, 2, 2, 2])`,
    () =>
      `slice(pad(${a}, before=[0, 1, 0, 0], after=[0, 0, 1, 0]), begin=[0, ${random.int(0, 1)}, 0, 0], size=[1, 2, 2, 2])`,
    () => `conv2d(pad(${a}, before=[0, 1, 1, 0], after=[0, 1, 1, 0]), filters=2, kernel=3x3)`,
    () => `batch_norm(conv2d(${a}, filters=2, kernel=1x1))`,
    () => `batch_norm(depthwise_conv2d(${a}, kernel=3x3, padding=same, bias=false))`,
    () =>
      `max_pool(pad(${a}, before=[0, 1, 1, 0], after=[0, 0, 0, 0], value=${random.pick(["0", "-inf"])}), kernel=2, stride=1)`,
    () => `avg_pool(pad(${a}, before=[0, 1, 1, 0], after=[0, 0, 0, 0]), kernel=2, stride=1)`,
    () => `(x + avg_pool(conv2d(${a}, filters=2, kernel=1x1), kernel=1x2, stride=1x2))`,
    () => `(x + global_avg_pool(conv2d(${a}, filters=2, kernel=1x1), keepdims=true))`,
    () => `dense(${a}, units=2)`,
  ])();
}

function termModule(random: Random): Module {
  const text = `net term {
    input x: f32[1, 2, 2, 2]
    input z: f32[1, 2, 2, 2]
    param c: f32[2] = [2, -0.5]
    param d: f32[1, 1, 1, 2] = [[[[3, 3]]]]
    output y = ${randomTerm(random, 6)}
  }`;
  const { value, diagnostics } = elaborate(parse(text, "term.net").value!);
  // A random term need not read all of them.
  expect(
    diagnostics.filter(({ severity }) => severity === "error"),
    text,
  ).toEqual([]);
  return value!;
}

describe("random terms that rules apply to", () => {
  test.each(passes.map((pass) => [pass.name, pass] as const))("%s", (name, pass) => {
    const changed = holdValues([pass], {}, termModule);
    // Passes that find nothing in random graphs.
    if (scale >= 1 && ["fold-padding", "hoist-pools"].includes(name)) expect(changed).toBeGreaterThan(0);
  });

  test("all passes", () => {
    expect(holdValues(passes, {}, termModule)).toBeGreaterThan(graphs / 2);
  });

  test("each application of a rule, one at a time", () => {
    let applications = 0;
    const stepwise: Instrument = {
      after: ({ before, after, applied }) => {
        for (const one of applied) {
          const module = one.after();
          expect(verify(module), one.rule).toEqual([]);
          expectSameValues(before, module, one.rule);
          applications += 1;
        }
        // The passes that apply rules do nothing else.
        const last = applied.at(-1);
        if (last) expect(last.after().graph).toBe(after.graph);
      },
    };
    const count = scaled(60);
    for (let seed = 1; seed <= count; seed += 1) {
      const before = termModule(seededRandom(seed));
      runPipeline(before, passes, { target, options: {} }, { instruments: [stepwise] });
    }
    expect(applications).toBeGreaterThan(count);
  });
});

describe("random graphs", () => {
  const rare = [
    "apply-rules",
    "split",
    "fold-constants",
    "eliminate-dead-nodes",
    "fold-padding",
    "hoist-pools",
    "compact-weights",
    "center-integers",
    "divide-sums",
  ];
  test.each(passes.map((pass) => [pass.name, pass] as const))("%s", (name, pass) => {
    const changed = holdValues([pass]);
    // Some passes find nothing to do in random graphs, and others in only a few of them. All other passes must have changed graphs.
    if (scale >= 1 && !rare.includes(name)) expect(changed).toBeGreaterThan(0);
  });

  test("all passes", () => {
    expect(holdValues(passes)).toBeGreaterThan(graphs / 2);
  });

  test("all passes, with exact splits", () => {
    expect(holdValues(passes, { split: { mode: "multiplier", m: 1000 } })).toBeGreaterThan(graphs / 2);
  });
});
