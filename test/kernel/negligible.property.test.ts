// Weights that are too small to matter are packed as 0: which weights, in which ops, and the effect on results.

import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { targetNames } from "#ir/target.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { interpret } from "#interpret/interpret.js";
import type { Module } from "#ir/weights.js";
import { negligible, withoutNegligible } from "#kernel/part/negligible.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { createWeightStore } from "#weights/store.js";
import { load } from "#compile/load.js";
import { seedsFor } from "../scale.js";

const smallestNormal = 2 ** -126;
const seeds = seedsFor(60);

/** Values of all sizes around a scale, also 0, −0 and subnormal ones. */
function mixed(random: Random, length: number, scale: number): Float32Array {
  return Float32Array.from({ length }, () => {
    const kind = random.next();
    if (kind < 0.1) return random.pick([0, -0]);
    if (kind < 0.4) return random.normal() * 2 ** -135;
    return random.normal() * scale * 2 ** -random.int(0, kind < 0.7 ? 140 : 3);
  });
}

describe("values", () => {
  test.each(seeds)("of seed %d", (seed) => {
    const random = seededRandom(seed);
    const values = mixed(random, random.int(1, 200), 2 ** random.int(-120, 20));
    if (seed % 5 === 0) values[0] = random.pick([Number.NaN, Number.POSITIVE_INFINITY]);
    const before = values.slice();
    const finite = [...values].map(Math.abs).filter(Number.isFinite);
    const greatest = Math.max(0, ...finite);
    const { values: packed, flushed } = withoutNegligible(values);
    expect(values, "the store's values stay").toEqual(before);
    let count = 0;
    for (const [at, value] of before.entries()) {
      const isKept = !(value !== 0 && Math.abs(value) < negligible * greatest);
      if (isKept) expect(packed[at]).toBe(value);
      else expect(packed[at]).toBe(0);
      count += Number(!isKept);
    }
    expect(flushed).toBe(count);
    if (greatest > 2 ** -26)
      expect(packed.some((value) => value !== 0 && Math.abs(value) < smallestNormal)).toBe(false);
    // The same in memory that is passed in.
    const memory = new Float32Array(values.length + 3);
    memory.set(values);
    expect(withoutNegligible(memory.subarray(0, values.length), memory)).toEqual({ values: packed, flushed });
    expect(withoutNegligible(before, new Float32Array(values.length + 3)).values).toEqual(packed);
    expect(before).toEqual(values);
  });

  test("the choice does not depend on the scale, and a tensor of only tiny values stays", () => {
    const values = Float32Array.of(1, 2 ** -99, 2 ** -101, 2 ** -20);
    expect([...withoutNegligible(values).values]).toEqual([1, 2 ** -99, 0, 2 ** -20]);
    const larger = values.map((value) => value * 2 ** 60);
    expect([...withoutNegligible(larger).values]).toEqual([2 ** 60, 2 ** -39, 0, 2 ** 40]);
    const tiny = Float32Array.of(1e-40, -3e-44, 2e-39);
    expect(withoutNegligible(tiny)).toEqual({ values: tiny, flushed: 0 });
  });
});

/** A net, and the names of the weights that are its params. */
function moduleWith(text: string, values: Readonly<Record<string, Float32Array>>): Module {
  const store = createWeightStore();
  const module = elaborate(parse(text, "m.net").value!, { store }).value!;
  const nodes = new Map(
    [...module.graph.nodes].map(([id, node]) => {
      const data = values[node.name];
      if (node.op !== "constant" || !data) return [id, node] as const;
      const weight = store.add(node.name, node.type, { kind: "literal", data });
      return [id, { ...node, attributes: { weight } }] as const;
    }),
  );
  return { graph: { ...module.graph, nodes }, weights: store };
}

function packedValues(file: Uint8Array): Float32Array {
  const start = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return new Float32Array(file.slice(start).buffer);
}

const param = (name: string, ...shape: number[]) => `param ${name}: f32[${shape.join(", ")}] = zeros()`;
const count = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);

/** Nets with a param `w` whose products are summed. */
const summed: Readonly<Record<string, readonly [string, readonly number[]]>> = {
  conv2d: ["conv2d(x, w, padding=same)", [3, 3, 8, 8]],
  "conv2d of 1×1": ["conv2d(x, w)", [1, 1, 8, 20]],
  "conv2d of two groups": ["conv2d(x, w, groups=2)", [1, 1, 4, 6]],
  depthwise_conv2d: ["depthwise_conv2d(x, w, padding=same)", [3, 3, 1, 8]],
  separable: ["depthwise_conv2d(x, w, padding=same) |> relu |> conv2d(filters=9, kernel=1x1)", [3, 3, 1, 8]],
  conv2d_transpose: ["conv2d_transpose(x, w, stride=2)", [3, 3, 8, 5]],
  dense: ["dense(x, w)", [8, 11]],
  matmul: ["matmul(x, w)", [1, 1, 8, 5]],
};
/** Nets in which a tiny `w` does not have the effect of 0. */
const others: Readonly<Record<string, string>> = {
  div: "w / x",
  less: "less(x, w)",
  where: "`where`(w, x, 2)",
  pow: "pow(w, abs(x))",
  mul: "x * w",
  "matmul and less": "matmul(reshape(x, shape=[1, 8]), w) + less(w, x)",
  prelu: "prelu(x, w)",
};

describe.each(targetNames)("packed for %s", (target) => {
  test.each(Object.entries(summed))("%s", async (_, [expression, shape]) => {
    const random = seededRandom(7);
    const text = `net m {\n  input x: f32[1, 7, 7, 8]\n  ${param("w", ...shape)}\n  output y = ${expression}\n}`;
    const w = mixed(random, count(shape), 1);
    w[3] = 1;
    const module = moduleWith(text, { w });
    const { value: artifact, diagnostics } = compile(module, { target });
    expect(diagnostics).toEqual([]);
    expect(packedValues(artifact!.weights!).some((one) => one !== 0 && Math.abs(one) < smallestNormal)).toBe(
      false,
    );
    const { flushed } = withoutNegligible(w);
    expect(flushed).toBeGreaterThan(0);
    expect(artifact!.flushedWeights).toBe(flushed);
    if (target === "wgsl") return;
    // Activations of any size up to 2³⁰, and of 0.
    const x = Float64Array.from({ length: 7 * 7 * 8 }, () =>
      Math.fround(random.normal() * 2 ** random.int(-30, 30) * Number(random.next() > 0.2)),
    );
    const net = await load(artifact!, { poison: true });
    const outputs = net.runSync({ x: Float32Array.from(x) });
    const wanted = interpret(module, new Map([["x", { shape: [1, 7, 7, 8], data: x }]])).get("y")!.data;
    expect(firstDifference(outputs["y"]!, wanted, longestReduction(module))).toBe(-1);
    net.dispose();
  });

  test.each(Object.entries(others))("%s keeps all", (_, expression) => {
    const text = `net m {\n  input x: f32[8, 1]\n  ${param("w", 8, 1)}\n  output y = ${expression}\n}`;
    const w = Float32Array.of(1, 1e-40, -3e-42, 0.5, 1e-38, 2, -1e-45, 4);
    const artifact = compile(moduleWith(text, { w }), { target }).value!;
    expect(artifact.flushedWeights).toBe(0);
    expect([...packedValues(artifact.weights!)]).toEqual(expect.arrayContaining([...w]));
  });
});

test("a tensor of tiny weights meets huge activations", async () => {
  const text = `net m {\n  input x: f32[1, 4]\n  ${param("w", 4, 2)}\n  output y = dense(x, w)\n}`;
  const w = Float32Array.from({ length: 8 }, (_, at) => (at + 1) * 1e-40);
  const module = moduleWith(text, { w });
  const x = Float32Array.of(1e37, 2e37, -3e37, 1e36);
  for (const target of ["js", "wasm"] as const) {
    const net = await load(compile(module, { target }).value!);
    const wanted = interpret(module, new Map([["x", { shape: [1, 4], data: Float64Array.from(x) }]])).get(
      "y",
    )!;
    expect(firstDifference(net.runSync({ x })["y"]!, wanted.data, 4)).toBe(-1);
    net.dispose();
  }
});
