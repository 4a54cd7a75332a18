// The places of values that are indices: they are stored as single elements, since vecs may be stored in 16 bits.

import { expect, test } from "vitest";
import { schedule } from "#schedule/schedule-graph.js";
import { wgslTarget } from "#backend/wgsl/target.js";
import { moduleOf } from "./module-of.js";

test("computed indices, and the values that they come from, are not vecs; the elements taken by them are", () => {
  const module = moduleOf(`net t {
    input x: f32[1, 5000]
    input table: f32[1, 5000, 8]
    scores = x |> softmax
    order = top_k(scores, k=64)
    later = order + 1
    taken = gather(table, later, axis=1, batched=true)
    output y = taken |> softmax
  }`);
  const { groups, arenas } = schedule(module, wgslTarget);
  const kinds = new Map(groups.map(({ name, output }) => [name, arenas[output.arena]!.kind]));
  expect(kinds.get("order")).toBe("scalars");
  expect(kinds.get("later")).toBe("scalars");
  expect(kinds.get("taken")).toBe("vecs");
  expect(kinds.get("scores")).toBe("vecs");
});
