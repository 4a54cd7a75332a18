// Winograd convolutions against the interpreter: checked, as JavaScript and as WebAssembly, with tiles of both sizes.

import { describe, expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { checkProgram } from "#kernel/check/check.js";
import { lower } from "#kernel/lower.js";
import { jsTile, wasmTile } from "#kernel/part/tile.js";
import { seededRandom } from "#ops/random.js";
import { fuse, withWinograd } from "#passes/fuse.js";
import type { WinogradSize } from "#schedule/schedule.js";
import { schedule } from "#schedule/schedule-graph.js";
import { runWasm } from "../backend/wasm/run-wasm.js";
import { randomInputs } from "../op-module.js";
import { moduleOf } from "../schedule/module-of.js";
import { runProgram } from "./run-program.js";

/** The surroundings of a 3×3 convolution: borders, whole and partial tiles, odd channels, several blocks, fused neighbours. */
const bodies: Readonly<Record<string, string>> = {
  "whole tiles": "input a: f32[1, 8, 8, 8]\noutput y = conv2d(a, filters=16, kernel=3x3, padding=same)",
  "cut tiles": "input a: f32[1, 7, 9, 8]\noutput y = conv2d(a, filters=8, kernel=3x3, padding=same) |> relu",
  "no border": "input a: f32[1, 9, 6, 4]\noutput y = conv2d(a, filters=12, kernel=3x3, padding=valid)",
  "one-sided border":
    "input a: f32[1, 6, 6, 4]\noutput y = conv2d(a, filters=4, kernel=3x3, padding=[0, 2, 2, 0])",
  "odd channels": "input a: f32[1, 6, 5, 5]\noutput y = conv2d(a, filters=7, kernel=3x3, padding=same)",
  "one channel": "input a: f32[1, 5, 5, 1]\noutput y = conv2d(a, filters=1, kernel=3x3, padding=same)",
  samples: "input a: f32[3, 5, 6, 4]\noutput y = conv2d(a, filters=8, kernel=3x3, padding=same)",
  "columns in parts": "input a: f32[1, 4, 4, 4]\noutput y = conv2d(a, filters=128, kernel=3x3, padding=same)",
  residual:
    "input a: f32[1, 8, 8, 8]\nb = conv2d(a, filters=8, kernel=3x3, padding=same)\noutput y = conv2d(b, filters=8, kernel=3x3, padding=same) + b |> relu6",
};

describe.each(Object.entries(bodies))("%s", (_name, body) => {
  const module = moduleOf(`net n {\n${body}\n}`);
  const inputs = randomInputs(module, seededRandom(5));
  const expected = interpret(module, inputs).get("y")!.data;

  test.each([2, 4] as const)("tiles of %i", async (size) => {
    for (const lanes of [1, 4]) {
      const program = programOf(size, lanes);
      expect(program.setup.length).toBeGreaterThan(0);
      // No other kernel reads the weights that are transformed, so they need not stay in memory.
      expect(program.staged?.length).toBe(program.setup.length);
      const rounded = new Map([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)]));
      const checked = checkProgram(program, rounded);
      expect(checked.findings).toEqual([]);
      const outputs = [checked.outputs, runProgram(program, inputs)];
      if (lanes === 4)
        outputs.push(await runWasm(program, inputs, false), await runWasm(program, inputs, true));
      for (const output of outputs) {
        const actual = output.get("y")!;
        const at = firstDifference(actual, expected, longestReduction(module));
        expect(at, `${lanes} lanes: y[${at}] is ${actual[at]}, not ${expected[at]}`).toBe(-1);
      }
    }
  });

  function programOf(size: WinogradSize, lanes: number) {
    const target = { ...jsTarget, lanes };
    const fused = fuse.run(module, { target, options: {}, report: () => {} });
    const convolutions = [...fused.graph.nodes.values()].filter((node) => node.op === "conv2d");
    const graph = withWinograd(fused.graph, new Map(convolutions.map((node) => [node.id, size])));
    // Little scratch, so that there are several blocks.
    const tile = { ...(lanes === 1 ? jsTile : wasmTile), winogradScratch: 2000 };
    return lower(schedule({ ...fused, graph }, target), tile);
  }
});
