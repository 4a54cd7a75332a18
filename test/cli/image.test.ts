// Images as inputs: every kind of PNG, JPEG, WebP, AVIF and GIF for every kind of input, resized and normalized; and broken images.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import type { Sharp } from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { readImage } from "#cli/inputs/image.js";
import type { ImageOptions } from "#cli/options/image.js";
import { preprocessFor } from "#cli/options/image.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-image-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Unscaled pixels, from 0 to 255. */
const plain: ImageOptions = { scale: 1, mean: [0], std: [1] };

describe("kinds of image and input", () => {
  const gray = () => sharp(Uint8Array.of(0, 7, 128, 255), raw(2, 2, 1)).toColourspace("b-w");
  const deep = () => sharp(Uint16Array.of(0, 65_535, 32_896, 257), raw(2, 2, 1)).toColourspace("grey16");
  const color = () => sharp(Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9), raw(2, 2, 3));
  const clear = () => sharp(Uint8Array.of(10, 20, 30, 0, 40, 50, 60, 255), raw(2, 1, 4));

  test("gray to 1, 3 and 4 channels", async () => {
    const file = await write("gray.png", gray().png());
    expect(await pixels(file, [1, 2, 2, 1])).toEqual([0, 7, 128, 255]);
    expect(await pixels(file, [1, 2, 2, 3])).toEqual([0, 0, 0, 7, 7, 7, 128, 128, 128, 255, 255, 255]);
    expect(await pixels(file, [1, 2, 2, 4])).toEqual(
      [0, 7, 128, 255].flatMap((value) => [value, value, value, 255]),
    );
  });

  test("16 bits become 8", async () => {
    const file = await write("deep.png", deep().png());
    expect((await sharp(file).metadata()).depth).toBe("ushort");
    expect(await pixels(file, [1, 2, 2, 1])).toEqual([0, 255, 128, 1]);
  });

  test("color to 3 and 1 channels: luma by ITU-R BT.601, as in Pillow", async () => {
    const file = await write("color.png", color().png());
    expect(await pixels(file, [1, 2, 2, 3])).toEqual([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
    expect(await pixels(file, [1, 2, 2, 1])).toEqual([76, 150, 29, 9]);
  });

  test("what is transparent is black, and transparency is kept for 4 channels", async () => {
    const file = await write("clear.png", clear().png());
    expect(await pixels(file, [1, 1, 2, 3])).toEqual([0, 0, 0, 40, 50, 60]);
    expect(await pixels(file, [1, 1, 2, 4])).toEqual([10, 20, 30, 0, 40, 50, 60, 255]);
  });

  test("a palette is looked up", async () => {
    const file = await write("palette.png", color().png({ palette: true }));
    const values = await pixels(file, [1, 2, 2, 3]);
    expect(values).toHaveLength(12);
    expect(Math.abs((values[0] ?? 0) - 255)).toBeLessThan(3);
  });

  test.each(["webp", "avif", "gif"] as const)("%s", async (format) => {
    const file = await write(`color.${format}`, color().toFormat(format, { lossless: true }));
    const wanted = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
    const values = await pixels(file, [1, 2, 2, 3]);
    expect(values).toHaveLength(12);
    for (const [at, value] of values.entries()) expect(Math.abs(value - wanted[at]!)).toBeLessThan(4);
  });

  test("of an animation, the first picture", async () => {
    const frames = Buffer.concat([Buffer.alloc(12, 200), Buffer.alloc(12, 40)]);
    const raws = { raw: { width: 2, height: 4, channels: 3 as const, pageHeight: 2 } };
    for (const format of ["gif", "webp"] as const) {
      const file = await write(`moving.${format}`, sharp(frames, raws).toFormat(format));
      expect((await sharp(file).metadata()).pages).toBe(2);
      const values = await pixels(file, [1, 2, 2, 3]);
      for (const value of values) expect(Math.abs(value - 200)).toBeLessThan(4);
    }
  });

  test("gray with transparency, and CMYK", async () => {
    const gray = sharp(Uint8Array.of(200, 255, 90, 0), raw(2, 1, 2)).toColourspace("b-w");
    const file = await write("gray-alpha.png", gray.png());
    expect((await sharp(file).metadata()).channels).toBe(2);
    expect(await pixels(file, [1, 1, 2, 3])).toEqual([200, 200, 200, 0, 0, 0]);
    expect(await pixels(file, [1, 1, 2, 4])).toEqual([200, 200, 200, 255, 90, 90, 90, 0]);
    const ink = sharp({ create: { width: 16, height: 16, channels: 3, background: "#fff" } }).toColourspace(
      "cmyk",
    );
    const print = await write("cmyk.jpg", ink.jpeg({ quality: 100 }));
    expect((await sharp(print).metadata()).space).toBe("cmyk");
    for (const value of await pixels(print, [1, 16, 16, 3])) expect(value).toBeGreaterThan(250);
  });

  test("JPEG, rotated upright by its EXIF data", async () => {
    const wide = sharp({ create: { width: 32, height: 16, channels: 3, background: "#204060" } });
    const left = { create: { width: 16, height: 16, channels: 3 as const, background: "#fff" } };
    const composed = wide.composite([{ input: left, left: 0, top: 0 }]);
    const file = await write("turned.jpg", composed.jpeg({ quality: 100 }).withMetadata({ orientation: 6 }));
    // Rotated by 90° to the right, the white half is at the top.
    const values = await pixels(file, [1, 32, 16, 3]);
    expect(values[0]).toBeGreaterThan(250);
    expect(values.slice(-3).map((value, at) => Math.abs(value - [32, 64, 96][at]!))).toEqual(
      expect.toSatisfy((off: number[]) => off.every((one) => one <= 3)),
    );
  });
});

describe("numbers", () => {
  const make = () =>
    write("numbers.png", sharp(Uint8Array.of(0, 51, 102, 153, 204, 255), raw(2, 1, 3)).png());

  test("scale, then mean, then std, per channel", async () => {
    const { value } = await read(await make(), [1, 1, 2, 3], {
      scale: 1 / 255,
      mean: [0.5, 0.25, 0],
      std: [0.5, 0.25, 2],
    });
    const expected = [-1, -0.2, 0.2, 0.2, 2.2, 0.5];
    expect(value?.length).toBe(6);
    for (const [at, one] of expected.entries()) expect(value![at]).toBeCloseTo(one, 6);
  });

  test("one mean and std for all channels", async () => {
    const { value } = await read(await make(), [1, 1, 2, 3], { scale: 1, mean: [51], std: [51] });
    expect([...value!]).toEqual([-1, 0, 1, 2, 3, 4]);
  });

  test("an image of another size is stretched to that of the input", async () => {
    const file = await write(
      "flat.png",
      sharp({ create: { width: 5, height: 9, channels: 3, background: "#0a141e" } }).png(),
    );
    expect(await pixels(file, [1, 2, 3, 3])).toEqual(Array.from({ length: 6 }, () => [10, 20, 30]).flat());
  });

  test.each([
    [{ ...plain, mean: [1, 2] }, "mean has 2 numbers, but the input has 3 channels"],
    [{ ...plain, std: [] }, "std has 0 numbers, but the input has 3 channels"],
    [{ ...plain, std: [1, 0, 1] }, "std must not be 0"],
    [{ ...plain, scale: Number.NaN }, "scale, mean and std must be finite numbers"],
  ])("wrong options: %j", async (options, message) => {
    const { value, diagnostics } = await read(await make(), [1, 1, 2, 3], options);
    expect(value).toBeUndefined();
    expect(diagnostics.map((one) => one.message)).toEqual([expect.stringContaining(message)]);
  });

  test.each([[[1, 2, 2, 2]], [[2, 2, 2, 3]], [[1, 12]], [[1, 0, 2, 3]]])(
    "no image fits an input %j",
    async (shape) => {
      const { diagnostics } = await read(await make(), shape, plain);
      expect(diagnostics[0]?.message).toContain(`this one is [${shape.join(", ")}]`);
    },
  );
});

describe("files that are not images", () => {
  test("a missing file, a folder", async () => {
    expect(await message(join(folder, "none.png"))).toMatch(
      /^cannot-read: .*none\.png: the file does not exist/,
    );
    expect(await message(folder)).toMatch(/^cannot-read: .*it is a folder/);
  });

  test("a text, and an empty file", async () => {
    writeFileSync(join(folder, "text.png"), "hello");
    writeFileSync(join(folder, "empty.png"), "");
    expect(await message(join(folder, "text.png"))).toMatch(
      /^bad-image: cannot read the image .*text\.png: \w/,
    );
    expect(await message(join(folder, "empty.png"))).toMatch(
      /^bad-image: cannot read the image .*empty\.png: \w/,
    );
  });

  test.each(["png", "jpeg"] as const)("a truncated %s", async (format) => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, at) => (at * 7919) % 251);
    const whole = await sharp(noise, raw(64, 64, 3))
      .toFormat(format)
      .toBuffer();
    const path = join(folder, `cut.${format}`);
    for (const part of [0.05, 0.5, 0.9]) {
      writeFileSync(path, whole.subarray(0, Math.floor(whole.length * part)));
      expect(await message(path)).toMatch(/^bad-image: cannot read the image .*: \w/);
    }
  });

  async function message(path: string): Promise<string> {
    const { value, diagnostics } = await read(path, [1, 64, 64, 3], plain);
    expect(value).toBeUndefined();
    return diagnostics.map((one) => `${one.code}: ${one.message}`).join("\n");
  }
});

function raw(width: number, height: number, channels: 1 | 2 | 3 | 4) {
  return { raw: { width, height, channels } };
}

async function write(name: string, image: Sharp): Promise<string> {
  const path = join(folder, name);
  await image.toFile(path);
  return path;
}

function read(path: string, shape: readonly number[], options: ImageOptions) {
  const port = { name: "image", shape };
  return readImage(path, port, preprocessFor(options, port));
}

async function pixels(path: string, shape: readonly number[]): Promise<number[]> {
  const { value, diagnostics } = await read(path, shape, plain);
  expect(diagnostics).toEqual([]);
  return [...value!];
}
