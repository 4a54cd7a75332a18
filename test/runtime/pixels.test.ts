// Pixels as values of an input: held against Pillow, whose results are in pillow.json, and against sums that are written out.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { resizerText } from "#backend/wasm/resizer.js";
import { seededRandom } from "#ops/random.js";
import type { PictureInput, Pixels, Rectangle, Resize } from "../../src/runtime/pixels.js";
import { pixelValues, placing } from "../../src/runtime/pixels.js";
import { makeResizer } from "../../src/runtime/wasm/pictures.js";

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

/** JavaScript, and WebAssembly. */
const simd = makeResizer(resizerText());
const ways = { js: undefined, wasm: simd.resize } as const;
const wayNames = ["js", "wasm"] as const;

function valuesOf(pixels: Pixels, input: PictureInput, within?: Rectangle, resize?: Resize): Float32Array {
  const values = new Float32Array(input.width * input.height * input.depth).fill(Number.NaN);
  const whole = { x: 0, y: 0, width: pixels.width, height: pixels.height };
  pixelValues(pixels, within ?? whole, input, values, 0, resize);
  return values;
}

describe.each(wayNames)("in %s", (way) => {
  test.each(pillow.cases)("$from, $channels channels, of $box becomes $to as in Pillow", (one) => {
    const { from, channels, box, to } = one;
    const [width, height] = from;
    const data = bytes(width * height * channels, width * 1000 + height * 10 + channels);
    const [left, top, right, bottom] = box ?? [0, 0, width, height];
    const input = { ...plain, width: to[0], height: to[1], depth: channels };
    const within = { x: left, y: top, width: right - left, height: bottom - top };
    const values = valuesOf({ data, width, height }, input, within, ways[way]);
    expect(Buffer.from(values).toString("hex")).toBe(one.bytes);
  });
});

test("WebAssembly has the results of JavaScript: any size, part and transparency, in memory that grows and comes anew", () => {
  const random = seededRandom(1);
  for (let round = 0; round < 24; round++) {
    const channels = random.pick([1, 3, 4]);
    // Some are larger than a band, and some have a row that is.
    const [width, height] = random.pick([
      [random.int(1, 40), random.int(1, 40)],
      [random.int(1, 200), random.int(400, 700)],
      [random.int(66_000, 70_000), random.int(1, 2)],
    ]) as [number, number];
    const alpha = random.pick([255, 0, 77]);
    const data = bytes(width * height * channels, round).map((byte, at) =>
      channels === 4 && at % 4 === 3 && random.next() < 0.9 ? alpha : byte,
    );
    const input = {
      ...plain,
      width: random.int(1, 30),
      height: random.int(1, 30),
      depth: random.pick([1, 3, 4]),
      fit: random.pick(["stretch", "cover", "contain"] as const),
    };
    const [x, y] = [random.int(0, width - 1), random.int(0, height - 1)];
    const within = random.next() < 0.5 ? undefined : { x, y, width: width - x, height: height - y };
    const expected = valuesOf({ data, width, height }, input, within);
    expect(valuesOf({ data, width, height }, input, within, simd.resize)).toEqual(expected);
    if (round % 10 === 0) simd.free();
  }
});

test("gray is that of Pillow", () => {
  const data = bytes(768, 1);
  const values = valuesOf({ data, width: 16, height: 16 }, { ...plain, width: 16, height: 16, depth: 1 });
  expect(Buffer.from(values).toString("hex")).toBe(pillow.gray);
});

describe("places", () => {
  const whole = (width: number, height: number): Rectangle => ({ x: 0, y: 0, width, height });
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
