// The weight store: sharing, names, expressions and rounding, seeds.

import { describe, expect, test } from "vitest";
import { f32 } from "#ir/type.js";
import type { WeightSource } from "#ir/weights.js";
import { generate, generators, seedOf } from "#weights/generate.js";
import { createWeightStore } from "#weights/store.js";

const literal = (...values: number[]): WeightSource => ({ kind: "literal", data: Float32Array.from(values) });
const clip = (input: string, low: number): WeightSource => ({
  kind: "expression",
  op: "clip",
  attributes: { low, high: Number.POSITIVE_INFINITY },
  inputs: [input],
});
const file = (values: number[], key = "k"): WeightSource & { reads: number } => {
  const source = {
    kind: "file" as const,
    file: "a.safetensors",
    key,
    reads: 0,
    read: () => {
      source.reads += 1;
      return Float32Array.from(values);
    },
  };
  return source;
};

describe("ids", () => {
  test("a name that is taken gets a number", () => {
    const store = createWeightStore();
    expect(store.add("w", f32(1), literal(1))).toBe("w");
    expect(store.add("w", f32(1), literal(2))).toBe("w#2");
    expect(store.add("w", f32(1), literal(3))).toBe("w#3");
    expect([...store.entries.keys()]).toEqual(["w", "w#2", "w#3"]);
  });

  test("equal sources are one entry, unequal ones are not", () => {
    const store = createWeightStore();
    const seeded = (seed: number): WeightSource => ({
      kind: "seeded",
      generator: "he_normal",
      seed,
      fanIn: 9,
    });
    const a = store.add("a", f32(2), literal(1, 2));
    const b = store.add("b", f32(2), literal(3, 4));
    const sum = (...inputs: string[]): WeightSource => ({
      kind: "expression",
      op: "add",
      attributes: {},
      inputs,
    });
    const same: [WeightSource, WeightSource][] = [
      [seeded(1), seeded(1)],
      [sum(a, b), sum(a, b)],
      [literal(1, 2), literal(1, 2)],
      [file([1, 2]), file([1, 2])],
      [{ kind: "absent" }, { kind: "absent" }],
    ];
    for (const [one, other] of same) {
      expect(store.add("x", f32(2), one)).toBe(store.add("y", f32(2), other));
      expect(store.add("x", f32(1, 2), one), "another shape").not.toBe(store.add("y", f32(2), other));
    }
    const different: [WeightSource, WeightSource][] = [
      [seeded(1), seeded(2)],
      [sum(a, b), sum(b, a)],
      [literal(0, Number.NaN), literal(-0, Number.NaN)],
      [literal(Number.POSITIVE_INFINITY, 0), literal(Number.NaN, 0)],
      [file([1, 2]), file([1, 2], "other")],
      [clip(a, Number.NEGATIVE_INFINITY), clip(a, Number.POSITIVE_INFINITY)],
    ];
    for (const [one, other] of different)
      expect(store.add("x", f32(2), one)).not.toBe(store.add("y", f32(2), other));
  });
});

describe("values", () => {
  test("an expression is rounded once, at the end", () => {
    const store = createWeightStore();
    const big = store.add("big", f32(1), literal(2 ** 24));
    const one = store.add("one", f32(1), literal(1));
    const add = (a: string, b: string): string =>
      store.add("e", f32(1), { kind: "expression", op: "add", attributes: {}, inputs: [a, b] });
    // In f32 2^24 + 1 is 2^24, so rounding in between would give 2^24.
    const sum = add(add(big, one), one);
    expect(store.readF32(sum)[0]).toBe(2 ** 24 + 2);
    expect(store.read(add(big, one)).data[0]).toBe(2 ** 24 + 1);
  });

  test("an expression that uses another twice computes it once, and a long chain does not run out of stack", () => {
    const store = createWeightStore();
    let doubled = store.add("one", f32(1), literal(1));
    let long = store.add("minus", f32(1), literal(-1));
    const express = (op: string, ...inputs: string[]): string =>
      store.add("e", f32(1), { kind: "expression", op, attributes: {}, inputs });
    for (let k = 0; k < 64; k += 1) doubled = express("add", doubled, doubled);
    for (let k = 0; k < 20_000; k += 1) long = express("neg", long);
    expect(store.read(doubled).data[0]).toBe(2 ** 64);
    expect(store.read(long).data[0]).toBe(-1);
  });

  test("a file's slice is read when asked for, and given as it is", () => {
    const store = createWeightStore();
    const source = file([1, 2, 3]);
    const id = store.add("w", f32(3), source);
    expect(source.reads).toBe(0);
    expect(store.readF32(id)).toEqual(Float32Array.of(1, 2, 3));
    expect(source.reads).toBe(1);
    expect([...store.read(id).data]).toEqual([1, 2, 3]);
  });

  test("what stands for an operand left out is zeros", () => {
    const store = createWeightStore();
    expect(store.readF32(store.add("b", f32(2), { kind: "absent" }))).toEqual(Float32Array.of(0, 0));
  });

  test("an unknown id is a bug", () => {
    expect(() => createWeightStore().read("none")).toThrow("no weight none");
  });
});

describe("generators", () => {
  test.each(generators)("%s gives the same values for the same seed", (generator) => {
    const seeded = { generator, seed: seedOf("stem.kernel"), fanIn: 27 };
    expect(generate(seeded, new Float32Array(100))).toEqual(generate(seeded, new Float32Array(100)));
  });

  test("he_normal has mean 0, variance 2 / fanIn, and a normal's kurtosis to within the sum of four", () => {
    const values = generate({ generator: "he_normal", seed: 7, fanIn: 50 }, new Float32Array(200_000));
    const moment = (power: number): number =>
      values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    expect(moment(1)).toBeCloseTo(0, 2);
    expect(moment(2) / (2 / 50)).toBeCloseTo(1, 1);
    expect(moment(4) / moment(2) ** 2).toBeCloseTo(2.7, 1);
  });

  test("seeds of different paths give unlike values", () => {
    const [a, b] = ["x.kernel", "y.kernel"].map((path) =>
      generate({ generator: "he_normal", seed: seedOf(path), fanIn: 1 }, new Float32Array(1000)),
    );
    const correlation = a!.reduce((sum, value, index) => sum + value * b![index]!, 0) / 2000;
    expect(Math.abs(correlation)).toBeLessThan(0.15);
  });
});
