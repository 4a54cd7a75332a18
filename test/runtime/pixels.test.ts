// Pixels as values of an input: held against Pillow, whose results are in pillow.json, and against sums that are written out.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PictureInput, Pixels, Region } from "../../src/runtime/pixels.js";
import { pixelValues, placing } from "../../src/runtime/pixels.js";

interface Pillow {
  readonly cases: readonly {
    readonly from: readonly [number, number];
    readonly channels: number;
    readonly box: readonly [number, number, number, number] | null;
    readonly to: readonly [number, number];
    readonly bytes: string;
  }[];
  readonly gray: string;
}

const pillow = JSON.parse(readFileSync(join(import.meta.dirname, "pillow.json"), "utf8")) as Pillow;

/** The bytes that `pillow.json` was made from, by the generator of Numerical Recipes. */
function bytes(count: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

const plain: Omit<PictureInput, "width" | "height"> = {
  name: "image",
  depth: 3,
  isFirst: false,
  isBgr: false,
  fit: "stretch",
  crop: 1,
  pad: 0,
  scale: 1,
  mean: [0, 0, 0, 0],
  std: [1, 1, 1, 1],
};

function valuesOf(pixels: Pixels, input: PictureInput, within?: Region): Float32Array {
  const values = new Float32Array(input.width * input.height * input.depth).fill(Number.NaN);
  const whole = { x: 0, y: 0, width: pixels.width, height: pixels.height };
  pixelValues(pixels, within ?? whole, input, values, 0);
  return values;
}

test.each(pillow.cases)("$from, $channels channels, of $box becomes $to as in Pillow", (one) => {
  const { from, channels, box, to } = one;
  const [width, height] = from;
  const data = bytes(width * height * channels, width * 1000 + height * 10 + channels);
  const [left, top, right, bottom] = box ?? [0, 0, width, height];
  const input = { ...plain, width: to[0], height: to[1], depth: channels };
  const within = { x: left, y: top, width: right - left, height: bottom - top };
  const values = valuesOf({ data, width, height }, input, within);
  expect(Buffer.from(values).toString("hex")).toBe(one.bytes);
});

test("gray is that of Pillow", () => {
  const data = bytes(768, 1);
  const values = valuesOf({ data, width: 16, height: 16 }, { ...plain, width: 16, height: 16, depth: 1 });
  expect(Buffer.from(values).toString("hex")).toBe(pillow.gray);
});

describe("places", () => {
  const whole = (width: number, height: number): Region => ({ x: 0, y: 0, width, height });
  const at = (fit: PictureInput["fit"], crop = 1) => ({ ...plain, width: 20, height: 10, fit, crop });
  test.each([
    ["stretch", 1, [100, 100], { x: 0, y: 0, width: 100, height: 100 }, [20, 10]],
    ["cover", 1, [100, 100], { x: 0, y: 25, width: 100, height: 50 }, [20, 10]],
    ["cover", 1, [400, 100], { x: 100, y: 0, width: 200, height: 100 }, [20, 10]],
    ["cover", 0.5, [100, 100], { x: 25, y: 37.5, width: 50, height: 25 }, [20, 10]],
    ["contain", 1, [100, 100], { x: 0, y: 0, width: 100, height: 100 }, [10, 10]],
    ["contain", 1, [400, 100], { x: 0, y: 0, width: 400, height: 100 }, [20, 5]],
    ["contain", 1, [1, 1000], { x: 0, y: 0, width: 1, height: 1000 }, [1, 10]],
    ["stretch", 0.5, [100, 40], { x: 25, y: 10, width: 50, height: 20 }, [20, 10]],
  ] as const)("%s, crop %f, of %j", (fit, crop, [width, height], from, [w, h]) => {
    expect(placing(whole(width, height), at(fit, crop))).toEqual({ from, width: w, height: h });
  });
});

describe("values", () => {
  const pixel = { data: Uint8Array.of(10, 20, 30, 255), width: 1, height: 1 };
  const one = { ...plain, width: 1, height: 1 };
  test("are scaled, less the mean, divided by the deviation", () => {
    const input = { ...one, scale: 1 / 255, mean: [0.1, 0.2, 0.3], std: [0.5, 1, 2] };
    expect(valuesOf(pixel, input)).toEqual(
      Float32Array.of((10 / 255 - 0.1) / 0.5, 20 / 255 - 0.2, (30 / 255 - 0.3) / 2),
    );
  });
  test("are blue, green, red if asked for", () => {
    expect(valuesOf(pixel, { ...one, isBgr: true })).toEqual(Float32Array.of(30, 20, 10));
    expect(valuesOf(pixel, { ...one, isBgr: true, depth: 4 })).toEqual(Float32Array.of(30, 20, 10, 255));
  });
  test("of integers are rounded", () => {
    expect(valuesOf(pixel, { ...one, scale: 0.55, isInteger: true, mean: [0, 128, 0.1] })).toEqual(
      Float32Array.of(6, -117, 16),
    );
  });
  test("have their channels first if the input has", () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const input = { ...plain, width: 2, height: 1, isFirst: true };
    expect(valuesOf({ data, width: 2, height: 1 }, input)).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
  });
  test("of gray pixels are the same in all channels, and opaque", () => {
    const gray = { data: Uint8Array.of(7), width: 1, height: 1 };
    expect(valuesOf(gray, { ...one, depth: 4 })).toEqual(Float32Array.of(7, 7, 7, 255));
  });
  test("of transparent pixels are those on the ground", () => {
    const half = { data: Uint8Array.of(200, 100, 0, 51), width: 1, height: 1 };
    expect(valuesOf(half, { ...one, pad: 50 })).toEqual(Float32Array.of(80, 60, 40));
    expect(valuesOf(half, { ...one, depth: 4, pad: 50 })).toEqual(Float32Array.of(200, 100, 0, 51));
  });
  test.each([false, true])("lie in the middle of borders (channels first: %s)", (isFirst) => {
    const row = { data: Uint8Array.of(9, 9, 9, 9, 9, 9), width: 2, height: 1 };
    const input = { ...plain, width: 4, height: 4, fit: "contain" as const, pad: 5, isFirst };
    const values = valuesOf(row, input);
    const rows = Array.from({ length: 4 }, (_, y) => values[isFirst ? 4 * y : 12 * y]);
    expect(rows).toEqual([5, 9, 9, 5]);
  });
});
