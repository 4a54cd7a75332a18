// Moved weights as f32 against the reference meaning of the ops, on random shapes and permutations.

import { expect, test } from "vitest";
import { elements } from "#ir/type.js";
import { transpose } from "#ops/shape.js";
import { seededRandom } from "#ops/random.js";
import { createWeightStore } from "#weights/store.js";
import { seedsFor } from "../scale.js";

test.each(seedsFor(50))("seed %i", (seed) => {
  const random = seededRandom(seed);
  const store = createWeightStore();
  const shape = Array.from({ length: random.int(0, 5) }, () => random.int(1, 4));
  const data = Float32Array.from({ length: elements(shape) }, () => random.normal());
  const perm = shape.map((_, axis) => axis).sort(() => random.next() - 0.5);
  const type = { dtype: "f32", shape: perm.map((axis) => shape[axis]!) } as const;
  const w = store.add("w", { dtype: "f32", shape }, { kind: "literal", data });
  const moved = store.add("m", type, {
    kind: "expression",
    op: "transpose",
    attributes: { perm },
    inputs: [w],
  });
  const flat = { dtype: "f32", shape: [data.length] } as const;
  const reshaped = store.add("r", flat, {
    kind: "expression",
    op: "reshape",
    attributes: { shape: flat.shape },
    inputs: [moved],
  });
  const wanted = transpose.eval([{ shape, data: Float64Array.from(data) }], { perm }, type).data;
  expect([...store.readF32(reshaped)]).toEqual([...wanted]);
  // Memory that is offered holds the result, if it is long enough.
  const memory = new Float32Array(data.length + 3).fill(7);
  const values = store.readF32(moved, memory);
  expect([...values]).toEqual([...wanted]);
  expect([...memory.subarray(data.length)]).toEqual([7, 7, 7]);
  expect([...store.read(reshaped).data]).toEqual([...wanted]);
});
