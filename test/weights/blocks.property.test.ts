// Large elementwise expressions are computed block by block, in memory that is given: the values are those of the whole.

import { describe, expect, test } from "vitest";
import { f32 } from "#ir/type.js";
import { openWeightBytes } from "#weights/safetensors.js";
import { createWeightStore } from "#weights/store.js";
import { writeSafetensors } from "#weights/write-safetensors.js";

// No multiple of a block, and more than two of them.
const [rows, channels] = [67, 301];

/** A store with a large weight, one per channel and one per row, and a shorthand for expressions of the large shape. */
function setUp() {
  const store = createWeightStore();
  const seeded = (seed: number) => ({ kind: "seeded" as const, generator: "he_normal", seed, fanIn: 2 });
  const express = (op: string, ...inputs: string[]): string =>
    store.add(op, f32(rows, channels), {
      kind: "expression",
      op,
      attributes: op === "leaky_relu" ? { alpha: 0.3 } : {},
      inputs,
    });
  return {
    store,
    express,
    large: store.add("large", f32(rows, channels), seeded(1)),
    other: store.add("other", f32(rows, channels), seeded(2)),
    literal: store.add("literal", f32(1, rows, channels), {
      kind: "literal",
      data: Float32Array.from({ length: rows * channels }, (_, index) => Math.sin(index)),
    }),
    perChannel: store.add("channel", f32(channels), seeded(3)),
    perRow: store.add("row", f32(rows, 1), seeded(4)),
    scalar: store.add("scalar", f32(), seeded(5)),
  };
}

type Set = ReturnType<typeof setUp>;

const cases: Readonly<Record<string, (set: Set) => string>> = {
  "a scale per channel": ({ express, large, perChannel }) => express("mul", large, perChannel),
  "a scale per channel from the left": ({ express, large, perChannel }) => express("mul", perChannel, large),
  "a shift per row": ({ express, large, perRow }) => express("sub", large, perRow),
  "a scalar": ({ express, large, scalar }) => express("div", large, scalar),
  "a chain": ({ express, large, perChannel, perRow }) =>
    express("add", express("mul", express("neg", large), perChannel), perRow),
  "the same operand twice": ({ express, large }) => express("mul", large, large),
  "the same expression twice": ({ express, large, perChannel }) => {
    const scaled = express("mul", large, perChannel);
    return express("sub", express("square", scaled), scaled);
  },
  "two large operands": ({ express, large, other }) => express("sub", express("exp", other), large),
  "a literal": ({ express, literal, large }) => express("max", literal, large),
  "a comparison": ({ express, large }) => express("leaky_relu", large),
  "an operand that is not an elementwise expression": ({ store, express, large, perChannel }) => {
    const turned = store.add("turned", f32(channels, rows), {
      kind: "expression",
      op: "transpose",
      attributes: { perm: [1, 0] },
      inputs: [large],
    });
    const back = store.add("back", f32(rows, channels), {
      kind: "expression",
      op: "transpose",
      attributes: { perm: [1, 0] },
      inputs: [turned],
    });
    return express("mul", back, perChannel);
  },
  "a chain that is too long for a stack": ({ express, large }) => {
    let long = large;
    for (let k = 0; k < 10_001; k += 1) long = express("neg", long);
    return long;
  },
};

describe.each(Object.keys(cases))("%s", (name) => {
  // Chains of ten thousand steps over large weights would take a minute to compute whole in each way.
  const isLong = name.includes("too long");

  test("has the values of the whole, rounded once", () => {
    const set = setUp();
    const id = cases[name]!(set);
    const wanted = isLong
      ? set.store.readF32(set.large).map((value) => -value)
      : Float32Array.from(set.store.read(id).data);
    if (!isLong) expect(set.store.readF32(id)).toEqual(wanted);
    const memory = new Float32Array(rows * channels + 7).fill(Number.NaN);
    const values = set.store.readF32(id, memory);
    expect(values.buffer).toBe(memory.buffer);
    expect(values).toEqual(wanted);
    expect([...memory.subarray(rows * channels)]).toEqual(new Array(7).fill(Number.NaN));
  });
});

test("memory that is too short is not used", () => {
  const { store, large } = setUp();
  const memory = new Float32Array(4);
  expect(store.readF32(large, memory)).toHaveLength(rows * channels);
  expect([...memory]).toEqual([0, 0, 0, 0]);
});

test.each(["F32", "F16"] as const)(
  "%s of a file is read into the memory, and that in memory stays",
  (dtype) => {
    const pieces = [
      ...writeSafetensors([
        { name: "w", shape: [5], dtype, values: () => Float32Array.of(1, 2, 0.5, -3, 0) },
      ]),
    ];
    const { value } = openWeightBytes(Buffer.concat(pieces), "a");
    const memory = new Float32Array(8).fill(7);
    expect([...value!.entries.get("w")!.read(memory)]).toEqual([1, 2, 0.5, -3, 0]);
    expect([...memory.subarray(5)]).toEqual([7, 7, 7]);
  },
);
