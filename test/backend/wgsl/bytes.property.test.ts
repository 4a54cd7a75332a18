// Kernels of bytes on WebGPU: where bytes are stored, what launches share, and what the module says. Their results are in bytes.gpu.test.ts.

import { expect, test } from "vitest";
import { neededLimits, printShaders } from "#backend/wgsl/emit.js";
import { wgslTarget, wgslTargetFor } from "#backend/wgsl/target.js";
import { guaranteedLimits } from "#backend/wgsl/limits.js";
import { adapterClasses } from "#backend/wgsl/adapter.js";
import { compile } from "#compile/compile.js";
import { lowerModule } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { elements, isInteger } from "#ir/type.js";
import { checkProgram } from "#kernel/check/check.js";
import { valuesOf, walkStatements, walkValue } from "#kernel/ir/walk.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { drawIntegers, drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../../scale.js";
import { moduleOf } from "../../schedule/module-of.js";
import { randomBytes } from "../random-bytes.js";

function lowered(module: Module, target = wgslTarget): KernelProgram {
  return lowerModule(optimize(module, { target }).value!.module, target).program;
}

test.each(seedsFor(25))("under the checker, seed %i", (seed) => {
  const random = seededRandom(seed + 1);
  const text = randomBytes(random);
  const module = moduleOf(text);
  const { dtype, shape } = inputNodes(module.graph)[0]!.type;
  const count = elements(shape);
  const x = isInteger(dtype) ? drawIntegers(random, dtype, count) : drawValues(random, "normal", count);
  const expected = interpret(module, new Map([["x", { shape, data: Float64Array.from(x) }]]));
  for (const adapter of adapterClasses) {
    const program = lowered(module, wgslTargetFor(guaranteedLimits, adapter));
    const { findings, outputs } = checkProgram(program, new Map([["x", x]]));
    expect(findings, text).toEqual([]);
    for (const [name, { data }] of expected)
      expect(outputs.get(name), `${name} on ${adapter}\n${text}`).toEqual(Float32Array.from(data));
  }
});

test("the nets have products in words, alone and of windows, bytes that are stored one by one, and words that are packed", () => {
  const found = new Set<string>();
  for (const seed of seedsFor(25)) {
    const program = lowered(moduleOf(randomBytes(seededRandom(seed + 1))));
    for (const { kind } of program.arenas) found.add(kind);
    for (const kernel of program.kernels)
      walkStatements(kernel.body, (statement) => {
        if (statement.kind === "store" && statement.value.type === "f32" && statement.place.element)
          found.add("single");
        for (const value of valuesOf(statement))
          walkValue(value, ({ kind }) => void found.add(`${kernel.name.split("_")[0]} ${kind}`));
      });
  }
  const wanted = [
    "bytes",
    "single",
    "pointwise dot_words",
    "conv2d dot_words",
    "conv2d pack_word",
    "depthwise to_integers",
  ];
  expect([...found]).toEqual(expect.arrayContaining(wanted));
});

/** Layers that differ in all numbers of their integers, of f32 or of bytes. */
const layers = (of: "bytes" | "f32"): string => {
  const layer = (x: string, y: string, size: number, zero: number, next: number): string =>
    of === "f32"
      ? `${y} = conv2d(${x}, filters=${size}, kernel=1x1) |> relu`
      : `param ${y}w: i8[1, 1, 16, ${size}] = quantize(he_normal(seed=${next}, fan_in=2, shape=[1, 1, 16, ${size}]), 0.02, type="i8")
      ${y} = conv2d(${x}, ${y}w, zero=${zero}) |> dequantize(0.0${next}) |> quantize(1, zero=${next}, low=${next % 8}, high=${100 + next}, type="u8")`;
  const start = of === "f32" ? "a = relu(x)" : `a = quantize(x, 0.1, zero=3, type="u8")`;
  const end = of === "f32" ? "relu(d)" : "dequantize(d, 0.2, zero=13)";
  return `net n {
    input x: f32[1, 32, 32, 16]
    ${start}
    ${layer("a", "b", 16, 3, 21)}
    ${layer("b", "c", 16, 21, 22)}
    ${layer("c", "d", 16, 22, 13)}
    output y = ${end}
  }`;
};

test("layers with other zero points and bounds share a shader, but for one whose result is f32", () => {
  const { shaders } = printShaders(lowered(moduleOf(layers("bytes"))));
  const products = shaders.filter(
    ({ subgroup, text }) => !subgroup && text.includes("dot_words(") && text.includes("pack_word("),
  );
  expect(products.map(({ name }) => name)).toHaveLength(1);
});

test("bytes inside a net take a quarter of the memory of f32, and so do weights", () => {
  const inner = (text: string): number =>
    lowered(moduleOf(text)).arenas.reduce(
      (sum, { kind, elements }) => sum + (kind === "port" ? 0 : elements),
      0,
    );
  expect(inner(layers("bytes"))).toBeLessThan(0.26 * inner(layers("f32")));
});

test("a kernel binds at most the buffers that every device has, with many ports and arenas of all kinds", () => {
  const text = `net n {
    ${["p", "q", "r"].map((name) => `input ${name}: f32[1, 4, 4, 8]`).join("\n")}
    a = quantize(p, 0.1, zero=3, type="u8")
    b = max_pool(a, kernel=3, stride=1, padding=same)
    param w: f32[8] = he_normal(seed=1, fan_in=2, shape=[8])
    s = sigmoid(q)
    t = max_pool(s, kernel=3, stride=1, padding=same)
    output y = dequantize(b, 0.1, zero=3) + q * t + r * s + w
    output z = dequantize(a, 0.2, zero=3) + t
  }`;
  const program = lowered(moduleOf(text));
  expect(program.arenas.map(({ kind }) => kind)).toContain("bytes");
  expect(neededLimits(program, printShaders(program)).maxStorageBuffersPerShaderStage).toBeLessThanOrEqual(8);
});

test("only a module of bytes asks for the dot product of WGSL", () => {
  const moduleText = (of: "bytes" | "f32"): string =>
    compile(moduleOf(layers(of)), { target: "wgsl" }).value!.module;
  const feature = "packed_4x8_integer_dot_product";
  expect(moduleText("bytes")).toContain(feature);
  expect(moduleText("f32")).not.toContain(feature);
});
