// Inputs of integers, in `run` and as samples: pixels and bytes are integers as they are, other values must be integers, random ones are.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { checkSamples, samplesOf } from "#calibrate/samples.js";
import { openSamples } from "#cli/inputs/samples.js";
import { randomInput, readInput } from "#cli/inputs/values.js";
import type { DType } from "#ir/type.js";
import { integerRanges, isInteger } from "#ir/type.js";
import { writeNpy } from "#weights/npy.js";
import { cleave } from "./terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-integers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const defaults = {};
const types = ["u8", "i8", "i16", "i32"] as const;
const port = (dtype: DType) => ({ name: "x", shape: [1, 1, 2, 3], dtype });

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function picture(...bytes: number[]): Promise<string> {
  const raw = { width: 2, height: 1, channels: 3 as const };
  return write("picture.png", await sharp(Uint8Array.from(bytes), { raw }).png().toBuffer());
}

describe.each(types)("an input of type %s", (dtype) => {
  test("pixels are not scaled", async () => {
    const { value } = await readInput(await picture(0, 1, 2, 100, 126, 127), port(dtype), defaults);
    expect([...value!]).toEqual([0, 1, 2, 100, 126, 127]);
    const folderOfOne = mkdtempSync(join(folder, "samples-"));
    writeFileSync(
      join(folderOfOne, "a.png"),
      await sharp(await picture(3, 4, 5, 6, 7, 8))
        .png()
        .toBuffer(),
    );
    const samples = await openSamples(folderOfOne, [port(dtype)], defaults);
    expect([...(await samples.value!.read(0))["x"]!]).toEqual([3, 4, 5, 6, 7, 8]);
  });

  test("options of pixels hold, and may make integers of another range", async () => {
    const options = { scale: 1, mean: [100], std: [1] };
    const { value, diagnostics } = await readInput(
      await picture(0, 1, 2, 100, 126, 127),
      port(dtype),
      options,
    );
    if (dtype === "u8") {
      expect(diagnostics[0]!.message).toContain(
        "has -100 at [0, 0, 0, 0], but input `x` is u8: integers from 0 to 255",
      );
    } else expect([...value!]).toEqual([-100, -99, -98, 0, 26, 27]);
  });

  test("numbers must be integers of the type", async () => {
    const [least, greatest] = integerRanges[dtype];
    const exact = Math.min(greatest, 2 ** 24);
    const right = write("right.json", JSON.stringify([0, 1, exact, Math.max(least, -(2 ** 24)), 5, 6]));
    expect((await readInput(right, port(dtype), defaults)).diagnostics).toEqual([]);
    for (const wrong of [0.5, 2 * greatest + 2, 2 * least - 300]) {
      const path = write("wrong.json", JSON.stringify([0, 1, 2, 3, wrong, 5]));
      const { value, diagnostics } = await readInput(path, port(dtype), defaults);
      expect(value).toBeUndefined();
      expect(diagnostics[0]).toMatchObject({ code: "wrong-input" });
      expect(diagnostics[0]!.message).toContain(`at [0, 0, 1, 1], but input \`x\` is ${dtype}`);
      const sample = samplesOf([{ x: Float32Array.of(0, 1, 2, 3, wrong, 5) }]);
      const checked = await checkSamples(sample, [port(dtype)]);
      expect(checked.diagnostics).toMatchObject([{ code: "wrong-sample" }]);
    }
  });

  test("random numbers are integers of the type, and not all small", () => {
    const [least, greatest] = integerRanges[dtype];
    const values = randomInput({ name: "x", shape: [400], dtype }, 1);
    expect(values.every((value) => Number.isInteger(value) && value >= least && value <= greatest)).toBe(
      true,
    );
    expect(new Set(values).size).toBeGreaterThan(100);
  });
});

test("an input of f32 is scaled as before", async () => {
  const { value } = await readInput(await picture(0, 51, 102, 153, 204, 255), port("f32"), defaults);
  for (const [at, one] of [0, 0.2, 0.4, 0.6, 0.8, 1].entries()) expect(value![at]).toBeCloseTo(one, 6);
  expect(isInteger("f32")).toBe(false);
});

test("a constant for an input of integers is an integer of its type", async () => {
  const net = write("net.net", "net n {\n  input x: u8[1, 2, 3]\n  output y = dequantize(x, 0.5)\n}\n");
  for (const wrong of ["0.5", "300", "1,2,3,4,5,-6"]) {
    const { code, err } = await cleave("run", net, "--constant", `x=${wrong}`);
    expect([code, err]).toEqual([1, expect.stringContaining("and the input is u8")]);
  }
  const wide = write("wide.net", "net n {\n  input x: i32[1]\n  output y = dequantize(x, 0.5)\n}\n");
  const { err } = await cleave("run", wide, "--constant", "x=16777217");
  expect(err).toContain("is 16777217, which f32 does not hold exactly");
  const { out } = await cleave("run", net, "--constant", "x=3", "--json");
  expect(JSON.parse(out)).toMatchObject([{ outputs: { y: [1.5, 1.5, 1.5, 1.5, 1.5, 1.5] } }]);
});

test("`run` says which value is wrong", async () => {
  const net = write("net.net", "net n {\n  input x: u8[1, 2, 3]\n  output y = dequantize(x, 0.5)\n}\n");
  const bytes = { shape: [1, 2, 3], data: Float32Array.of(0, 1, 2, 3, 255, 7) };
  const ran = await cleave("run", net, write("x.npy", writeNpy(bytes)), "--json");
  expect(JSON.parse(ran.out)).toMatchObject([{ outputs: { y: [0, 0.5, 1, 1.5, 127.5, 3.5] } }]);
  const wrong = await cleave(
    "run",
    net,
    write("wrong.npy", writeNpy({ ...bytes, data: bytes.data.map((one) => one / 2) })),
  );
  expect(wrong.code).toBe(1);
  expect(wrong.err).toContain("wrong.npy has 0.5 at [0, 0, 1], but input `x` is u8: integers from 0 to 255");
  expect((await cleave("run", net)).code).toBe(0);
});
