// Samples: choosing and keeping them, and the diagnostics for bad ones.

import { describe, expect, test } from "vitest";
import { createTimeLeft } from "#calibrate/progress.js";
import type { Sample, SampleInput, Samples } from "#calibrate/samples.js";
import { checkSamples, chooseSamples, keepSamples, nameOf, samplesOf } from "#calibrate/samples.js";
import { drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";

const inputs: readonly SampleInput[] = [{ name: "x", shape: [1, 2, 3] }];

function drawn(count: number): Sample[] {
  const random = seededRandom(count);
  return Array.from({ length: count }, () => ({ x: drawValues(random, "normal", 6) }));
}

/** The indices of the chosen samples, in order. */
async function chosenOf(count: number, of: number, seed: number): Promise<number[]> {
  const list = Array.from({ length: of }, (_, at) => ({ x: Float32Array.of(at) }));
  const chosen = chooseSamples(samplesOf(list), count, seed);
  return Promise.all(
    Array.from({ length: chosen.count }, async (_, at) => (await chosen.read(at))["x"]![0]!),
  );
}

describe("chooseSamples", () => {
  test("gives the same samples for a seed, in order, each once", async () => {
    const chosen = await chosenOf(10, 100, 1);
    expect(chosen.length).toBe(10);
    expect(new Set(chosen).size).toBe(10);
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    expect(await chosenOf(10, 100, 1)).toEqual(chosen);
    expect(await chosenOf(10, 100, 2)).not.toEqual(chosen);
  });

  test("gives all if there are no more, and draws uniformly", async () => {
    expect(await chosenOf(5, 3, 1)).toEqual([0, 1, 2]);
    const times = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 500; seed += 1) for (const one of await chosenOf(3, 10, seed)) times[one]! += 1;
    // 150 each, ± 10 by the binomial distribution.
    for (const count of times) expect(Math.abs(count - 150)).toBeLessThan(50);
  });

  test("keeps names", () => {
    const named: Samples = { ...samplesOf(drawn(5)), nameOf: (index) => `${index}.png` };
    expect(nameOf(chooseSamples(named, 5, 1), 2)).toBe("2.png");
    expect(nameOf(chooseSamples(named, 1, 1), 0)).toMatch(/^[0-4]\.png$/);
    expect(nameOf(samplesOf(drawn(5)), 2)).toBe("sample 2");
  });
});

test("keepSamples keeps the samples that fit", async () => {
  const list = drawn(3);
  let read = 0;
  const counted: Samples = { ...samplesOf(list), read: async (at) => ((read += 1), list[at]!) };
  const kept = keepSamples(counted, 2 * 24);
  for (let round = 0; round < 3; round += 1)
    for (let at = 0; at < 3; at += 1) expect(await kept.read(at)).toBe(list[at]);
  // Two are kept; the third is read in each round.
  expect(read).toBe(5);
});

describe("checkSamples", () => {
  async function problem(list: readonly Sample[], options: { least?: number } = {}): Promise<string> {
    const { value, diagnostics } = await checkSamples(samplesOf(list), inputs, options);
    expect(value).toBeUndefined();
    return diagnostics.map(({ message }) => message).join();
  }

  test("gives statistics of good samples", async () => {
    const list = [
      { x: Float32Array.of(1e4, 1e4 + 2, 1e4, 1e4 + 2, 1e4, 1e4 + 2) },
      { x: new Float32Array(6).fill(1e4 + 1) },
    ];
    const told: number[] = [];
    const { value, diagnostics } = await checkSamples(samplesOf(list), inputs, {
      onRead: (done) => told.push(done),
    });
    expect(diagnostics).toEqual([]);
    expect(value!.get("x")).toEqual({
      least: 1e4,
      greatest: 1e4 + 2,
      mean: 1e4 + 1,
      deviation: Math.sqrt(0.5),
    });
    expect(told).toEqual([1, 2]);
  });

  test("too few", async () => {
    expect(await problem([])).toBe("there are no samples");
    expect(await problem(drawn(1), { least: 5 })).toBe("there is 1 sample, and at least 5 are needed");
    expect(await problem(drawn(3), { least: 5 })).toBe("there are 3 samples, and at least 5 are needed");
  });

  test("wrong values", async () => {
    expect(await problem([{ x: new Float32Array(5) }])).toBe(
      "sample 0 has 5 values for input `x`, which is [1, 2, 3]: 6",
    );
    expect(await problem([...drawn(1), { y: new Float32Array(6) }])).toBe(
      "sample 1 has no values for input `x`",
    );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2e15]) {
      const x = Float32Array.of(0, 0, 0, 0, bad, 0);
      expect(await problem([...drawn(2), { x }])).toBe(`sample 2 has ${x[4]} at [0, 1, 1] of input \`x\``);
    }
  });

  test("one sample repeated, and some repeated samples", async () => {
    const [one, two] = drawn(2);
    expect(await problem([one!, one!, { x: one!["x"]!.slice() }])).toBe("all 3 samples are equal");
    const { value, diagnostics } = await checkSamples(samplesOf([one!, two!, one!, one!]), inputs);
    expect(value).toBeDefined();
    expect(diagnostics.map(({ message, severity }) => `${severity}: ${message}`)).toEqual([
      "warning: 2 of 4 samples repeat others",
    ]);
    expect((await checkSamples(samplesOf([one!]), inputs)).diagnostics).toEqual([]);
  });
});

test("the time left is estimated from the part that is done, stage by stage", () => {
  let now = 0;
  const left = createTimeLeft(() => now);
  const at = (seconds: number, stage: string, done: number): number | undefined => {
    now = 1000 * seconds;
    return left({ stage, done, all: 100 });
  };
  expect(at(0, "a", 1)).toBeUndefined();
  expect(at(1, "a", 20)).toBeUndefined();
  expect(at(10, "a", 21)).toBeCloseTo(39.5);
  expect(at(20, "a", 100)).toBe(0);
  expect(at(21, "b", 50)).toBeUndefined();
  expect(at(31, "b", 75)).toBeCloseTo(10);
  // The same stage for another layer.
  expect(at(32, "b", 0)).toBeUndefined();
});
