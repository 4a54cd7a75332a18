// Files that NumPy 2 wrote (`numpy.lib.format.write_array`, in base64), and broken ones; and what is read from them.

import { describe, expect, test } from "vitest";
import { readNpy, writeNpy } from "#weights/npy.js";
import { cases } from "../cases.js";

cases(import.meta.dirname, "npy.txt", (input) => {
  const { value, diagnostics } = readNpy(Buffer.from(input.replace("(nothing)", ""), "base64"), "a.npy");
  if (value) return `[${value.shape.join(", ")}]: ${[...value.data].map(text).join(", ")}`;
  return diagnostics
    .map(({ code, message, help = [] }) => [`${code}: ${message}`, ...help].join("\n  "))
    .join("\n");
});

describe("writing", () => {
  test.each([[[]], [[5]], [[2, 3]], [[0, 4]], [[1, 2, 3, 4]]])(
    "what was written is read back: %j",
    (shape) => {
      const count = shape.reduce((product: number, extent) => product * extent, 1);
      const data = Float32Array.from({ length: count }, (_, at) => at / 3);
      const bytes = writeNpy({ shape, data });
      expect((bytes.length - 4 * count) % 64).toBe(0);
      expect(readNpy(bytes, "a.npy")).toMatchObject({ value: { shape, data }, diagnostics: [] });
    },
  );

  test("the bytes are NumPy's", () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117);
    const start = Buffer.from(`\u0093NUMPY\u0001\u0000\u0076\u0000${header}\n`, "latin1");
    const data = Buffer.from(Float32Array.of(1, 2).buffer);
    expect(Buffer.from(writeNpy({ shape: [2], data: Float32Array.of(1, 2) }))).toEqual(
      Buffer.concat([start, data]),
    );
  });

  test("values that do not fill the shape are refused", () => {
    expect(() => writeNpy({ shape: [3], data: Float32Array.of(1) })).toThrow("1 values for shape (3)");
  });
});

function text(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
