// Detectors: things drawn at random are written as each kind of net writes them, and every kind of detector finds the same again.

import { describe, expect, test } from "vitest";
import { seededRandom } from "#ops/random.js";
import type { Detector, Found } from "../../src/tasks/index.js";
import {
  boxDetector,
  columns,
  detector,
  ssdAnchors,
  ssdDetector,
  yoloDetector,
} from "../../src/tasks/index.js";
import { scaled } from "../scale.js";
import { netOf, size } from "./nets.js";

const { width, height } = size;
/** A picture of twice the size, whose top and bottom quarters are borders in the input. */
const picture = { data: new Uint8Array(3 * 128 * 32), width: 128, height: 32 };

/** The anchors of layers with the strides 8 and 16, as wide and high as the cells: the places of YOLOX's grids too. */
const cells = [8, 16].flatMap((stride) =>
  Array.from({ length: (width / stride) * (height / stride) }, (_, at) => {
    const columnCount = width / stride;
    return { x: (at % columnCount) * stride, y: Math.floor(at / columnCount) * stride, stride };
  }),
);

/** In pixels of the input. */
interface Thing {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly scores: readonly number[];
  readonly points: readonly (readonly [x: number, y: number, score: number])[];
}

const classes = 3;
const pointCount = 2;

/** A box for each cell; few of them have a high score. */
function draw(seed: number): Thing[] {
  const random = seededRandom(seed);
  const within = (end: number): number => end * random.next();
  return cells.map(() => ({
    x: within(width),
    y: within(height),
    width: 1 + within(20),
    height: 1 + within(20),
    scores: Array.from({ length: classes }, () => (random.next() < 0.15 ? 0.5 : 0) + 0.48 * random.next()),
    points: Array.from({ length: pointCount }, () => [within(width), within(height), within(1)] as const),
  }));
}

/** What a detector must find: by plain loops over all pairs, which look at each box in the order of scores. */
function expected(things: readonly Thing[], { acrossClasses = false } = {}): Omit<Found, "index">[] {
  const all = things
    .map((thing) => ({ thing, score: Math.max(...thing.scores) }))
    .filter(({ score }) => score > 0.5)
    .sort((a, b) => b.score - a.score)
    .map(({ thing, score }) => ({ thing, score, classIndex: thing.scores.indexOf(score) }));
  const kept: typeof all = [];
  for (const one of all) {
    const isCovered = kept.some((other) => {
      const [a, b] = [one.thing, other.thing];
      const across = Math.max(
        0,
        Math.min(a.x + a.width / 2, b.x + b.width / 2) - Math.max(a.x - a.width / 2, b.x - b.width / 2),
      );
      const down = Math.max(
        0,
        Math.min(a.y + a.height / 2, b.y + b.height / 2) - Math.max(a.y - a.height / 2, b.y - b.height / 2),
      );
      const share = (across * down) / (a.width * a.height + b.width * b.height - across * down);
      return share > 0.3 && (acrossClasses || one.classIndex === other.classIndex);
    });
    if (!isCovered) kept.push(one);
  }
  // The picture is 128 × 32 pixels in the middle of the input's 64 × 32, half as large.
  const place = (x: number, y: number): { x: number; y: number } => ({ x: 2 * x, y: 2 * (y - 8) });
  return kept.map(({ thing, score, classIndex }) => ({
    label: ["cat", "dog", "hen"][classIndex]!,
    classIndex,
    score,
    ...place(thing.x - thing.width / 2, thing.y - thing.height / 2),
    width: 2 * thing.width,
    height: 2 * thing.height,
    points: thing.points.map(([x, y, sure]) => ({ ...place(x, y), score: sure })),
  }));
}

const shared = { score: 0.5, overlap: 0.3, labels: ["cat", "dog", "hen"] };
const logit = (probability: number): number => Math.log(probability / (1 - probability));

/** The center and the size. */
const placeOf = ({ x, y, width, height }: Thing): number[] => [x, y, width, height];

/** Rows as the last axis but one, or as the last. */
function transposed(rows: readonly (readonly number[])[]): number[] {
  return rows[0]!.flatMap((_, at) => rows.map((row) => row[at]!));
}

/** The kinds of nets: how each writes things, and the detector for it. `points` says what it tells of key points. */
const kinds: Readonly<
  Record<
    string,
    { readonly points: "none" | "places" | "scores"; readonly make: (things: readonly Thing[]) => Detector }
  >
> = {
  "YOLOv8, pixels": {
    points: "none",
    make: (things) => {
      const rows = things.map((one) => [...placeOf(one), ...one.scores]);
      return yoloDetector(
        netOf({ output0: { shape: [1, 7, rows.length], values: transposed(rows) } }),
        shared,
      );
    },
  },
  "YOLOv8 with masks, relative": {
    points: "none",
    make: (things) => {
      const rows = things.map((one) => [
        one.x / width,
        one.y / height,
        one.width / width,
        one.height / height,
        ...one.scores,
        9,
        9,
      ]);
      const net = netOf({
        output0: { shape: [1, 9, rows.length], values: transposed(rows) },
        output1: { shape: [1, 2, 8, 8], values: new Float32Array(128) },
      });
      return yoloDetector(net, { ...shared, pixels: false });
    },
  },
  "YOLOv8 of poses": {
    points: "scores",
    make: (things) => {
      const rows = things.map((one) => [...placeOf(one), ...one.scores, ...one.points.flat()]);
      return yoloDetector(netOf({ output0: { shape: ["N", 13, rows.length], values: transposed(rows) } }), {
        ...shared,
        keyPoints: pointCount,
      });
    },
  },
  YOLOv5: {
    points: "none",
    make: (things) => {
      const rows = things.map((one) => [...placeOf(one), 0.5, ...one.scores.map((score) => 2 * score)]);
      return yoloDetector(netOf({ output: { shape: [1, rows.length, 8], values: rows.flat() } }), {
        ...shared,
        objectness: true,
      });
    },
  },
  YOLOX: {
    points: "none",
    make: (things) => {
      const rows = things.map((one, at) => {
        const { x, y, stride } = cells[at]!;
        const sizes = [Math.log(one.width / stride), Math.log(one.height / stride)];
        return [
          (one.x - x) / stride,
          (one.y - y) / stride,
          ...sizes,
          0.5,
          ...one.scores.map((score) => 2 * score),
        ];
      });
      return yoloDetector(netOf({ output: { shape: [1, rows.length, 8], values: rows.flat() } }), {
        ...shared,
        objectness: true,
        strides: [8, 16],
      });
    },
  },
  "BlazeFace: fixed anchors, layers apart": {
    points: "places",
    make: (things) => {
      const rows = things.map((one, at) => {
        const { x, y, stride } = cells[at]!;
        const [left, top] = [x + stride / 2, y + stride / 2];
        const points = one.points.flatMap(([u, v]) => [u - left, v - top]);
        return [one.x - left, one.y - top, one.width, one.height, ...points];
      });
      const scores = things.map((one) => one.scores.map(logit));
      const first = (width / 8) * (height / 8);
      const net = netOf({
        boxes1: { shape: [1, first, 8], values: rows.slice(0, first).flat() },
        boxes2: { shape: [1, rows.length - first, 8], values: rows.slice(first).flat() },
        scores1: { shape: [1, first, classes], values: scores.slice(0, first).flat() },
        scores2: { shape: [1, rows.length - first, classes], values: scores.slice(first).flat() },
      });
      return ssdDetector(net, {
        ...shared,
        anchors: { strides: [8, 16], fixedSize: true, interpolatedRatio: 0 },
        boxes: ["boxes1", "boxes2"],
        scores: ["scores1", "scores2"],
        scale: [width, height, width, height],
      });
    },
  },
  "SSD MobileNet: exponents, y first, background": {
    points: "none",
    make: (things) => {
      const anchors = ssdAnchors({ size: [width, height], strides: [8, 16], interpolatedRatio: 0 });
      const rows = things.map((one, at) => {
        const [x, y, w, h] = anchors.subarray(4 * at, 4 * at + 4);
        return [
          (10 * (one.y / height - y!)) / h!,
          (10 * (one.x / width - x!)) / w!,
          5 * Math.log(one.height / height / h!),
          5 * Math.log(one.width / width / w!),
        ];
      });
      // The background is the most probable, but it is no class.
      const scores = things.map((one) => [6, ...one.scores.map(logit)]);
      const net = netOf({
        raw_boxes: { shape: [1, rows.length, 1, 4], values: rows.flat() },
        raw_scores: { shape: [1, rows.length, 4], values: scores.flat() },
      });
      return ssdDetector(net, {
        ...shared,
        anchors,
        boxes: "raw_boxes",
        scores: "raw_scores",
        scale: [10, 10, 5, 5],
        exponential: true,
        yFirst: true,
        background: "first",
      });
    },
  },
  "finished corners, y first, of classes that it chose": {
    points: "none",
    make: (things) => {
      const net = netOf({
        boxes: {
          shape: [1, things.length, 4],
          values: things.flatMap(({ x, y, width: w, height: h }) => [
            (y - h / 2) / height,
            (x - w / 2) / width,
            (y + h / 2) / height,
            (x + w / 2) / width,
          ]),
        },
        scores: { shape: [1, things.length], values: things.map(({ scores }) => Math.max(...scores)) },
        // Numbers of classes begin at 1, and 0 stands for nothing.
        classes: {
          shape: [1, things.length],
          values: things.map(({ scores }) => 1 + scores.indexOf(Math.max(...scores))),
        },
      });
      return boxDetector(net, {
        ...shared,
        boxes: "boxes",
        scores: "scores",
        classes: "classes",
        yFirst: true,
        background: "first",
      });
    },
  },
  "finished rows": {
    points: "none",
    make: (things) => {
      const rows = things.map(({ x, y, width: w, height: h, scores }) => {
        const best = Math.max(...scores);
        return [x - w / 2, y - h / 2, x + w / 2, y + h / 2, best, scores.indexOf(best)];
      });
      return boxDetector(netOf({ output0: { shape: [1, rows.length, 6], values: rows.flat() } }), {
        ...shared,
        rows: "output0",
        pixels: true,
      });
    },
  },
  "DETR: centers, softmax, the last class is nothing": {
    points: "none",
    make: (things) => {
      const net = netOf({
        pred_boxes: {
          shape: [1, things.length, 4],
          values: things.flatMap((one) => [
            one.x / width,
            one.y / height,
            one.width / width,
            one.height / height,
          ]),
        },
        logits: {
          shape: [1, things.length, 4],
          // The sum of all four is 4.
          values: things.flatMap(({ scores }) => [
            ...scores.map((score) => Math.log(4 * score)),
            Math.log(4 * (1 - scores.reduce((a, b) => a + b))),
          ]),
        },
      });
      return boxDetector(net, {
        ...shared,
        boxes: "pred_boxes",
        scores: "logits",
        form: "centers",
        activation: "softmax",
        background: "last",
      });
    },
  },
  "a function of the caller": {
    points: "places",
    make: (things) => {
      const rows = things.map((one) => [
        ...one.scores,
        (one.x - one.width / 2) / width,
        (one.y - one.height / 2) / height,
        (one.x + one.width / 2) / width,
        (one.y + one.height / 2) / height,
        ...one.points.flatMap(([x, y]) => [x / width, y / height]),
      ]);
      return detector(
        netOf({ all: { shape: [1, rows.length, 11], values: rows.flat() } }),
        ({ all = new Float32Array() }) => ({
          scores: columns(all, 11, 0, 3),
          boxes: columns(all, 11, 3, 7),
          points: columns(all, 11, 7, 11),
        }),
        shared,
      );
    },
  },
};

/** Numbers of f32 differ by their rounding. */
function expectFound(found: readonly Found[], wanted: readonly Omit<Found, "index">[], points: string): void {
  expect(found.map(({ label }) => label)).toEqual(wanted.map(({ label }) => label));
  for (const [at, one] of wanted.entries()) {
    const own = found[at]!;
    expect(own.classIndex).toBe(one.classIndex);
    for (const key of ["score", "x", "y", "width", "height"] as const)
      expect(own[key]).toBeCloseTo(one[key], 3);
    expect(own.points).toHaveLength(points === "none" ? 0 : pointCount);
    for (const [of, point] of own.points.entries()) {
      expect(point.x).toBeCloseTo(one.points[of]!.x, 3);
      expect(point.y).toBeCloseTo(one.points[of]!.y, 3);
      if (points === "scores") expect(point.score).toBeCloseTo(one.points[of]!.score!, 5);
      else expect(point).not.toHaveProperty("score");
    }
  }
}

describe("all kinds of nets, as they write boxes", () => {
  test.each(Object.entries(kinds))("%s", async (_, { points, make }) => {
    let most = 0;
    for (let seed = 0; seed < scaled(10); seed++) {
      const things = draw(seed);
      // Probabilities that a softmax has sum to less than 1.
      const fair = things.map((one) => {
        const sum = one.scores.reduce((a, b) => a + b);
        return sum < 1 ? one : { ...one, scores: one.scores.map((score) => (0.99 * score) / sum) };
      });
      const find = make(fair);
      const wanted = expected(fair);
      most = Math.max(most, wanted.length);
      expectFound(await find(picture), wanted, points);
    }
    expect(most).toBeGreaterThan(2);
  });
});
