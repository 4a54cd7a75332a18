// Bent files: whatever the bytes are, opening gives entries that can be read, or diagnostics; it never throws.

import { describe, expect, test } from "vitest";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { readNpy, writeNpy } from "#weights/npy.js";
import { openWeightBytes } from "#weights/safetensors.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import { scaled } from "../scale.js";

const rounds = scaled(4000);

/** Numbers that a careless reader stumbles over. */
const numbers = [
  "0",
  "-1",
  "1e308",
  "1e-9",
  "9007199254740993",
  "4294967296",
  "0.5",
  "null",
  '"1"',
  "[]",
  "{}",
];
const words = [
  '"__proto__"',
  '"__metadata__"',
  '"dtype"',
  '"shape"',
  '"data_offsets"',
  '"F16"',
  '"F8_E4M3"',
  "True",
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  '"',
  "\\",
  "\u0000",
  "é",
];

describe("safetensors", () => {
  const whole = Buffer.concat([
    ...writeSafetensors(
      [
        { name: "a.kernel", shape: [2, 3], values: () => Float32Array.of(1, 2, 3, 4, 5, 6) },
        { name: "a.bias", shape: [3], dtype: "F16", values: () => Float32Array.of(7, 8, 9) },
        { name: "none", shape: [0], values: () => new Float32Array() },
      ],
      { format: "cleave" },
    ),
  ]);
  const length = Number(whole.readBigUInt64LE());
  const header = whole.subarray(8, 8 + length).toString();
  const data = whole.subarray(8 + length);

  test("the whole file can be opened", () => {
    expect(openWeightBytes(whole, "w").value?.entries.size).toBe(3);
  });

  test("bytes bent anywhere", () => {
    const outcome = fuzz(whole, (bytes) => openWeightBytes(bytes, "w"), readAll);
    expect(outcome.good).toBeGreaterThan(0);
    expect(outcome.bad).toBeGreaterThan(0);
  });

  test("the header's text bent, with its length put right", () => {
    const outcome = { good: 0, bad: 0 };
    for (let seed = 0; seed < rounds; seed += 1) {
      const random = seededRandom(seed);
      const text = Buffer.from(bendText(header, random));
      const start = Buffer.alloc(8);
      start.writeBigUInt64LE(BigInt(text.length));
      const bytes = Buffer.concat([start, text, data]);
      count(outcome, seed, bytes, openWeightBytes(bytes, "w"), readAll);
    }
    expect(outcome.good).toBeGreaterThan(0);
    expect(outcome.bad).toBeGreaterThan(0);
  });

  function readAll(file: NonNullable<ReturnType<typeof openWeightBytes>["value"]>): void {
    let elements = 0;
    for (const { shape, read } of file.entries.values()) {
      const values = read();
      expect(values.length).toBe(shape.reduce((product, extent) => product * extent, 1));
      elements += values.length;
    }
    // No slice is read twice, so a small file cannot fill the memory.
    expect(elements).toBeLessThanOrEqual(data.length);
  }
});

describe(".npy", () => {
  const whole = writeNpy({ shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });

  test("bytes bent anywhere", () => {
    const outcome = fuzz(
      whole,
      (bytes) => readNpy(bytes, "a.npy"),
      ({ shape, data }) => {
        expect(data.length).toBe(shape.reduce((product, extent) => product * extent, 1));
        expect(data.length).toBeLessThanOrEqual(whole.length * 2);
      },
    );
    expect(outcome.good).toBeGreaterThan(0);
    expect(outcome.bad).toBeGreaterThan(0);
  });
});

interface Outcome {
  good: number;
  bad: number;
}

function fuzz<T>(
  whole: Uint8Array,
  open: (bytes: Uint8Array) => Result<T>,
  check: (value: T) => void,
): Outcome {
  const outcome = { good: 0, bad: 0 };
  for (let seed = 0; seed < rounds; seed += 1) {
    const bytes = bendBytes(whole, seededRandom(seed));
    count(outcome, seed, bytes, open(bytes), check);
  }
  return outcome;
}

function count<T>(
  outcome: Outcome,
  seed: number,
  bytes: Uint8Array,
  { value, diagnostics }: Result<T>,
  check: (value: T) => void,
): void {
  const what = `seed ${seed}: ${Buffer.from(bytes).toString("latin1")}`;
  if (value === undefined) {
    outcome.bad += 1;
    expect(diagnostics.length, what).toBeGreaterThan(0);
    expect(diagnostics.length, what).toBeLessThanOrEqual(10);
    for (const { message } of diagnostics) {
      expect(message, what).not.toMatch(/undefined|NaN|\[object/);
      expect(message.length, what).toBeLessThan(1000);
    }
  } else {
    outcome.good += 1;
    expect(diagnostics, what).toEqual([]);
    check(value);
  }
}

/** One to three bytes changed, cut out, doubled, or all that follows cut off. */
function bendBytes(whole: Uint8Array, random: Random): Uint8Array {
  let bytes = [...whole];
  for (let change = random.int(1, 3); change > 0; change -= 1) {
    const at = random.int(0, bytes.length - 1);
    const kind = random.int(0, 9);
    if (kind < 5) bytes[at] = random.int(0, 255);
    else if (kind < 6) bytes.splice(at, random.int(1, 8));
    else if (kind < 7) bytes.splice(at, 0, ...bytes.slice(at, at + 8));
    else if (kind < 8) bytes = bytes.slice(0, at + 1);
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(0, 7));
  }
  return Uint8Array.from(bytes);
}

/** Numbers, words and pieces of a text exchanged, dropped or doubled. */
function bendText(text: string, random: Random): string {
  let bent = text;
  for (let change = random.int(1, 3); change > 0; change -= 1) {
    const tokens = [...bent.matchAll(/"[^"]*"|\d+|\S/g)];
    const token = random.pick(tokens.length > 0 ? tokens : [...text.matchAll(/\d+/g)]);
    const [start, end] = [token.index, token.index + token[0].length];
    const by = random.pick([
      () => random.pick(numbers),
      () => random.pick(words),
      () => String(random.int(0, 64)),
      () => token[0] + token[0],
      () => `${token[0]},${token[0]}`,
      () => "",
      () => ` ${token[0]} `,
    ])();
    bent = bent.slice(0, start) + by + bent.slice(end);
  }
  return bent;
}
