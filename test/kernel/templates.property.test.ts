// Every op, alone in a net, through schedule and templates: checked for races, unwritten scratch and stray addresses, and run as
// IR and as printed JavaScript, against the interpreter.

import { describe, expect, test } from "vitest";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { checkProgram } from "#kernel/check/check.js";
import { lower } from "#kernel/lower.js";
import { programInSubgroups } from "#kernel/ir/subgroups.js";
import { schedule } from "#schedule/schedule-graph.js";
import { computingOps, opSample, scaleOf } from "../op-module.js";
import { scaled } from "../scale.js";
import { runProgram } from "./run-program.js";
import { variants } from "./variants.js";

const samples = scaled(12);

describe.each(variants)("$name", ({ target, tile }) => {
  test.each(computingOps)("%s", (op) => {
    for (let seed = 0; seed < samples; seed += 1) {
      const sample = opSample(op, seed);
      const { name: context, module, inputs: values } = sample;
      const expected = Float32Array.from(interpret(module, values).get("y")!.data);
      const scale = scaleOf(sample);
      const program = lower(schedule(module, target), tile);
      const grouped = programInSubgroups(program);
      const rounded = new Map([...values].map(([name, { data }]) => [name, Float32Array.from(data)]));
      const checked = checkProgram(program, rounded);
      expect(checked.findings, context).toEqual([]);
      const inSubgroups = grouped === program ? checked : checkProgram(grouped, rounded);
      expect(inSubgroups.findings, context).toEqual([]);
      const outputs = [checked.outputs, inSubgroups.outputs, runProgram(program, values)];
      for (const actual of outputs.map((named) => named.get("y")!)) {
        const at = firstDifference(actual, expected, longestReduction(module), scale);
        expect(at, `${context} at ${at}: ${actual[at]} for ${expected[at]}`).toBe(-1);
      }
    }
  });
});
