// WebAssembly against the interpreter: every op alone, random nets fused and not, and the functions of math.ts.

import wabt from "wabt";
import { describe, expect, test } from "vitest";
import { encodeBinary } from "#backend/wasm/binary.js";
import type { MathFunction } from "#backend/wasm/math.js";
import { mathFunction } from "#backend/wasm/math.js";
import { call, localGet, memory as access } from "#backend/wasm/code.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { tensor } from "#ir/tensor.js";
import { lower } from "#kernel/lower.js";
import { wasmTile } from "#kernel/part/tile.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { erf } from "#runtime/erf.js";
import { schedule } from "#schedule/schedule-graph.js";
import type { OpSample } from "../../op-module.js";
import { computingOps, kindOf, opSample, randomInputs, scaleOf } from "../../op-module.js";
import { scaled } from "../../scale.js";
import { moduleOf } from "../../schedule/module-of.js";
import { randomNet } from "../../schedule/random-net.js";
import { at, float, let_, load, loop, plus, register, set, store } from "../kernels.js";
import { smallProgram } from "../programs.js";
import { bytesOf, joined, runWasm } from "./run-wasm.js";

const samples = scaled(12);
const seeds = scaled(40);

/** Small blocks, so that small tensors have several blocks and remainders. */
const smallTile = {
  ...wasmTile,
  blockPixels: 6,
  blockVectors: 4,
  stripRows: 2,
  blocks: 3,
  ahead: { bytes: 0, tiles: 16 },
};

const { readWasm } = await wabt();

describe.each(["simd", "relaxed"] as const)("%s", (kind) => {
  test.each(computingOps)("%s", async (op) => {
    for (let seed = 0; seed < samples; seed += 1) {
      const sample = opSample(op, seed);
      await expectSame(sample, kind, scaleOf(sample));
    }
  });

  test("random nets", async () => {
    for (let seed = 0; seed < seeds; seed += 1) {
      const text = randomNet(seededRandom(seed));
      const module = moduleOf(text);
      const target = { ...wasmTarget, scratchBytes: 2400 };
      const fused = fuse.run(module, { target, options: {}, report: () => {} });
      for (const one of [module, fused]) {
        const inputs = randomInputs(one, seededRandom(1), kindOf(seed));
        await expectSame({ name: `seed ${seed}\n${text}`, module: one, inputs }, kind);
      }
    }
  });
});

test("registers that begin with 0 and −0 side by side keep their signs", async () => {
  const [sum, other, j] = [register("sum", "f32"), register("other", "f32"), register("j")];
  const [affine] = smallProgram().kernels;
  const body = [
    let_(sum, float(0)),
    let_(other, float(-0)),
    loop(j, 4, set(sum, plus(sum, load(at("x"), j))), set(other, plus(other, load(at("x"), j)))),
    store(at("y"), undefined, sum, 0),
    store(at("y"), undefined, other, 1),
    store(at("y"), undefined, other, 2),
    store(at("y"), undefined, sum, 3),
  ];
  const program = smallProgram({ kernels: [{ ...affine!, body }] });
  const x = tensor([1, 4], () => -0);
  const results = await runWasm(program, new Map([["x", x]]), false);
  expect([...results.get("y")!]).toEqual([0, -0, -0, 0]);
});

test("the larger and the smaller of two vecs is what Math says, NaN included", async () => {
  const special = [Number.NaN, Infinity, -Infinity, 0, 1, -1, 1e-40, 3e38];
  const pairs = special.flatMap((x) => special.map((y) => [x, y] as const));
  const module = moduleOf(`net t {
  input a: f32[1, 64]
  input b: f32[1, 64]
  output most = max(a, b)
  output least = min(a, b)
}`);
  const inputs = new Map([
    ["a", tensor([1, 64], (at) => pairs[at]![0])],
    ["b", tensor([1, 64], (at) => pairs[at]![1])],
  ]);
  const results = await runWasm(lower(schedule(module, wasmTarget), wasmTile), inputs, false);
  const expected = (of: (x: number, y: number) => number) => pairs.map(([x, y]) => Math.fround(of(x, y)));
  expect([...results.get("most")!]).toEqual(expected(Math.max));
  expect([...results.get("least")!]).toEqual(expected(Math.min));
});

async function expectSame(
  { name: context, module, inputs }: OpSample,
  kind: "simd" | "relaxed",
  scale?: Float64Array,
): Promise<void> {
  const expected = interpret(module, inputs);
  const program = lower(schedule(module, wasmTarget), smallTile);
  const outputs = await runWasm(program, inputs, kind === "relaxed");
  for (const [name, value] of expected) {
    const actual = outputs.get(name)!;
    const at = firstDifference(actual, value.data, longestReduction(module), scale);
    expect(at, `${name}[${at}]: ${actual[at]} for ${value.data[at]}\n${context}`).toBe(-1);
  }
}

test("another decoder reads the binaries and disassembles them", () => {
  const module = moduleOf(
    "net n {\n  input a: f32[1, 5, 5, 6]\n  output y = conv2d(a, filters=7, kernel=3x3, padding=same) |> gelu\n}",
  );
  for (const relaxed of [false, true]) {
    const binary = readWasm(bytesOf(lower(schedule(module, wasmTarget)), relaxed), {
      readDebugNames: false,
      relaxed_simd: true,
    });
    binary.validate();
    const text = binary.toText({ foldExprs: false, inlineExport: true });
    expect(text).toContain(relaxed ? "f32x4.relaxed_madd" : "f32x4.mul");
    binary.destroy();
  }
});

/** Four values at once through a function, by memory. */
async function onFour(name: MathFunction, values: readonly number[]): Promise<Float32Array> {
  const names: MathFunction[] = name === "tanh" ? ["exp", "tanh"] : [name];
  const helpers = names.map((one) => mathFunction(one, () => (x) => call(0, x)));
  const whole = {
    parameters: ["i32"] as const,
    results: [],
    locals: [],
    body: access(
      "v128.store",
      0,
      4,
      localGet(0),
      call(names.indexOf(name), access("v128.load", 0, 4, localGet(0))),
    ),
    exportName: "run",
  };
  const pages = { initial: 1, maximum: 1 };
  const memory = new WebAssembly.Memory(pages);
  const binary = await WebAssembly.compile(
    joined(encodeBinary({ imports: [], functions: [...helpers, whole] })),
  );
  const instance = await WebAssembly.instantiate(binary, { host: { memory } });
  const array = new Float32Array(memory.buffer);
  const results: number[] = [];
  for (let start = 0; start < values.length; start += 4) {
    array.set(values.slice(start, start + 4));
    (instance.exports["run"] as (address: number) => void)(0);
    results.push(...array.subarray(0, Math.min(4, values.length - start)));
  }
  return Float32Array.from(results);
}

const functions = { exp: Math.exp, log: Math.log, tanh: Math.tanh, erf } as const;

/** In units of the last place of an f32. */
const accuracy: Readonly<Record<MathFunction, number>> = { exp: 2, log: 2, tanh: 2, erf: 5 };

test.each(Object.keys(functions) as MathFunction[])("%s to a few units in the last place", async (name) => {
  const random = seededRandom(7);
  const special = [
    0,
    -0,
    1,
    -1,
    Infinity,
    -Infinity,
    Number.NaN,
    88.7,
    88.73,
    -87.4,
    -103.9,
    -104.1,
    1e-40,
    3e38,
    0.624,
    0.626,
  ];
  const spread = Array.from(
    { length: scaled(4000) },
    (_, at) => (random.next() - 0.5) * 2 ** ((at % 16) - 8),
  );
  const values = [...special, ...spread].map(Math.fround);
  const results = await onFour(name, values);
  for (const [at, value] of values.entries()) {
    const wanted = Math.fround(functions[name](value));
    const actual = results[at]!;
    const context = `${name}(${value}) is ${wanted}, not ${actual}`;
    if (Number.isNaN(wanted) || !Number.isFinite(wanted)) expect(actual, context).toBe(wanted);
    else expect(Math.abs(actual - wanted), context).toBeLessThanOrEqual(accuracy[name] * unit(wanted));
  }
});

/** Of the last place of an f32. */
function unit(value: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(value)))) - 23);
}
