// Weights of few bits, widened while they are read: whatever the pieces are, into the same rooms as f32 ones.

import type { CodeType, CompactForm } from "#ir/compact.js";
import { afterEach, describe, expect, test, vi } from "vitest";
import { packedFile } from "../backend/packed-file.js";
import type { PackedWeight } from "#kernel/ir/ir.js";
import { findCompact, readCompact } from "#runtime/compact.js";
import type { Source } from "#runtime/source.js";
import type { Room } from "#runtime/weights.js";
import { findWeights, readWeights } from "#runtime/weights.js";
import { seededRandom } from "#ops/random.js";
import { widen } from "#weights/widen.js";
import { serve } from "./serve.js";

afterEach(() => vi.unstubAllGlobals());

const random = seededRandom(1);

/** A weight that is stored as these codes, in rows of columns that have factors. */
function coded(
  form: Pick<CompactForm, "codes" | "scale" | "min">,
  codes: Float32Array,
  factors?: { readonly dtype: "f32" | "f64"; readonly rows: number; readonly columns: number },
): { readonly weight: PackedWeight; readonly values: Float32Array } {
  const values =
    factors && Float64Array.from({ length: factors.columns }, () => Math.fround(random.normal()));
  const full: CompactForm = {
    ...form,
    read: () => codes,
    ...(factors && { factors: { dtype: factors.dtype, count: factors.columns, read: () => values! } }),
  };
  const weight: PackedWeight = {
    name: form.codes,
    elements: codes.length,
    pack: () => [],
    compact: {
      ...form,
      pack: () => [codes.subarray(0, 3), codes.subarray(3)],
      ...(factors && { factors: { dtype: factors.dtype, stretches: [factors], read: () => values! } }),
    },
  };
  return { weight, values: widen(full, new Float32Array(codes.length)) };
}

function plain(values: Float32Array): { readonly weight: PackedWeight; readonly values: Float32Array } {
  return { weight: { name: "plain", elements: values.length, pack: () => [values] }, values };
}

const codesOf = (count: number, least: number, most: number): Float32Array =>
  Float32Array.from({ length: count }, () => random.int(least, most));

const all = [
  plain(Float32Array.of(1, 2, 3, 4)),
  coded({ codes: "int8", scale: 1, min: 0 }, codesOf(72, -128, 127), { dtype: "f32", rows: 6, columns: 12 }),
  coded({ codes: "uint8", scale: 0.1, min: -3.7 }, codesOf(8, 0, 255)),
  plain(Float32Array.of(5, 6, 7, 8, 9, 10, 11, 12)),
  coded({ codes: "uint16", scale: 0.001, min: -30 }, codesOf(100, 0, 65_535), {
    dtype: "f64",
    rows: 5,
    columns: 20,
  }),
  coded({ codes: "float16", scale: 1, min: 0 }, codesOf(12, 0, 65_535)),
];
const { file, model } = packedFile(
  all.map(({ weight }) => weight),
  4,
);
const expected = Float32Array.from(all.flatMap(({ values }) => [...values]));

const at = (weights?: Uint8Array): Source => ({
  file: () => new URL("https://x/small.packed.safetensors"),
  options: weights ? { weights: weights as Uint8Array<ArrayBuffer> } : {},
});
const bits = (values: Float32Array): number[] => [...new Int32Array(values.slice().buffer)];

test("both functions take the place of those for f32", () => {
  const [read, find]: [typeof readWeights, typeof findWeights] = [readCompact, findCompact];
  expect([read.length, find.length]).toEqual([readWeights.length, findWeights.length]);
});

test.each([1, 2, 3, 7, 64, 250, 10_000])("a response in pieces of %i bytes", async (size) => {
  serve(file, size);
  expect(bits(await findCompact(model, at()))).toEqual(bits(expected));
});

test("given bytes at any alignment, and base64", async () => {
  for (const start of [0, 1, 2]) {
    const moved = new Uint8Array(file.length + start);
    moved.set(file, start);
    expect(bits(await findCompact(model, at(moved.subarray(start))))).toEqual(bits(expected));
  }
  const data = file.slice(-model.weights.bytes!);
  const embedded = Buffer.from(data).toString("base64");
  expect(bits(await findCompact(model, { ...at(), embedded }))).toEqual(bits(expected));
});

test("rooms that take turns in one place, the first of them with several weights", async () => {
  const memory = new SharedArrayBuffer(4 * 200);
  const seen: number[] = [];
  const room = (elements: number): Room => {
    const bytes = new Uint8Array(memory, 64, elements * 4);
    return {
      bytes,
      then: async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        for (const value of new Float32Array(memory, 64, elements)) seen.push(value);
      },
    };
  };
  serve(file, 11);
  // The f32 weights between those with codes belong to different rooms.
  const rooms = [room(0), room(4 + 72 + 8 + 4), room(4), room(100), room(12)];
  await readCompact(model, at(), () => rooms);
  expect(bits(Float32Array.from(seen))).toEqual(bits(expected));
});

test.each([1, 2, 3, 5, 7, 16, 33, 64])("weights in several rooms, of %i elements each", async (size) => {
  serve(file, 1000);
  const { elements } = model.weights;
  const found = new Float32Array(elements);
  const rooms = Array.from({ length: Math.ceil(elements / size) }, (_, at): Room => {
    const part = found.subarray(at * size, (at + 1) * size);
    return { bytes: new Uint8Array(found.buffer, part.byteOffset, part.byteLength) };
  });
  await readCompact(model, at(), () => rooms);
  expect(bits(found)).toEqual(bits(expected));
});

describe("refused", () => {
  test.each([
    ["a byte that differs", (bytes: Uint8Array) => ((bytes[bytes.length - 30]! ^= 1), bytes), /have hash/],
    [
      "a file that ends early",
      (bytes: Uint8Array) => bytes.slice(0, -1),
      /it ends after \d+ of \d+ bytes of data/,
    ],
  ])("%s", async (_, change, message) => {
    const changed = change(file.slice());
    await expect(findCompact(model, at(changed))).rejects.toThrow(message);
  });

  test("the file of another module, of another size", async () => {
    const other = packedFile([all[0]!.weight], 4);
    await expect(findCompact(model, at(other.file))).rejects.toThrow(
      `it holds 16 bytes of data, and ${model.weights.bytes} are needed`,
    );
  });
});

test.each<[CodeType, number, number, number, number]>([
  ["int8", 1, 0, -128, 127],
  ["uint8", 0.0173, -1.91, 0, 255],
  ["uint16", 0.000_31, -11.7, 0, 65_535],
  ["float16", 1, 0, 0, 65_535],
])(
  "every code of %s means the number that the compiler takes it for",
  async (codes, scale, min, least, most) => {
    const every = Float32Array.from({ length: most - least + 1 }, (_, at) => least + at);
    const { weight, values } = coded({ codes, scale, min }, every);
    const one = packedFile([weight], 4);
    const found = await findCompact(one.model, at(one.file));
    expect(found.findIndex((value, at) => !Object.is(value, values[at]))).toBe(-1);
  },
);

test("rows that are longer than a piece, and pieces within rows", async () => {
  for (const [rows, columns] of [
    [2, 70_000],
    [9000, 12],
    [1, 65_536],
    [140_000, 1],
  ] as const) {
    const form = { codes: "uint8", scale: 0.03, min: -2 } as const;
    const { weight, values } = coded(form, codesOf(rows * columns, 0, 255), { dtype: "f64", rows, columns });
    const one = packedFile([weight], 4);
    const found = await findCompact(one.model, at(one.file));
    expect(found.findIndex((value, at) => !Object.is(value, values[at]))).toBe(-1);
  }
});
