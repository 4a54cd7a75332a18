// Checkpoints: stored values come back exactly; damaged ones, and those of other work, do not come back.

import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { CheckpointStore } from "#calibrate/checkpoints.js";
import { openCheckpoints } from "#calibrate/checkpoints.js";
import { identityOf, workIdentity } from "#calibrate/identity.js";
import { packKept, unpackKept } from "#calibrate/kept-value.js";
import { samplesOf } from "#calibrate/samples.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { seededRandom } from "#ops/random.js";
import { checkpointFiles } from "../../src/node/checkpoints.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-checkpoints-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Plain data of all kinds. */
function draw(depth: number, random: ReturnType<typeof seededRandom>): unknown {
  const numbers = [0, -0, 1 / 3, 1e-320, -1e308, NaN, Infinity, -Infinity];
  switch (random.int(0, depth > 0 ? 7 : 5)) {
    case 0:
      return numbers[random.int(0, numbers.length - 1)];
    case 1:
      return ["", "a\nb", "é→💡", "$f32", "x".repeat(random.int(0, 9))][random.int(0, 4)];
    case 2:
      return random.int(0, 1) === 1;
    case 3:
      return null;
    case 4:
      return Float32Array.from({ length: random.int(0, 5) }, () => random.normal());
    case 5:
      return Float64Array.from({ length: random.int(0, 5) }, (_, at) => numbers[at] ?? 0);
    case 6:
      return Array.from({ length: random.int(0, 4) }, () => draw(depth - 1, random));
    default:
      return Object.fromEntries(
        Array.from({ length: random.int(0, 4) }, (_, at) => [`p${at}`, draw(depth - 1, random)]),
      );
  }
}

test("a packed value comes back unchanged", () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const value = draw(4, seededRandom(seed));
    expect(unpackKept("a name", packKept("a name", value)), `seed ${seed}`).toEqual(value);
  }
});

test("truncated or changed bytes, or another name, give no value", () => {
  const value = { error: 0.25, terms: [{ a: Float64Array.of(1, 2), bias: Float32Array.of(3) }] };
  const bytes = packKept("a", value);
  expect(unpackKept("b", bytes)).toBeUndefined();
  for (let length = 0; length < bytes.length; length += 1)
    expect(unpackKept("a", bytes.subarray(0, length))).toBeUndefined();
  for (let at = 0; at < bytes.length; at += 1)
    expect(unpackKept("a", bytes.with(at, bytes[at]! ^ 4)), `byte ${at}`).toBeUndefined();
  // Neither the position of the bytes in memory matters, nor later writes to it.
  const moved = new Uint8Array(bytes.length + 1);
  moved.set(bytes, 1);
  for (const one of [moved.subarray(1), Buffer.concat([moved]).subarray(1)]) {
    const unpacked = unpackKept("a", one);
    one.fill(0);
    expect(unpacked).toEqual(value);
  }
});

test("packing a value that is not plain data is a bug", () => {
  for (const value of [new Map(), () => 1, { a: new Date() }, [new Int8Array(2)], 7n])
    expect(() => packKept("a", value)).toThrow(/not plain data/);
});

describe("a step", () => {
  const result = (value: number) => async () => ({ value, diagnostics: [] });

  test("is computed once, and the step after which work continues is reported once, by its name", async () => {
    const kept = new Map<string, Uint8Array>();
    const told: string[] = [];
    const store: CheckpointStore = {
      load: async (key) => kept.get(key),
      save: async (key, bytes) => void kept.set(key, bytes),
      onResume: (after) => void told.push(after),
    };
    const first = openCheckpoints(store, "work");
    await first.step("one", result(1));
    await first.part("of").step("two", result(2));
    expect(told).toEqual([]);
    const second = openCheckpoints(store, "work");
    expect(await second.step("one", result(7))).toEqual({ value: 1, diagnostics: [] });
    expect(await second.part("of").step("two", result(7))).toEqual({ value: 2, diagnostics: [] });
    expect(told).toEqual([]);
    await second.part("other").step("two", result(3));
    await second.step("four", result(4));
    expect(told).toEqual(["two"]);
    expect((await openCheckpoints(store, "other work").step("one", result(7))).value).toBe(7);
    expect((await openCheckpoints(undefined, "work").step("one", result(7))).value).toBe(7);
  });

  test("with diagnostics is not stored, so that they are reported again", async () => {
    const kept = new Map<string, Uint8Array>();
    const store = {
      load: async (key: string) => kept.get(key),
      save: async (key: string, bytes: Uint8Array) => void kept.set(key, bytes),
    };
    const warned = {
      value: 1,
      diagnostics: [{ severity: "warning", code: "left-out", message: "b" }],
    } as const;
    expect(await openCheckpoints(store, "work").step("one", async () => warned)).toBe(warned);
    expect(kept.size).toBe(0);
  });
});

describe("the identity of work", () => {
  const moduleOf = (text: string) => elaborate(parse(text, "a.net").value!).value!;
  const text = "net a {\n  input x: f32[N, 2, 2, 1]\n  output y = conv2d(x, filters=2, kernel=1x1)\n}\n";
  const samples = samplesOf([{ x: Float32Array.of(1, 2, 3, 4) }, { x: Float32Array.of(5, 6, 7, 8) }]);
  const of = (source: string, some = samples, options: unknown = { seed: 0 }) =>
    workIdentity(moduleOf(source), some, options);

  test("is the same for the same work", async () => {
    expect(await of(text)).toBe(await of(text));
    expect(await of(text)).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each([
    ["another graph", text.replace("kernel=1x1", "kernel=2x2"), samples, { seed: 0 }],
    ["another name", text.replaceAll("y =", "z ="), samples, { seed: 0 }],
    ["other weights", text.replace("net a", "net b"), samples, { seed: 0 }],
    [
      "one value of a sample",
      text,
      samplesOf([{ x: Float32Array.of(1, 2, 3, 4) }, { x: Float32Array.of(5, 6, 7, 9) }]),
      { seed: 0 },
    ],
    ["fewer samples", text, samplesOf([{ x: Float32Array.of(1, 2, 3, 4) }]), { seed: 0 }],
    [
      "their order",
      text,
      samplesOf([{ x: Float32Array.of(5, 6, 7, 8) }, { x: Float32Array.of(1, 2, 3, 4) }]),
      { seed: 0 },
    ],
    ["an option", text, samples, { seed: 1 }],
    ["an option that is left out", text, samples, {}],
  ])("is another for %s", async (_what, source, some, options) => {
    expect(await of(source, some, options)).not.toBe(await of(text));
  });

  test("of plain data distinguishes numbers that JSON does not", () => {
    const arrays = [Float32Array.of(1), Float64Array.of(1), Float32Array.of(1, 0), [1]];
    const values = [NaN, Infinity, -Infinity, 0, -0, null, "", "NaN", [], [[]], {}, { a: 1 }, ...arrays];
    expect(new Set(values.map((value) => identityOf(value))).size).toBe(values.length);
  });
});

describe("files", () => {
  const bytes = Uint8Array.of(1, 2, 3);

  test("hold the saved values, in a folder that is created and removed", async () => {
    const place = join(folder, "a/b");
    const files = checkpointFiles(place);
    expect(await files.load("one")).toBeUndefined();
    await files.save("one", bytes);
    await files.save("../two: 3/4", bytes);
    expect(readdirSync(place)).toHaveLength(2);
    expect(readdirSync(folder)).toEqual(["a"]);
    expect(new Uint8Array((await checkpointFiles(place).load("one"))!)).toEqual(bytes);
    await files.save("one", Uint8Array.of(4));
    expect(new Uint8Array((await files.load("one"))!)).toEqual(Uint8Array.of(4));
    const other = checkpointFiles(place);
    await other.save("other", bytes);
    files.remove();
    expect(readdirSync(place)).toEqual(["other.checkpoint"]);
    other.remove();
    expect(readdirSync(join(folder, "a"))).toEqual([]);
  });

  test("that are a month old are removed, other files are not", async () => {
    const old = new Date(Date.now() - 31 * 24 * 3600 * 1000);
    for (const name of ["old.checkpoint", "old.12.checkpoint", "notes.txt", "new.checkpoint"]) {
      writeFileSync(join(folder, name), "a");
      if (!name.startsWith("new")) utimesSync(join(folder, name), old, old);
    }
    await checkpointFiles(folder).save("one", bytes);
    expect(readdirSync(folder).toSorted()).toEqual(["a", "new.checkpoint", "notes.txt", "one.checkpoint"]);
  });

  test("that cannot be written reject, and those that cannot be read count as missing", async () => {
    writeFileSync(join(folder, "file"), "a");
    const files = checkpointFiles(join(folder, "file"));
    await expect(files.save("one", bytes)).rejects.toThrow();
    expect(await files.load("one")).toBeUndefined();
    files.remove();
  });
});
