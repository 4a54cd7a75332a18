// A split that is interrupted at any point continues to the same result, bit for bit, and computes nothing twice.

import { beforeAll, expect, test } from "vitest";
import type { CheckpointStore } from "#calibrate/checkpoints.js";
import { samplesOf } from "#calibrate/samples.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { seededRandom } from "#ops/random.js";
import type { SampledSplit } from "#split/request.js";
import type { FittedSplit } from "#split/split-with-samples.js";
import { splitNetwork } from "#split/split-with-samples.js";

/** A shortcut, an activation, groups, and a layer that stays whole. */
const text = `
net small {
  input x: f32[N, 8, 8, 4]
  a = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu
  b = relu(a + conv2d(a, filters=8, kernel=3x3, padding=same))
  c = conv2d(b, filters=8, kernel=3x3, padding=same, groups=2) |> relu
  output y = c |> global_avg_pool |> dense(units=4)
}`;
const module = elaborate(parse(text, "small.net").value!).value!;
const random = seededRandom(3);
const samples = samplesOf(
  Array.from({ length: 12 }, () => ({ x: Float32Array.from({ length: 256 }, () => random.normal()) })),
);

const interrupted = new Error("interrupted");

/** A store in memory that fails after `most` saves. */
function storeOf(kept: Map<string, Uint8Array>, most = Number.POSITIVE_INFINITY) {
  const saved: string[] = [];
  const told: string[] = [];
  const store: CheckpointStore = {
    load: async (key) => kept.get(key),
    async save(key, bytes) {
      if (saved.length === most) throw interrupted;
      saved.push(key);
      kept.set(key, bytes);
    },
    onResume: (after) => void told.push(after),
  };
  return { store, saved, told };
}

async function splitWith(
  checkpoints?: CheckpointStore,
  seed = 1,
  split: SampledSplit = { mode: "macs", share: 0.5 },
): Promise<FittedSplit> {
  const { value } = await splitNetwork(module, samples, {
    split,
    distill: 25,
    veto: false,
    seed,
    ...(checkpoints ? { checkpoints } : {}),
  });
  return value!;
}

let whole: FittedSplit;
const all = new Map<string, Uint8Array>();
beforeAll(async () => {
  whole = await splitWith();
  const { store, saved, told } = storeOf(all);
  expect(await splitWith(store)).toEqual(whole);
  expect(saved.length).toBe(all.size);
  expect(told).toEqual([]);
}, 120_000);

test("interrupted after every second of its checkpoints", async () => {
  const split = whole.layers.filter((layer) => layer.split).length;
  expect(split).toBeGreaterThan(1);
  // Three layers tried, the losses of all, two sweeps over the split layers, and an evaluation of distillation.
  expect(all.size).toBe(4 + 2 * split + 1);
  for (let most = 0; most < all.size; most += 2) {
    const kept = new Map<string, Uint8Array>();
    await expect(splitWith(storeOf(kept, most).store)).rejects.toBe(interrupted);
    expect(kept.size).toBe(most);
    const { store, saved, told } = storeOf(kept);
    expect(await splitWith(store), `after ${most}`).toEqual(whole);
    expect(saved.length).toBe(all.size - most);
    expect(told).toHaveLength(most === 0 ? 0 : 1);
    if (most === 2) expect(told).toEqual(["layer 2 of 3 (trying splits)"]);
  }
}, 240_000);

test("starts again from damaged, confused or lost checkpoints", async () => {
  const keys = [...all.keys()];
  const damaged = new Map(
    [...all].map(([key, bytes], at): [string, Uint8Array] => {
      const other = all.get(keys[(at + 1) % keys.length]!)!;
      const forms = [
        bytes,
        bytes.subarray(0, bytes.length / 2),
        other,
        new Uint8Array(0),
        new Uint8Array(64),
      ];
      return [key, forms[at % forms.length]!];
    }),
  );
  const { store, saved } = storeOf(damaged);
  expect(await splitWith(store)).toEqual(whole);
  expect(saved).toEqual(keys.filter((_, at) => at % 5 !== 0));
}, 120_000);

test("checkpoints of other work are not used", async () => {
  const { store, saved } = storeOf(new Map(all));
  const other = await splitWith(store, 2);
  expect(saved.length).toBeGreaterThan(4);
  expect(other).toEqual(await splitWith(undefined, 2));
}, 120_000);

test("a limit of the loss: each of its fits continues", async () => {
  const loss = { mode: "loss", loss: 0.3 } as const;
  const kept = new Map<string, Uint8Array>();
  const first = storeOf(kept);
  const uninterrupted = await splitWith(first.store, 1, loss);
  expect(uninterrupted.layers.some(({ split }) => split)).toBe(true);
  const most = first.saved.length;
  for (const some of [5, most - 2]) {
    const part = new Map([...kept].slice(0, some));
    const { store, saved } = storeOf(part);
    expect(await splitWith(store, 1, loss)).toEqual(uninterrupted);
    expect(saved).toEqual(first.saved.slice(some));
  }
}, 240_000);
