// Boxes of detectors: suppression against onnxruntime's on drawn boxes, anchors and boxes against numbers written out by hand.

import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { seededRandom } from "#ops/random.js";
import { placing } from "../../src/runtime/pixels.js";
import { inPicture, nms, ssdAnchors, ssdBoxes } from "../../src/tasks/index.js";
import { modelOf } from "../onnx/text-model.js";
import { scaled } from "../scale.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

describe("nms", () => {
  /** The boxes that onnxruntime selects, best first. */
  async function selected(
    boxes: Float32Array,
    scores: Float32Array,
    { score, overlap, most }: { readonly score: number; readonly overlap: number; readonly most: number },
  ): Promise<number[]> {
    const session = await ort.InferenceSession.create(
      modelOf(`opset 13
input boxes float[1, ${scores.length}, 4]
input scores float[1, 1, ${scores.length}]
weight most int64[1] = ${most}
weight overlap float[1] = ${overlap}
weight score float[1] = ${score}
y = NonMaxSuppression(boxes, scores, most, overlap, score)
output y int64[?, 3]
`),
    );
    const { y } = await session.run({
      boxes: new ort.Tensor("float32", boxes, [1, scores.length, 4]),
      scores: new ort.Tensor("float32", scores, [1, 1, scores.length]),
    });
    await session.release();
    const rows = Array.from(y!.data as BigInt64Array, Number);
    return Array.from({ length: rows.length / 3 }, (_, at) => rows[3 * at + 2]!);
  }

  test("selects what onnxruntime selects", async () => {
    for (let seed = 0; seed < scaled(40); seed++) {
      const random = seededRandom(seed);
      const count = random.int(1, 60);
      const spread = random.pick([1, 4, 20]);
      const boxes = new Float32Array(4 * count);
      for (let at = 0; at < count; at++) {
        const [x, y] = [spread * random.next(), spread * random.next()];
        const [width, height] = [random.int(0, 8) / 4, random.int(1, 8) / 4];
        const corners = [x, y, x + width, y + height];
        // Corners of ONNX may be any two opposite ones.
        if (random.next() < 0.2) corners.push(...corners.splice(0, 2));
        boxes.set(corners, 4 * at);
      }
      const scores = Float32Array.from({ length: count }, () => random.int(0, 100) / 100);
      const options = {
        score: random.pick([0.005, 0.305, 0.805]),
        overlap: random.pick([0, 0.3, 0.5, 0.9]),
        most: random.pick([1, 5, 1000]),
      };
      const found = nms(boxes, scores, options);
      expect(
        found.map(({ index }) => index),
        `seed ${seed}`,
      ).toEqual(await selected(boxes, scores, options));
      for (const { index, score } of found) expect(score).toBe(scores[index]);
    }
  });

  test("boxes of different classes may overlap, and are told with their size", () => {
    const boxes = [0, 0, 4, 2, 0, 0, 4, 2, 1, 0, 5, 2];
    const scores = [0.5, 0.9, 0.8];
    expect(nms(boxes, scores)).toEqual([{ index: 1, score: 0.9, x: 0, y: 0, width: 4, height: 2 }]);
    expect(nms(boxes, scores, { classes: [1, 0, 1] }).map(({ index }) => index)).toEqual([1, 2]);
    expect(nms(boxes, scores, { overlap: 0.59 }).map(({ index }) => index)).toEqual([1]);
    expect(nms(boxes, scores, { overlap: 0.6 }).map(({ index }) => index)).toEqual([1, 2]);
    expect(() => nms([1, 2, 3], [1])).toThrow("3 numbers are not 4 for each of 1 scores");
  });

  test("boxes that are nowhere are left out", () => {
    for (const corner of [0, 1, 2, 3])
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const boxes = [0, 0, 4, 2, 9, 9, 10, 10];
        boxes[corner] = value;
        expect(nms(boxes, [0.9, 0.8]).map(({ index }) => index)).toEqual([1]);
      }
  });
});

describe("ssdAnchors", () => {
  test("no strides are an error", () => {
    expect(() => ssdAnchors({ size: 128 } as never)).toThrow("ssdAnchors: strides must be a list");
  });

  test.each([0, -8, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "8", undefined])(
    "%j pixels are an error",
    (value) => {
      const pixels = value as number;
      for (const strides of [[pixels], [8, pixels]])
        expect(() => ssdAnchors({ size: 128, strides })).toThrow("a stride must be a whole number from 1 up");
      for (const size of [pixels, [pixels, 128], [128, pixels]] as (number | [number, number])[])
        if (size !== undefined)
          expect(() => ssdAnchors({ size, strides: [8] })).toThrow("a size must be a whole number from 1 up");
    },
  );

  test("of BlazeFace: 896 with fixed sizes, two and six at each place", () => {
    const anchors = ssdAnchors({ size: 128, strides: [8, 16, 16, 16], fixedSize: true });
    expect(anchors).toHaveLength(4 * 896);
    const rows = Array.from({ length: 896 }, (_, at) => [...anchors.subarray(4 * at, 4 * at + 4)]);
    expect(rows.slice(0, 3)).toEqual([
      [0.03125, 0.03125, 1, 1],
      [0.03125, 0.03125, 1, 1],
      [0.09375, 0.03125, 1, 1],
    ]);
    expect(rows[2 * 16]).toEqual([0.03125, 0.09375, 1, 1]);
    expect(rows[512]).toEqual([0.0625, 0.0625, 1, 1]);
    expect(rows[518]).toEqual([0.1875, 0.0625, 1, 1]);
    expect(rows[895]).toEqual([0.9375, 0.9375, 1, 1]);
  });

  test("of SSD MobileNet: 1,917, with the scales of TensorFlow's object detection", () => {
    const anchors = ssdAnchors({
      size: 300,
      strides: [16, 32, 64, 128, 256, 512],
      ratios: [1, 2, 0.5, 3, 0.3333],
      reduceLowestLayer: true,
    });
    expect(anchors).toHaveLength(4 * 1917);
    const rows = Array.from({ length: 1917 }, (_, at) => [...anchors.subarray(4 * at, 4 * at + 4)]);
    const close = (row: readonly number[], expected: readonly number[]): void => {
      for (const [at, value] of expected.entries()) expect(row[at]).toBeCloseTo(value, 4);
    };
    close(rows[0]!, [0.5 / 19, 0.5 / 19, 0.1, 0.1]);
    close(rows[1]!, [0.5 / 19, 0.5 / 19, 0.2828, 0.1414]);
    close(rows[2]!, [0.5 / 19, 0.5 / 19, 0.1414, 0.2828]);
    // The second layer has 10 × 10 places, and the scales 0.35 and √(0.35 · 0.5).
    const second = 3 * 19 * 19;
    close(rows[second]!, [0.05, 0.05, 0.35, 0.35]);
    close(rows[second + 1]!, [0.05, 0.05, 0.495, 0.2475]);
    close(rows[second + 5]!, [0.05, 0.05, 0.4183, 0.4183]);
    // The last one has a single place, and the next scale after it is 1.
    close(rows[1911]!, [0.5, 0.5, 0.95, 0.95]);
    close(rows[1916]!, [0.5, 0.5, 0.9747, 0.9747]);
  });

  test("of a picture that is not square", () => {
    const anchors = ssdAnchors({
      size: [20, 10],
      strides: [10],
      interpolatedRatio: 0,
      minScale: 0.4,
      maxScale: 0.6,
    });
    expect([...anchors]).toEqual([0.25, 0.5, 0.5, 0.5, 0.75, 0.5, 0.5, 0.5]);
  });
});

describe("ssdBoxes", () => {
  const anchors = [0.5, 0.25, 1, 1, 0.5, 0.5, 0.2, 0.4];
  const near = (boxes: Float32Array, expected: readonly number[]): void => {
    expect(boxes).toHaveLength(expected.length);
    for (const [at, value] of expected.entries()) expect(boxes[at]).toBeCloseTo(value, 6);
  };

  test("are centers and sizes relative to anchors, divided by a scale", () => {
    near(
      ssdBoxes([16, 32, 64, 32, 9, 9, 0, 0, 128, 128, 9, 9], anchors, { scale: 128 }),
      [0.375, 0.375, 0.875, 0.625, 0.4, 0.3, 0.6, 0.7],
    );
  });

  test("may have exponents, y first, and a scale of each number", () => {
    const raw = [0, 0, 5 * Math.log(0.5), 5 * Math.log(0.25), 10, 0, 0, 0];
    const options = { scale: [10, 10, 5, 5], exponential: true, yFirst: true } as const;
    near(ssdBoxes(raw, anchors, options), [0.375, 0, 0.625, 0.5, 0.4, 0.7, 0.6, 1.1]);
    expect(() => ssdBoxes([1, 2, 3], anchors)).toThrow("3 numbers are not at least 4 for each of 2 anchors");
  });
});

test("points of an input are found in its picture, whatever its fit and its part", () => {
  for (let seed = 0; seed < scaled(50); seed++) {
    const random = seededRandom(seed);
    const input = {
      name: "image",
      width: random.int(8, 64),
      height: random.int(8, 64),
      depth: 3,
      isFirst: false,
      isBgr: false,
      fit: random.pick(["stretch", "cover", "contain"] as const),
      crop: random.pick([1, 0.8]),
      pad: 0,
      scale: 1,
      mean: [0],
      std: [1],
    };
    const [width, height] = [random.int(4, 500), random.int(4, 500)];
    const pixels = { data: new Uint8Array(width * height), width, height };
    const part = { x: random.int(0, 2), y: random.int(0, 2), width: width - 3, height: height - 3 };
    for (const [picture, within] of [
      [pixels, { x: 0, y: 0, width, height }],
      [{ picture: pixels, ...part }, part],
    ] as const) {
      const { from, width: w, height: h } = placing(within, input);
      // The corners of what the picture covers in the input are the corners of what was taken of it.
      const [left, top] = [Math.floor((input.width - w) / 2), Math.floor((input.height - h) / 2)];
      const corners = [left, top, left + w, top + h].map(
        (at, axis) => at / (axis % 2 === 0 ? input.width : input.height),
      );
      const expected = [from.x, from.y, from.x + from.width, from.y + from.height];
      for (const [at, value] of inPicture(corners, picture, input).entries())
        expect(value).toBeCloseTo(expected[at]!, 3);
    }
  }
});

test("points need a picture and an input", () => {
  const picture = { data: new Uint8Array(4), width: 2, height: 2 };
  for (const wrong of [undefined, null, "cat.png", { width: 2, height: 2 }])
    expect(() => inPicture([0, 0], wrong as never, {} as never)).toThrow(
      "inPicture: the picture must be a picture",
    );
  for (const wrong of [undefined, null, "image"])
    expect(() => inPicture([0, 0], picture, wrong as never)).toThrow("the input must be net.pictures.NAME");
});
