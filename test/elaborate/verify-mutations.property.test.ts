// Modules that are changed in one place, for every place: `verify` finds the change, or the result is another valid module, which computes
// what the interpreter says.

import { expect, test } from "vitest";
import { load } from "#compile/load.js";
import { emit } from "#compile/emit.js";
import { optimize } from "#compile/optimize.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { interpret } from "#interpret/interpret.js";
import type { Module, WeightEntry, WeightStore } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { fuse } from "#passes/fuse.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { createWeightStore } from "#weights/store.js";
import { randomInputs } from "../op-module.js";
import { randomModule } from "../random-graph.js";
import { moduleOf } from "../schedule/module-of.js";

const texts = [
  `net layers {
  input x: f32[N, 6, 6, 4]
  c = conv2d(x, filters=4, kernel=3x3, padding=same, stride=2) |> batch_norm |> relu
  d = max_pool(c, kernel=2x2) |> global_avg_pool |> dense(units=3)
  output d, e = softmax(d)
}`,
  `net moves {
  input a: f32[2, 3]
  input b: f32[3, 2]
  param w: f32[2, 3] = transpose([[1, 2], [3, 4], [5, 6]], perm=[1, 0]) * 2
  t = transpose(b, perm=[1, 0])
  s = concat(a + w, t, axis=0) |> pad(before=[1, 0], after=[0, 1], value=2) |> clip(low=-1, high=3)
  output s, r = reshape(s, shape=[20]) |> slice(begin=[2], size=[5]) |> leaky_relu(alpha=0.2)
}`,
];

type Path = readonly (string | number)[];

/** All places in a value, also containers; entries of maps by their keys. */
function placesOf(value: unknown, path: Path = []): Path[] {
  if (value instanceof Map)
    return [...value].flatMap(([key, one]) => placesOf(one, [...path, key as string]));
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [path];
  return [path, ...Object.entries(value).flatMap(([key, one]) => placesOf(one, [...path, key]))];
}

/** The value with another value at a place; undefined removes the place. */
function changed(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
  if (key === undefined) return to;
  if (value instanceof Map) {
    const copy = new Map(value as Map<unknown, unknown>);
    const inner = changed(copy.get(key), rest, to);
    if (rest.length === 0 && to === undefined) copy.delete(key);
    else copy.set(key, inner);
    return copy;
  }
  if (Array.isArray(value))
    return (value as unknown[]).map((one, at) => (`${at}` === key ? changed(one, rest, to) : one));
  const copy: Record<string, unknown> = { ...(value as object) };
  copy[key] = changed(copy[key], rest, to);
  return copy;
}

function at(value: unknown, path: Path): unknown {
  return path.reduce(
    (inner, key) => (inner instanceof Map ? inner.get(key) : (inner as Record<string, unknown>)[key]),
    value,
  );
}

/** Other values for a place: of the same kind and of other kinds. */
function othersFor(value: unknown, strings: readonly string[]): unknown[] {
  const foreign = [undefined, null, 7, "relu", [], {}, Number.NaN];
  if (typeof value === "number") return [value + 1, value - 1, -value - 1, value + 0.5, 2 ** 40, ...foreign];
  if (typeof value === "string") return [...strings, "", ...foreign];
  if (value instanceof Float32Array)
    return [value.subarray(1), new Float32Array(value.length + 1), ...foreign];
  if (Array.isArray(value))
    return [value.slice(1), value.slice(0, -1), [...value, value.at(-1)], value.toReversed(), ...foreign];
  return foreign;
}

async function isHarmless(module: Module): Promise<string | undefined> {
  const inputs = randomInputs(module, seededRandom(5));
  const expected = interpret(module, inputs);
  const { value, diagnostics } = optimize(module, { verify: true });
  if (!value) return diagnostics.map(({ message }) => message).join("; ");
  const net = await load(emit(value.module, { target: "js" }));
  const outputs = net.runSync(
    Object.fromEntries([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)])),
  );
  net.dispose();
  const longest = longestReduction(module);
  const off = [...expected].filter(
    ([name, { data }]) => firstDifference(outputs[name] ?? [], data, longest) >= 0,
  );
  return off.length > 0 ? `${off.map(([name]) => name).join(", ")} differ` : undefined;
}

/** A store with only these entries, valid or not. */
function storeOf(entries: ReadonlyMap<string, WeightEntry>): WeightStore {
  const store = createWeightStore();
  for (const [id, entry] of entries) (store.entries as Map<string, WeightEntry>).set(id, entry);
  return store;
}

test.each([
  ...texts.map((text, at) => [`net ${at}`, moduleOf(text)] as const),
  [
    "net 0, fused",
    fuse.run(moduleOf(texts[0]!), { target: wasmTarget, options: {}, report: () => {} }),
  ] as const,
  ...[3, 8].map((seed) => [`random ${seed}`, randomModule(seededRandom(seed), { size: 6 })] as const),
])("%s", { timeout: 120_000 }, async (_, sound) => {
  expect(verify(sound)).toEqual([]);
  const used = new Map([...sound.weights.entries].map(([id, entry]): [string, WeightEntry] => [id, entry]));
  const data = { graph: sound.graph, entries: used };
  const strings = [...new Set(placesOf(data).map((path) => at(data, path)))].filter(
    (one) => typeof one === "string",
  );
  let found = 0;
  let harmless = 0;
  const random = seededRandom(1);
  for (const path of placesOf(data).filter((one) => one.length > 0)) {
    const before = at(data, path);
    for (const other of othersFor(before, strings)) {
      // A variance near 0 is valid, but amplifies rounding errors.
      if (path.at(-1) === "epsilon" && Number(other) < 0) continue;
      if (Object.is(other, before) || JSON.stringify(other) === JSON.stringify(before)) continue;
      const { graph, entries } = changed(data, path, other) as typeof data;
      if (!(entries instanceof Map)) continue;
      const module = { graph, weights: storeOf(entries) };
      const what = `${path.join(".")}: ${String(JSON.stringify(before)).slice(0, 60)} → ${String(JSON.stringify(other)).slice(0, 60)}`;
      let problems: string[] = [];
      try {
        problems = verify(module);
      } catch (error) {
        expect.fail(`${what}: verify throws ${String(error)}`);
      }
      if (problems.length > 0) {
        found += 1;
        continue;
      }
      if (random.next() > 0.15) continue;
      const harm = await isHarmless(module).catch(String);
      if (harm !== undefined) expect.soft(harm, what).toBeUndefined();
      harmless += 1;
    }
  }
  expect(found).toBeGreaterThan(500);
  expect(harmless).toBeGreaterThan(10);
});
