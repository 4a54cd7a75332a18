// Winograd convolutions against the interpreter: checked, as JavaScript and as WebAssembly, with tiles of both sizes.

import { describe, expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { wasmTarget } from "#backend/wasm/target.js";
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

/** Convolutions of bytes: x is `x`, of 8 bits, and w and b are its weights and bias. */
const ofBytes: Readonly<Record<string, { readonly x: string; readonly w: string; readonly call: string }>> = {
  "whole tiles": { x: "u8[1, 8, 8, 8]", w: "8, 16", call: "padding=same, zero=3" },
  "cut tiles": { x: "i8[1, 7, 9, 16]", w: "16, 8", call: "padding=same, zero=-128" },
  "no border": { x: "u8[1, 9, 6, 8]", w: "8, 8", call: "padding=valid" },
  "one-sided border": { x: "i8[1, 6, 6, 8]", w: "8, 8", call: "padding=[0, 2, 2, 0], zero=7" },
  samples: { x: "u8[3, 5, 6, 8]", w: "8, 24", call: "padding=same, zero=255" },
  "columns in parts": { x: "u8[1, 4, 4, 8]", w: "8, 128", call: "padding=same, zero=128" },
  "the deepest sums": { x: "u8[1, 3, 3, 1824]", w: "1824, 8", call: "padding=same" },
};

describe.each(Object.entries(ofBytes))("bytes, %s", (_name, { x, w, call }) => {
  test.each(["all digits", "the ends of the ranges"])("%s", async (digits) => {
    const scale = digits === "all digits" ? 0.018 : 1e-6;
    const filters = w.split(", ")[1];
    const module = moduleOf(`net n {
      input x: ${x}
      param w: i8[3, 3, ${w}] = quantize(he_normal(seed=3, fan_in=2, shape=[3, 3, ${w}]), ${scale}, type="i8")
      param b: i32[${filters}] = quantize(he_normal(seed=4, fan_in=2, shape=[${filters}]), 0.0001, type="i32")
      output y = conv2d(x, w, b, ${call}) |> dequantize(0.5)
    }`);
    const random = seededRandom(6);
    const inputs = new Map(
      [...randomInputs(module, random)].map(([name, { shape, data }]) => {
        const low = x.startsWith("u8") ? 0 : -128;
        const draw = () => low + (scale < 1e-5 ? random.pick([255, 255, 255, 0]) : random.int(0, 255));
        return [name, { shape, data: data.map(draw) }] as const;
      }),
    );
    const expected = Float32Array.from(interpret(module, inputs).get("y")!.data);
    const fused = fuse.run(module, { target: wasmTarget, options: {}, report: () => {} });
    const [convolution] = [...fused.graph.nodes.values()].filter(({ op }) => op === "conv2d");
    const graph = withWinograd(fused.graph, new Map([[convolution!.id, 2]]));
    const program = lower(schedule({ ...fused, graph }, wasmTarget), { ...wasmTile, winogradScratch: 2000 });
    expect(program.setup.length).toBe(1);
    const rounded = new Map([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)]));
    const checked = checkProgram(program, rounded);
    expect(checked.findings).toEqual([]);
    for (const outputs of [
      checked.outputs,
      await runWasm(program, inputs, false),
      await runWasm(program, inputs, true),
    ])
      expect(outputs.get("y")).toEqual(expected);
  });
});
