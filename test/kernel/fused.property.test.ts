// Nets of several ops, fused and not, through schedule and templates: random nets, and chains that have their own templates.

import { describe, expect, test } from "vitest";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Module } from "#ir/weights.js";
import { checkProgram } from "#kernel/check/check.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { lower } from "#kernel/lower.js";
import { programInSubgroups } from "#kernel/ir/subgroups.js";
import type { Distribution } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { schedule } from "#schedule/schedule-graph.js";
import { cases } from "../cases.js";
import { kindOf, randomInputs } from "../op-module.js";
import { scaled } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import { randomNet } from "../schedule/random-net.js";
import { runProgram } from "./run-program.js";
import type { Variant } from "./variants.js";
import { variants } from "./variants.js";

const seeds = scaled(40);

describe.each(variants)("$name", (variant) => {
  test("random nets", () => {
    for (let seed = 0; seed < seeds; seed += 1) {
      const text = randomNet(seededRandom(seed));
      const module = moduleOf(text);
      for (const one of [module, fused(module, variant)])
        expectSame(one, variant, `seed ${seed}\n${text}`, kindOf(seed));
    }
  });
});

// All variants compute each case. Its text lists the kernels of the fused net.
cases(import.meta.dirname, "chains.txt", (input) => {
  const module = moduleOf(input);
  for (const variant of variants) {
    expectSame(module, variant, input);
    expectSame(fused(module, variant), variant, input);
  }
  const [variant] = variants;
  return variant ? summary(lowered(fused(module, variant), variant)) : "";
});

function fused(module: Module, { target }: Variant): Module {
  return fuse.run(module, { target, options: {}, report: () => {} });
}

function lowered(module: Module, { target, tile }: Variant): KernelProgram {
  return lower(schedule(module, target), tile);
}

function summary(program: KernelProgram): string {
  const lines = program.launches.map((launch) => {
    const kernel = program.kernels[launch.kernel]!;
    return `${kernel.name}: ${kernel.grid.count} blocks, ${kernel.scratch} elements of scratch`;
  });
  const weights = program.weights.map((weight) => `weight ${weight.name}: ${weight.elements} elements`);
  return [...lines, ...weights].join("\n");
}

function expectSame(module: Module, variant: Variant, context: string, kind?: Distribution): void {
  const inputs = randomInputs(module, seededRandom(1), kind);
  const expected = interpret(module, inputs);
  const program = lowered(module, variant);
  const rounded = new Map([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)]));
  const checked = checkProgram(program, rounded);
  expect(checked.findings, `${variant.name}\n${context}`).toEqual([]);
  const grouped = programInSubgroups(program);
  const inSubgroups = grouped === program ? checked : checkProgram(grouped, rounded);
  expect(inSubgroups.findings, `${variant.name}\n${context}`).toEqual([]);
  for (const outputs of [checked.outputs, inSubgroups.outputs, runProgram(program, inputs)]) {
    for (const [name, value] of expected) {
      const actual = outputs.get(name)!;
      const at = firstDifference(actual, value.data, longestReduction(module));
      const where = `${name}[${at}]: ${actual[at]} for ${value.data[at]}`;
      expect(at, `${variant.name}: ${where}\n${context}`).toBe(-1);
    }
  }
}
