// Schedules of random nets, run through their views of the arena, against the interpreter.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { fuse } from "#passes/fuse.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Distribution } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { schedule } from "#schedule/schedule-graph.js";
import { kindOf, randomInputs } from "../op-module.js";
import { scaled } from "../scale.js";
import { execute } from "./execute.js";
import { moduleOf } from "./module-of.js";
import { randomNet } from "./random-net.js";

const targets: readonly Target[] = [
  jsTarget,
  { ...jsTarget, lanes: 4, chains: { stages: 3, keeps: ["rows"] } },
];
const seeds = scaled(100);

test.each(targets)("random nets, $lanes lanes", (target) => {
  for (let seed = 0; seed < seeds; seed += 1) {
    const text = randomNet(seededRandom(seed));
    const module = moduleOf(text);
    const fused = fuse.run(module, { target, options: {}, report: () => {} });
    for (const one of [module, fused]) expectSame(one, target, `seed ${seed}\n${text}`, kindOf(seed));
  }
});

/** The examples with small images and a sixteenth of the channels; only their structure matters. */
const examples = join(import.meta.dirname, "../../examples");
/** Their channels or sides depend on each other; `test/models` runs them as they are, on small images. */
const whole = ["efficientnet_b0.net", "shufflenet_v2.net", "unet.net"];
const files = readdirSync(examples).filter((file) => file.endsWith(".net") && !whole.includes(file));

test.each(files)("%s, reduced in size", (file) => {
  const text = readFileSync(join(examples, file), "utf8")
    .replaceAll(/^ *weights .*$/gm, "")
    .replaceAll(
      /\b(filters|units|expand)=(\d+)/g,
      (_, name, count) => `${name}=${Math.ceil(Number(count) / 16)}`,
    );
  const sides = ["H", "W"].filter((name) => new RegExp(`^const ${name} =`, "m").test(text));
  const dims = new Map(sides.map((name) => [name, 40]));
  const fused = fuse.run(moduleOf(text, dims), { target: jsTarget, options: {}, report: () => {} });
  expectSame(fused, jsTarget, file);
});

function expectSame(module: Module, target: Target, context: string, kind?: Distribution): void {
  const inputs = randomInputs(module, seededRandom(1), kind);
  const expected = interpret(module, inputs);
  const actual = execute(schedule(module, target), inputs);
  for (const [name, value] of expected) {
    const at = firstDifference(actual.get(name)!, value.data, longestReduction(module));
    expect(at, `${name}: ${actual.get(name)![at]} for ${value.data[at]}\n${context}`).toBe(-1);
  }
}
