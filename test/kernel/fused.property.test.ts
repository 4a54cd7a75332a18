// Nets of several ops, fused and not, through schedule and templates: random nets, and chains that have their own templates.

import { describe, expect, test } from "vitest";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Tensor } from "#ir/tensor.js";
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
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import { randomNet } from "../schedule/random-net.js";
import { runProgram } from "./run-program.js";
import type { Variant } from "./variants.js";
import { variants } from "./variants.js";

/** A net with inputs, and what the interpreter makes of them: the same for all variants. */
interface Reference {
  readonly module: Module;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly expected: ReadonlyMap<string, Tensor>;
}

function referenceOf(text: string, kind?: Distribution): Reference {
  const module = moduleOf(text);
  const inputs = randomInputs(module, seededRandom(1), kind);
  return { module, inputs, expected: interpret(module, inputs) };
}

describe("random nets", () => {
  const nets = seedsFor(40).map((seed) => {
    const text = randomNet(seededRandom(seed));
    return { context: `seed ${seed}\n${text}`, reference: referenceOf(text, kindOf(seed)) };
  });
  test.each(variants)("$name", (variant) => {
    for (const { context, reference } of nets) expectSame(reference, variant, context);
  });
});

// All variants compute each case. Its text lists the kernels of the fused net.
cases(import.meta.dirname, "chains.txt", (input) => {
  const reference = referenceOf(input);
  for (const variant of variants) expectSame(reference, variant, input);
  const [variant] = variants;
  return variant ? summary(lowered(fused(reference.module, variant), variant)) : "";
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

/** The net as it is and fused computes what the interpreter does, and the checker finds nothing. */
function expectSame({ module, inputs, expected }: Reference, variant: Variant, context: string): void {
  const longest = longestReduction(module);
  for (const one of [module, fused(module, variant)])
    expectProgram(lowered(one, variant), { inputs, expected }, longest, `${variant.name}\n${context}`);
}

function expectProgram(
  program: KernelProgram,
  { inputs, expected }: Omit<Reference, "module">,
  longest: number,
  context: string,
): void {
  const rounded = new Map([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)]));
  const checked = checkProgram(program, rounded);
  expect(checked.findings, context).toEqual([]);
  const grouped = programInSubgroups(program);
  const inSubgroups = grouped === program ? checked : checkProgram(grouped, rounded);
  expect(inSubgroups.findings, context).toEqual([]);
  for (const outputs of [checked.outputs, inSubgroups.outputs, runProgram(program, inputs)]) {
    for (const [name, value] of expected) {
      const actual = outputs.get(name)!;
      const at = firstDifference(actual, value.data, longest);
      expect(at, `${name}[${at}]: ${actual[at]} for ${value.data[at]}\n${context}`).toBe(-1);
    }
  }
}
