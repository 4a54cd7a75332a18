// Headers of safetensors files, right and wrong, and what is said of them; then the same in memory and on disk.

import { mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import type { WeightFile } from "#ir/weights.js";
import { openWeightFile } from "#weights/file.js";
import { floatToHalf, halfToFloat } from "#weights/half.js";
import { decode, headerLength, openWeightBytes } from "#weights/safetensors.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import type { TensorToWrite } from "#weights/write-safetensors.js";
import { cases } from "../cases.js";
import { scaled } from "../scale.js";

/** How a case makes a file of its header. */
interface FileOptions {
  /** Bytes of data behind the header. */
  readonly data?: number;
  /** The header's length as the file has it, if not the true one. */
  readonly claims?: number;
  /** Bytes of the header, where it is not text. */
  readonly bytes?: readonly number[];
  /** Bytes that are left of the file. */
  readonly cut?: number;
  /** The file's length as the file system has it, if it is too large to be made. */
  readonly pretends?: number;
}

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "cleave-weights-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

cases(import.meta.dirname, "safetensors.txt", (input, { options }) => {
  const { pretends } = options as FileOptions;
  const bytes = fileOf(input.replace(/\n$/, ""), options as FileOptions);
  if (pretends !== undefined)
    return headerLength(bytes.subarray(0, 8), pretends, "w.safetensors").diagnostics.map(line).join("\n");
  const inMemory = summary(openWeightBytes(bytes, "w.safetensors"));
  const path = join(folder, "w.safetensors");
  writeFileSync(path, bytes);
  expect(summary(openWeightFile(path)).replaceAll(path, "w.safetensors")).toBe(inMemory);
  return inMemory;
});

function fileOf(text: string, { data = 0, claims, bytes, cut }: FileOptions): Uint8Array {
  const header = bytes ? Uint8Array.from(bytes) : new TextEncoder().encode(text);
  const file = new Uint8Array(8 + header.length + data);
  new DataView(file.buffer).setBigUint64(0, BigInt(claims ?? header.length), true);
  file.set(header, 8);
  return file.subarray(0, cut ?? file.length);
}

function summary({ value, diagnostics }: Result<WeightFile>): string {
  if (!value) return diagnostics.map(line).join("\n");
  expect(diagnostics).toEqual([]);
  const entries = [...value.entries].map(([key, { shape, dtype, read }]) => {
    const values = read();
    return `${key} ${dtype} [${shape.join(", ")}], ${values.length} values`;
  });
  const unreadable = [...(value.unreadable ?? [])].map(([key, dtype]) => `${key} ${dtype}, unreadable`);
  return [...entries, ...unreadable, "opened"].join("\n");
}

function line({ severity, code, message, help = [] }: Diagnostic): string {
  return [`${severity} ${code}: ${message}`, ...help.map((one) => `  ${one}`)].join("\n");
}

describe("files on disk", () => {
  const tensors: TensorToWrite[] = [
    { name: "half", shape: [3], dtype: "F16", values: () => Float32Array.of(1, -2, 0.5) },
    { name: "w", shape: [2, 2], values: () => Float32Array.of(1, 2, 3, 4) },
  ];
  const write = (name: string): string => {
    const path = join(folder, name);
    writeFileSync(path, bytesOf(tensors));
    return path;
  };

  test("slices are read from their places", () => {
    const { value } = openWeightFile(write("a.safetensors"));
    expect([...value!.entries.get("half")!.read()]).toEqual([1, -2, 0.5]);
    expect([...value!.entries.get("w")!.read()]).toEqual([1, 2, 3, 4]);
  });

  test("a file that was cut, or written again, is not read on", () => {
    const cut = write("cut.safetensors");
    const opened = openWeightFile(cut).value!;
    truncateSync(cut, bytesOf(tensors).length - 1);
    expect(() => opened.entries.get("w")!.read()).toThrow(`${cut} changed`);
    const touched = write("touched.safetensors");
    const other = openWeightFile(touched).value!;
    utimesSync(touched, 1, 1);
    expect(() => other.entries.get("w")!.read()).toThrow(`${touched} changed`);
  });

  test("a large file is read by slices", () => {
    const large = 3 * 2 ** 30;
    const header = Buffer.from(
      JSON.stringify({
        large: { dtype: "F32", shape: [large / 4], data_offsets: [0, large] },
        small: { dtype: "F32", shape: [2], data_offsets: [large, large + 8] },
      }),
    );
    const path = join(folder, "large.safetensors");
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(path, Buffer.concat([length, header]));
    // The file system keeps no bytes for the hole.
    truncateSync(path, 8 + header.length + large);
    writeFileSync(path, Uint8Array.from(new Uint8Array(Float32Array.of(5, -6).buffer)), { flag: "a" });
    const before = process.memoryUsage().arrayBuffers;
    const entry = openWeightFile(path).value!.entries.get("small")!;
    expect([...entry.read()]).toEqual([5, -6]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
  });

  test("what is not a file is a diagnostic", () => {
    expect(line(openWeightFile(join(folder, "none")).diagnostics[0]!)).toMatch(/the file does not exist$/);
    expect(line(openWeightFile(join(folder)).diagnostics[0]!)).toMatch(/it is a folder$/);
  });
});

describe("a net", () => {
  const text = (use: string): string =>
    `net n {\n  weights "w.safetensors"\n  input x: f32[1, 2]\n  ${use}\n}\n`;
  const open = (use: string, tensors: object) => {
    const header = Buffer.from(JSON.stringify(tensors));
    const bytes = fileOf(header.toString(), { data: 32 });
    const ast = parse(text(use), "n.net").value!;
    return elaborate(ast, { weights: { open: (name) => openWeightBytes(bytes, name) } });
  };
  const use = "output y = dense(x, units=2, bias=false)";
  const tensor = (dtype: string) => ({
    "y.dense.kernel": { dtype, shape: [2, 2], data_offsets: [0, 32] },
  });

  test("takes its weights from bytes in memory", () => {
    const { value, diagnostics } = open(use, {
      "y.dense.kernel": { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] },
      other: { dtype: "I64", shape: [2], data_offsets: [16, 32] },
    });
    expect(diagnostics).toEqual([]);
    expect([...value!.weights.readF32("y.dense.kernel")]).toEqual([0, 0, 0, 0]);
  });

  test("is told of a type that cannot be read, where the weight is used", () => {
    const { value, diagnostics } = open(use, tensor("F64"));
    expect(value).toBeUndefined();
    expect(diagnostics.map(line)).toEqual([
      "error unreadable-weight: w.safetensors has `y.dense.kernel` as F64, which cannot be read\n  save it as F32, F16, BF16, I32, I16, I8 or U8",
    ]);
    expect(text(use).slice(diagnostics[0]!.span!.start)).toMatch(/^dense/);
  });

  test("has integers of 32 bits exactly, or is told of one that f32 rounds", () => {
    const exact = [2 ** 24, -(2 ** 24), 2 ** 24 + 2, 3 * 2 ** 25, -(2 ** 31), 0, 16_777_215, -1];
    const biased = (values: readonly number[]) => {
      const header = JSON.stringify({ b: { dtype: "I32", shape: [8], data_offsets: [0, 32] } });
      const bytes = fileOf(header, { data: 32 });
      const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.byteLength - 32);
      for (const [at, value] of values.entries()) view.setInt32(4 * at, value, true);
      const net = 'param b: i32[8] = weight("b")\n  output y = dequantize(b, 1)\n  output z = relu(x)';
      const ast = parse(text(net), "n.net").value!;
      return elaborate(ast, { weights: { open: (name) => openWeightBytes(bytes, name) } });
    };
    const { value, diagnostics } = biased(exact);
    expect(diagnostics).toEqual([]);
    expect([...value!.weights.read("b").data]).toEqual(exact);
    for (const wrong of [2 ** 24 + 1, -(2 ** 24) - 1, 2 ** 31 - 1, 2 ** 25 + 2, -(2 ** 30) - 5])
      for (const at of [0, 7])
        expect(biased(exact.with(at, wrong)).diagnostics.map(line)).toEqual([
          `error unreadable-weight: w.safetensors has ${wrong} in \`b\`, which f32 does not hold exactly\n  integers are exact in f32 up to 2²⁴; add a larger bias as f32, behind \`dequantize\``,
        ]);
  });

  test("is told what is wrong with its file, at the statement that names it", () => {
    const { value, diagnostics } = open(use, tensor("F32"));
    expect(value).toBeUndefined();
    expect(diagnostics.map((one) => one.message)).toEqual([
      "w.safetensors: tensor `y.dense.kernel` has shape [2, 2] of 16 bytes, but 32 bytes of data",
    ]);
    expect(text(use).slice(diagnostics[0]!.span!.start)).toMatch(/^(weights )?"w\.safetensors"/);
  });
});

describe("writing", () => {
  const name = fc.string({ unit: "binary" }).filter((one) => one !== "__metadata__");
  const written = fc.record({
    name,
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    dtype: fc.constantFrom("F32" as const, "F16" as const),
    seed: fc.float(),
  });
  test("what was written is read back, and the data begins at a multiple of 8", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(written, { selector: (one) => one.name, maxLength: 5 }),
        fc.dictionary(name, fc.string()),
        (list, metadata) => {
          const tensors = list.map(({ seed, ...tensor }): TensorToWrite => {
            const count = tensor.shape.reduce((product, extent) => product * extent, 1);
            return { ...tensor, values: () => new Float32Array(count).fill(seed) };
          });
          const pieces = [...writeSafetensors(tensors, metadata)];
          expect((pieces[0]?.length ?? 1) % 8).toBe(0);
          const { value, diagnostics } = openWeightBytes(Buffer.concat(pieces), "w");
          expect(diagnostics).toEqual([]);
          expect(value!.entries.size).toBe(tensors.length);
          for (const { name, shape, dtype, values } of tensors) {
            const entry = value!.entries.get(name)!;
            expect(entry.shape).toEqual(shape);
            const expected =
              dtype === "F16" ? values().map((one) => halfToFloat(floatToHalf(one))) : values();
            expect(entry.read()).toEqual(expected);
          }
        },
      ),
      { seed: 1, numRuns: scaled(300) },
    );
  });

  test("names twice, the format's own name and short data are refused", () => {
    const one = { shape: [1], values: () => Float32Array.of(1) };
    const tensor = (name: string): TensorToWrite => ({ name, ...one });
    expect(() => bytesOf([tensor("a"), tensor("a")])).toThrow("a second tensor named a");
    expect(() => bytesOf([tensor("__metadata__")])).toThrow("__metadata__");
    expect(() => bytesOf([{ ...tensor("a"), shape: [2] }])).toThrow("tensor a [2] gave 1 values");
  });
});

describe("elements", () => {
  test("bfloat16 is the upper half of float32, and unaligned bytes are read too", () => {
    const bytes = Uint8Array.of(0, 0x80, 0x3f, 0x49, 0xc0, 0x80, 0xff, 0x00, 0x80);
    expect([...decode("BF16", bytes.subarray(1))]).toEqual([1, -3.140625, Number.NEGATIVE_INFINITY, -0]);
    const floats = new Uint8Array(9);
    floats.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
    expect([...decode("F32", floats.subarray(1))]).toEqual([1.5, -2]);
    expect(() => decode("I64", floats.subarray(1))).toThrow(RangeError);
    expect(() => decode("F32", floats)).toThrow(RangeError);
  });

  test("known halves", () => {
    const known: [number, number][] = [
      [0x3c00, 1],
      [0x8000, -0],
      [0x0001, 2 ** -24],
      [0x03ff, 2 ** -14 - 2 ** -24],
      [0x0400, 2 ** -14],
      [0x7bff, 65_504],
      [0xfc00, Number.NEGATIVE_INFINITY],
      [0x7e00, Number.NaN],
    ];
    for (const [half, value] of known) {
      expect(halfToFloat(half)).toBe(value);
      expect(floatToHalf(value)).toBe(half);
    }
  });

  test("every half survives, and every number goes to a nearest half", () => {
    const wrong: number[] = [];
    for (let half = 0; half < 0x7c00; half += 1) {
      const value = halfToFloat(half);
      const middle = (value + halfToFloat(half + 1)) / 2;
      const even = half % 2 === 0 ? half : half + 1;
      const isRight =
        floatToHalf(value) === half &&
        floatToHalf(-value) === (half | 0x8000) &&
        // Above the largest half is ∞, which the two numbers below are about.
        (half === 0x7bff ||
          (floatToHalf(middle * (1 - 2 ** -23)) === half &&
            floatToHalf(middle) === even &&
            floatToHalf(middle * (1 + 2 ** -23)) === half + 1));
      if (!isRight) wrong.push(half);
    }
    expect(wrong).toEqual([]);
    expect(floatToHalf(65_519.9)).toBe(0x7bff);
    expect(floatToHalf(65_520)).toBe(0x7c00);
  });
});

function bytesOf(tensors: readonly TensorToWrite[]): Uint8Array {
  return Buffer.concat([...writeSafetensors(tensors)]);
}
