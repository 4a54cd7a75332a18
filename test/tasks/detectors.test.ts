// What detectors take and refuse, several pictures at a time, and boxes that are means of those that overlap.

import { describe, expect, test } from "vitest";
import type { PictureNet } from "../../src/tasks/index.js";
import {
  boxDetector,
  columns,
  detector,
  nms,
  ssdDetector,
  ssdPoints,
  yoloDetector,
} from "../../src/tasks/index.js";
import { netOf, size } from "./nets.js";

const picture = { data: new Uint8Array(64 * 32), ...size };
const one = { boxes: [0, 0, 1, 1], scores: [0.9] };
const blank = netOf({});

describe("weighted suppression", () => {
  // Two boxes of a thing with the scores 0.9 and 0.6, and one of another thing.
  const boxes = [0, 0, 4, 4, 1, 1, 5, 5, 20, 20, 24, 24];
  const scores = [0.6, 0.9, 0.7];

  test("a box is the mean of those that it suppresses, by their scores", () => {
    const [first, second, ...others] = nms(boxes, scores, { overlap: 0.3, blend: true });
    expect(others).toEqual([]);
    // (0.9 · 1 + 0.6 · 0) / 1.5
    expect([first!.index, first!.score]).toEqual([1, 0.9]);
    for (const [key, value] of Object.entries({ x: 0.6, y: 0.6, width: 4, height: 4 }))
      expect(first![key as keyof typeof first]).toBeCloseTo(value, 12);
    expect(second).toEqual({ index: 2, score: 0.7, x: 20, y: 20, width: 4, height: 4 });
  });

  test("what comes after the last box still counts", () => {
    const found = nms([20, 20, 24, 24, ...boxes], [0.1, ...scores], { overlap: 0.3, blend: true, most: 1 });
    expect(found.map(({ index, x }) => [index, x])).toEqual([[2, 0.6]]);
  });

  test("boxes of other classes do not", () => {
    const found = nms(boxes, scores, { overlap: 0.3, blend: true, classes: [0, 1, 0] });
    expect(found.map(({ x }) => x)).toEqual([1, 20, 0]);
  });

  test("key points too", async () => {
    const candidates = {
      boxes: boxes.map((at) => at / 32),
      scores,
      points: [2, 2, 3, 3, 22, 22].map((at) => at / 32),
      pointScores: [1, 0.5, 0.25],
    };
    const find = detector(blank, () => candidates, { overlap: 0.3, blend: true });
    const [first] = await find(picture);
    // Places are relative to 64 × 32 pixels.
    expect(first!.points[0]!.x).toBeCloseTo(2 * 2.6, 4);
    expect(first!.points[0]!.y).toBeCloseTo(2.6, 4);
    expect(first!.points[0]!.score).toBeCloseTo((0.9 * 0.5 + 0.6) / 1.5, 6);
  });

  test("scores below 0 are no weights", () => {
    expect(() => nms(boxes, scores, { score: -1, blend: true })).toThrow(
      "boxes are blended by scores from 0 up, but those above -1 count",
    );
  });
});

test("each of several pictures has its own outputs, and all of them those that do not depend on pictures", async () => {
  const net = netOf({
    boxes: { shape: ["N", 1, 4], values: [0, 0, 0.5, 0.5, 0, 0, 1, 1] },
    scores: { shape: ["N", 1], values: [0.9, 0.6] },
    factors: { shape: [1, 1], values: [0.5] },
  });
  const find = detector(
    net,
    ({ boxes = [], scores = [], factors = [] }) => ({
      boxes,
      scores: Float32Array.from(scores, (score) => score * factors[0]!),
    }),
    { score: 0.2, labels: ["face"] },
  );
  const found = await find([picture, { picture, x: 32, width: 32 }]);
  // The second is half as wide, so that it has borders at its sides.
  expect(found).toEqual([
    [
      {
        label: "face",
        classIndex: 0,
        index: 0,
        score: Math.fround(0.45),
        x: 0,
        y: 0,
        width: 32,
        height: 16,
        points: [],
      },
    ],
    [
      {
        label: "face",
        classIndex: 0,
        index: 0,
        score: Math.fround(0.3),
        x: 16,
        y: 0,
        width: 64,
        height: 32,
        points: [],
      },
    ],
  ]);
});

test("a net is run with the picture and the signal that it is given", async () => {
  const calls: unknown[] = [];
  const net: PictureNet = {
    ...blank,
    run: async (inputs, options) => {
      calls.push(inputs, options);
      return {};
    },
  };
  const { signal } = new AbortController();
  expect(await detector(net, () => ({ boxes: [], scores: [] }))(picture, { signal })).toEqual([]);
  expect(calls).toEqual([{ image: picture }, { signal }]);
});

test("scores that are not numbers are never the best", async () => {
  const boxes = [0, 0, 0.1, 0.1, 0.5, 0.5, 0.6, 0.6];
  const find = detector(blank, () => ({ boxes, scores: [Number.NaN, 0.9, Number.NaN, Number.NaN] }), {
    score: 0,
  });
  expect((await find(picture)).map(({ index, label }) => [index, label])).toEqual([[0, "1"]]);
});

test("boxes suppress those of other classes only if they are asked to", async () => {
  const candidates = { boxes: [0, 0, 1, 1, 0, 0, 1, 1], scores: [0.9, 0.1, 0.2, 0.8] };
  const indices = async (acrossClasses: boolean): Promise<number[]> =>
    (await detector(blank, () => candidates, { acrossClasses })(picture)).map(({ index }) => index);
  expect([await indices(false), await indices(true)]).toEqual([[0, 1], [0]]);
});

test("with the overlap 1 all boxes stay, even those in the same place", () => {
  const boxes = [0, 0, 1, 1, 0, 0, 1, 1];
  expect(nms(boxes, [0.6, 0.9], { overlap: 1 }).map(({ index }) => index)).toEqual([1, 0]);
  expect(nms(boxes, [0.6, 0.9], { overlap: 0.99 }).map(({ index }) => index)).toEqual([1]);
});

test("a hundred thousand boxes", () => {
  const count = 100_000;
  // Ten boxes beside each other, each with ten thousand scores.
  const boxes = Float32Array.from({ length: 4 * count }, (_, at) => {
    const left = 2 * (Math.floor(at / 4) % 10);
    return [left, 0, left + 1, 1][at % 4]!;
  });
  const scores = Float32Array.from({ length: count }, (_, at) => (at + 1) / count);
  const found = nms(boxes, scores, { blend: true });
  expect(found.map(({ index }) => index)).toEqual(Array.from({ length: 10 }, (_, at) => count - 1 - at));
  // Means of equal numbers.
  for (const [at, { x }] of found.entries()) expect(x).toBeCloseTo(2 * (9 - at), 9);
});

test("each box has a class", () => {
  expect(() => nms([0, 0, 1, 1], [1], { classes: [] })).toThrow("there are 0 classes for 1 boxes");
});

test("key points may have y first", () => {
  const anchors = [0.5, 0.25, 1, 1];
  const raw = [0, 0, 1, 1, 16, 32, 48, 64, 7];
  expect([...ssdPoints(raw, anchors, { scale: 64 })]).toEqual([0.75, 0.75, 1.25, 1.25]);
  expect([...ssdPoints(raw, anchors, { scale: [64, 32, 1, 1], yFirst: true })]).toEqual([1, 0.75, 1.5, 1.75]);
  expect([...ssdPoints([0, 0, 1, 1], anchors)]).toEqual([]);
});

test("columns of rows", () => {
  expect([...columns([1, 2, 3, 4, 5, 6], 3, 1, 3)]).toEqual([2, 3, 5, 6]);
  expect(columns([], 3, 0, 1)).toHaveLength(0);
  for (const [length, start, end] of [
    [4, 0, 1],
    [3, 1, 1],
    [3, -1, 2],
    [3, 0, 4],
    [3, 0.5, 2],
    [0, 0, 0],
  ] as const)
    expect(() => columns([1, 2, 3, 4, 5, 6], length, start, end)).toThrow(
      `no columns from ${start} to ${end} in rows of ${length}`,
    );
});

describe("what is wrong is said", () => {
  const yolo = (shape: readonly (number | string)[], name = "output0"): PictureNet =>
    netOf({ [name]: { shape, values: [] } });
  const heads = netOf({ b: { shape: [1, 2, 4], values: [] }, s: { shape: [1, 2, 1], values: [] } });
  const anchors = [0, 0, 1, 1, 0, 0, 1, 1];

  test.each<readonly [string, () => unknown, string]>([
    [
      "no net",
      () => yoloDetector(undefined as never),
      "yoloDetector: the net must be a loaded net, not undefined",
    ],
    [
      "a promise",
      () => yoloDetector(Promise.resolve(blank) as never),
      "the net must be a loaded net, not a promise; await load()",
    ],
    [
      "no pictures",
      () => yoloDetector({ ...blank, pictures: undefined } as never),
      "small takes no pictures; compile the model with --image",
    ],
    [
      "no input",
      () => yoloDetector(blank, { input: "picture" }),
      'small has no input "picture" that takes pictures; it has image',
    ],
    [
      "an option that does not exist",
      () => yoloDetector(blank, { overlapp: 1 } as never),
      'small: yoloDetector takes no option "overlapp"; did you mean "overlap"?',
    ],
    [
      "an option of another kind",
      () => boxDetector(blank, { score: "0.5" } as never),
      "`score` must be a number, not String",
    ],
    [
      "no background",
      () => boxDetector(blank, { background: "0" } as never),
      'boxDetector: background must be "first" or "last", not "0"',
    ],
    [
      "labels that are no list",
      () => boxDetector(blank, { labels: "cat" } as never),
      "boxDetector: labels must be a list of names, not string",
    ],
    [
      "no function",
      () => detector(blank, {} as never),
      "detector: what reads candidates must be a function, not object",
    ],
    [
      "two outputs",
      () => yoloDetector(heads),
      "yoloDetector: one output of small must have three axes, or be chosen by output; it has b, s",
    ],
    [
      "no such output",
      () => yoloDetector(heads, { output: "c" }),
      'yoloDetector: small has no output "c"; it has b, s',
    ],
    [
      "two axes",
      () => yoloDetector(yolo([1, 84]), { output: "output0" }),
      'output "output0" is [1, 84], not [n, numbers, boxes] or [n, boxes, numbers]',
    ],
    [
      "more labels than scores",
      () => yoloDetector(yolo([1, 6, 21]), { labels: ["a", "b", "c"] }),
      "6 numbers for each box are not its place, 3 classes",
    ],
    [
      "more points than numbers",
      () => yoloDetector(yolo([1, 8, 21]), { keyPoints: 2, objectness: true }),
      "8 numbers for each box are not its place, a score, 1 classes and 2 key points",
    ],
    [
      "numbers behind points",
      () => yoloDetector(yolo([1, 12, 21]), { keyPoints: 2, classes: 1 }),
      "12 numbers for each box are not its place, 1 classes and 2 key points",
    ],
    [
      "other cells",
      () => yoloDetector(yolo([1, 6, 21]), { strides: [8] }),
      "layers with the strides 8 have 32 boxes, but the net has 21",
    ],
    [
      "a stride",
      () => yoloDetector(yolo([1, 6, 21]), { strides: [0] }),
      "a stride must be a whole number from 1 up, not 0",
    ],
    [
      "no anchors",
      () => ssdDetector(heads, { boxes: "b", scores: "s" } as never),
      "ssdDetector: anchors must be { strides, … } or an array",
    ],
    [
      "no boxes",
      () => ssdDetector(heads, { anchors, boxes: ["b", "c"], scores: "s" }),
      'ssdDetector: small has no output "c"; it has b, s',
    ],
    [
      "no scores",
      () => ssdDetector(heads, { anchors, boxes: "b" } as never),
      "ssdDetector: small has no output undefined; it has b, s",
    ],
    [
      "an activation",
      () => ssdDetector(heads, { anchors, boxes: "b", scores: "s", activation: "tanh" as never }),
      'activation must be "none" or "sigmoid" or "softmax", not "tanh"',
    ],
    [
      "neither boxes nor rows",
      () => boxDetector(heads, { boxes: "b" } as never),
      "boxDetector: give the outputs for boxes and scores, or the one for rows",
    ],
    [
      "boxes and rows",
      () => boxDetector(heads, { boxes: "b", scores: "s", rows: "b" } as never),
      "boxDetector: give the outputs for boxes and scores, or the one for rows",
    ],
    [
      "a form",
      () => boxDetector(heads, { rows: "b", form: "sides" as never }),
      'boxDetector: form must be "corners" or "centers", not "sides"',
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });

  test.each<readonly [string, object, object, string]>([
    [
      "boxes that are cut off",
      { boxes: [1, 2, 3], scores: [1] },
      {},
      "small: detector: 1 scores do not fit 3 numbers of boxes",
    ],
    [
      "scores that do not fit",
      { boxes: [0, 0, 1, 1, 0, 0, 1, 1], scores: [1, 2, 3] },
      {},
      "3 scores do not fit 8 numbers of boxes; each box has four numbers and a score for each class",
    ],
    [
      "several scores and a class",
      { ...one, scores: [1, 2], classes: [0] },
      {},
      "each box has four numbers and one score",
    ],
    ["classes of other boxes", { ...one, classes: [0, 1] }, {}, "there are 2 classes for 1 boxes"],
    [
      "only the background",
      one,
      { background: "last" },
      "each box has one score, which is that of the background",
    ],
    ["other labels", one, { labels: ["a", "b"] }, "there are 2 labels, but each box has scores of 1 classes"],
    ["a half point", { ...one, points: [1, 2, 3] }, {}, "3 numbers are not points of 1 boxes"],
    [
      "scores of other points",
      { ...one, points: [1, 2], pointScores: [1, 1] },
      {},
      "2 numbers are not points of 1 boxes, with x, y and one score for each",
    ],
  ])("%s", async (_, candidates, options, message) => {
    await expect(detector(blank, () => candidates as never, options)(picture)).rejects.toThrow(message);
  });

  test("no picture", async () => {
    const find = detector(blank, () => one);
    for (const wrong of [undefined, null, "cat.png", new Float32Array(4), [picture, 1]])
      await expect(find(wrong as never)).rejects.toThrow("small: the picture must be a picture");
  });
});
