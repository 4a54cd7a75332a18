// Kernels convert the integers that they read: nets in which several nodes read a dequantized value, as sides, inputs and operands of pools.

import { expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { wgslTarget } from "#backend/wgsl/target.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { lowerModule } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { checkProgram } from "#kernel/check/check.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { integerRanges } from "#ir/type.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

type Type = "u8" | "i8";

/** A value of the net as integers, and the name of the same value as real numbers. */
interface Value {
  readonly type: Type;
  readonly zero: number;
  readonly integers: string;
  readonly real: string;
}

/** Ops whose results are rounded once, so that all targets have the bits of the interpreter. */
const joins = ["add", "sub", "mul", "max", "min"] as const;

function randomNet(random: Random): { text: string; shape: readonly number[]; type: Type } {
  const channels = random.pick([4, 8, 12, 3, 5]);
  const shape = [1, random.pick([4, 6]), random.pick([4, 10]), channels];
  const lines: string[] = [];
  let count = 0;
  const add = (value: string): string => {
    count += 1;
    lines.push(`v${count} = ${value}`);
    return `v${count}`;
  };
  const numbers = (low: number, high: number): string =>
    `[${Array.from({ length: channels }, () => (low + (high - low) * random.next()).toPrecision(3)).join(", ")}]`;
  const scale = (): string =>
    random.next() < 0.3 ? numbers(0.01, 0.1) : (0.01 + 0.1 * random.next()).toPrecision(3);
  const zeroOf = (type: Type): number => {
    const [low, high] = integerRanges[type];
    return random.int(low, high);
  };
  const dequantized = (integers: string, type: Type, zero: number): Value => ({
    type,
    zero,
    integers,
    real: add(`dequantize(${integers}, ${scale()}, zero=${zero})`),
  });
  const quantized = (real: string): Value => {
    const type = random.pick(["u8", "i8"] as const);
    const zero = zeroOf(type);
    const stored = add(
      `quantize(${real}, ${(0.02 + 0.1 * random.next()).toPrecision(3)}, zero=${zero}, type="${type}")`,
    );
    return dequantized(stored, type, zero);
  };
  const weight = (window: number, inputs: number): string => {
    const of = `[${window}, ${window}, ${inputs}, ${channels}]`;
    count += 1;
    lines.push(
      `param w${count}: i8${of} = quantize(he_normal(seed=${random.int(1, 99)}, fan_in=2, shape=${of}), 0.02, type="i8")`,
    );
    return `w${count}`;
  };
  const type = random.pick(["u8", "i8"] as const);
  const values = [dequantized("x", type, zeroOf(type))];
  const some = (): Value => random.pick(values);
  for (let left = random.int(3, 7); left > 0; left -= 1) {
    const value = some();
    const make = {
      residual: (): string => {
        const [window, depthwise] = [random.pick([1, 3]), random.next() < 0.3];
        const sum = add(
          `${depthwise ? "depthwise_conv2d" : "conv2d"}(${value.integers}, ${weight(window, depthwise ? 1 : channels)}, zero=${value.zero}, padding=same)`,
        );
        const sides = `${add(`dequantize(${sum}, ${scale()})`)}, ${some().real}`;
        return add(`${random.pick(joins)}(${sides})`);
      },
      join: () => add(`${random.pick(joins)}(${value.real}, ${some().real})`),
      gate: () => add(`${value.real} * relu(${some().real})`),
      pooled: () => {
        const whole = add(
          `quantize(reduce_max(${value.integers}, axes=[1, 2], keepdims=true) |> dequantize(0.03), 0.05, type="${value.type}")`,
        );
        return add(`${some().real} * dequantize(${whole}, 0.02)`);
      },
      pool: () => add(`max_pool(${value.real}, kernel=3x3, stride=1x1, padding=same)`),
      joined: () => {
        const both = add(`concat(${value.real}, ${some().real}, axis=-1)`);
        return add(`slice(${both}, begin=[0, 0, 0, 2], size=[1, ${shape[1]}, ${shape[2]}, ${channels}])`);
      },
      activation: () => add(`hard_swish(${value.real})`),
    };
    values.push(quantized(make[random.pick(Object.keys(make) as (keyof typeof make)[])]()));
  }
  const outputs = [
    ...new Set([values.at(-1)!.integers, some().integers, ...(random.next() < 0.5 ? [some().real] : [])]),
  ];
  lines.push(...outputs.map((value, at) => `output y${at} = ${value}`));
  return { text: `net t {\n input x: ${type}[${shape.join(", ")}]\n ${lines.join("\n ")}\n}\n`, shape, type };
}

test.each(seedsFor(40))("seed %i", async (seed) => {
  const random = seededRandom(seed);
  const { text, shape, type } = randomNet(random);
  const [low] = integerRanges[type];
  const count = shape.reduce((a, b) => a * b, 1);
  const x = Float32Array.from({ length: count }, () => low + random.int(0, 255));
  const module = moduleOf(text);
  const expected = [...interpret(module, new Map([["x", { shape, data: Float64Array.from(x) }]]))].map(
    ([name, { data }]) => [name, Float32Array.from(data)] as const,
  );
  const same = (actual: Readonly<Record<string, Float32Array>>, what: string): void => {
    for (const [name, wanted] of expected) expect(actual[name], `${name} ${what}\n${text}`).toEqual(wanted);
  };
  for (const target of ["js", "wasm"] as const) {
    const { value, diagnostics } = compile(module, { target, verify: true });
    expect(diagnostics, text).toEqual([]);
    for (const threads of target === "wasm" ? [1, 3] : [1]) {
      const net = await load(value!, { poison: true, threads, leastWork: 0 });
      same(await net.run({ x }), `of ${target} with ${threads} threads`);
      net.dispose();
    }
  }
  for (const target of [jsTarget, wasmTarget, wgslTarget]) {
    const { program } = lowerModule(optimize(module, { target }).value!.module, target);
    const { findings, outputs } = checkProgram(program, new Map([["x", x]]));
    expect(findings, text).toEqual([]);
    same(Object.fromEntries(outputs), `of the checker for ${target.name}`);
  }
});

test.each(["js", "wasm", "wgsl"] as const)("no kernel of %s only converts, if all readers can", (target) => {
  const text = `net t {
    input image: f32[1, 8, 8, 8]
    param w: i8[1, 1, 8, 8] = quantize(he_normal(seed=1, fan_in=8, shape=[1, 1, 8, 8]), 0.02, type="i8")
    x = quantize(image, 0.02, zero=100, type="u8")
    r = dequantize(x, 0.02, zero=100)
    a = quantize(dequantize(conv2d(x, w, zero=100), 0.001) + r, 0.03, zero=90, type="u8")
    b = quantize(dequantize(conv2d(a, w, zero=90), 0.001) + dequantize(a, 0.03, zero=90), 0.03, type="u8")
    c = quantize(dequantize(b, 0.03) + r, 0.03, type="u8")
    d = quantize(silu(r) |> max_pool(kernel=2x2, stride=2x2), 0.02, type="u8")
    output b
    output c
    output d
  }`;
  const { module } = optimize(moduleOf(text), {
    target: { js: jsTarget, wasm: wasmTarget, wgsl: wgslTarget }[target],
  }).value!;
  const { schedule } = lowerModule(module, { js: jsTarget, wasm: wasmTarget, wgsl: wgslTarget }[target]);
  const stored = schedule.groups.map(({ output }) => output.type.dtype);
  expect(stored).toEqual(["u8", "u8", "u8", "u8", "u8"]);
});
