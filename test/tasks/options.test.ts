// What options and shapes mean that are rare, and what is said if they are wrong.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Detector, Found, PictureNet, YoloOptions } from "../../src/tasks/index.js";
import {
  boxDetector,
  columns,
  detector,
  maskToImageData,
  nms,
  peaks,
  ssdAnchors,
  ssdBoxes,
  ssdDetector,
  yoloDetector,
} from "../../src/tasks/index.js";
import { netOf, size } from "./nets.js";

const picture = { data: new Uint8Array(64 * 32), ...size };
const { NaN: none } = Number;

/** A net with one output. */
const oneOf = (...shape: readonly (number | string)[]): PictureNet => netOf({ o: { shape, values: [] } });

describe("rows that are no boxes", () => {
  test.each([5, 7, 57])("%d numbers in a row are not six", (length) => {
    expect(() => boxDetector(oneOf(1, 300, length), { rows: "o" })).toThrow(
      `boxDetector: output "o" of small is [1, 300, ${length}], not rows of 6 numbers (box, score and class); \`detector\` with \`columns\``,
    );
  });

  test("five numbers of a box are not four, even if there are as many scores", () => {
    const net = netOf({ b: { shape: [1, 16, 5], values: [] }, s: { shape: [1, 20], values: [] } });
    expect(() => boxDetector(net, { boxes: "b", scores: "s" })).toThrow(
      'boxDetector: output "b" of small is [1, 16, 5], not rows of 4 numbers',
    );
  });
});

describe("the axis of a YOLO detector's boxes", () => {
  const [boxes, classes] = [9, 5];
  const rows = Array.from({ length: boxes }, (_, box) =>
    Array.from({ length: 4 + classes }, (_, at) =>
      at < 4 ? [32, 16, 8, 8][at]! : box === 7 && at === 6 ? 0.9 : 0.1,
    ),
  );
  const columnsOf = (all: readonly (readonly number[])[]): number[] =>
    all[0]!.flatMap((_, at) => all.map((row) => row[at]!));
  const labels = Array.from({ length: classes }, (_, at) => `class ${at}`);
  /** The first of these boxes, in rows and in columns. */
  const found = (count: number, options: YoloOptions): Promise<unknown[]> => {
    const some = rows.slice(rows.length - count);
    const nets = [
      netOf({ o: { shape: [1, count, 4 + classes], values: some.flat() } }),
      netOf({ o: { shape: [1, 4 + classes, count], values: columnsOf(some) } }),
    ];
    return Promise.all(
      nets.map(async (net, at) =>
        (await yoloDetector(net, { boxesLast: at === 1, ...options })(picture)).map(({ index, label }) => [
          index,
          label,
        ]),
      ),
    );
  };
  const unsaid = { boxesLast: undefined } as unknown as YoloOptions;

  test("is known by the number of classes, where the other axis is shorter", async () => {
    expect(await found(3, { ...unsaid, labels })).toEqual([[[1, "class 2"]], [[1, "class 2"]]]);
    expect(await found(3, { ...unsaid, classes })).toEqual([[[1, "2"]], [[1, "2"]]]);
  });

  test("must be said where both are equal", async () => {
    expect(() => yoloDetector(oneOf(1, 9, 9), { labels })).toThrow(
      'yoloDetector: output "o" is [1, 9, 9]; say by boxesLast whether the boxes are the last axis',
    );
    expect(await found(9, {})).toEqual([[[7, "2"]], [[7, "2"]]]);
  });

  test("is known by key points", () => {
    // A box, a class and three key points of two or three numbers; eight boxes.
    for (const length of [11, 14])
      for (const shape of [
        [1, length, 8],
        [1, 8, length],
      ])
        expect(() => yoloDetector(oneOf(...shape), { keyPoints: 3 })).not.toThrow();
  });
});

describe("a class that stands for nothing", () => {
  const rows = [0, 1, 2, none, Number.POSITIVE_INFINITY].flatMap((one) => [0, 0, 1, 1, 0.9, one]);
  const labelsOf = async (find: Detector): Promise<string[]> =>
    (await find(picture)).map(({ label }) => label);
  const net = netOf({ o: { shape: [1, 5, 6], values: rows } });

  test("is left out where the net says the class, and so is what is no class", async () => {
    const labels = ["a", "b"];
    expect(await labelsOf(boxDetector(net, { rows: "o" }))).toEqual(["0", "1", "2"]);
    expect(await labelsOf(boxDetector(net, { rows: "o", labels, background: "last" }))).toEqual(["a", "b"]);
    expect(await labelsOf(boxDetector(net, { rows: "o", labels, background: "first" }))).toEqual(["a", "b"]);
  });

  test("cannot be the last one of unknown classes", async () => {
    await expect(boxDetector(net, { rows: "o", background: "last" })(picture)).rejects.toThrow(
      "small: boxDetector: the last class is the background, but how many there are only labels say",
    );
  });

  test.each(["first", "last"] as const)("is one more than the labels of YOLO: %s", async (background) => {
    const scores = background === "first" ? [0.9, 0.1, 0.8] : [0.1, 0.8, 0.9];
    const yolo = netOf({ o: { shape: [1, 1, 7], values: [32, 16, 8, 8, ...scores] } });
    const options = { labels: ["a", "b"], background, boxesLast: false };
    expect(await labelsOf(yoloDetector(yolo, options))).toEqual(["b"]);
  });
});

test("labels of YOLO are those of all classes, unless the net shows what follows them", () => {
  const labels = ["a", "b"];
  const masks = (count: number): PictureNet =>
    netOf({ o: { shape: [1, 9, 64], values: [] }, m: { shape: [1, count, 8, 8], values: [] } });
  expect(() => yoloDetector(oneOf(1, 7, 64), { labels })).toThrow(
    "7 numbers for each box are not its place, 2 classes; if others follow the classes, say by classes how many there are",
  );
  expect(() => yoloDetector(oneOf(1, 7, 64), { labels, classes: 2 })).not.toThrow();
  expect(() => yoloDetector(masks(3), { labels })).not.toThrow();
  expect(() => yoloDetector(masks(2), { labels })).toThrow("9 numbers for each box are not its place");
  expect(() => yoloDetector(masks(3), { labels, classes: 3 })).toThrow(
    "yoloDetector: 2 labels are not those of 3 classes",
  );
});

test("an infinite score is no weight: its box stays as it is", () => {
  const boxes = [0, 0, 1, 1, 0, 0, 1, 0.9];
  const [first, ...others] = nms(boxes, [1, Number.POSITIVE_INFINITY], { blend: true });
  expect(first).toEqual({ index: 1, score: Number.POSITIVE_INFINITY, x: 0, y: 0, width: 1, height: 0.9 });
  expect(others).toEqual([]);
});

test("a place of a mask whose values are not numbers is transparent", () => {
  const red = [255, 0, 0] as const;
  const { data } = maskToImageData([none, 1, none, none], { width: 2, height: 1, channels: 2 }, [
    undefined,
    red,
  ]);
  expect([...data]).toEqual([255, 0, 0, 255, 0, 0, 0, 0]);
});

describe("options that are wrong", () => {
  const heads = netOf({ b: { shape: [1, 2, 4], values: [] }, s: { shape: [1, 2, 1], values: [] } });
  const yolo = (options: object): unknown => yoloDetector(oneOf(1, 8, 21), options);
  const ssd = (options: object): unknown =>
    ssdDetector(heads, { anchors: { strides: [32] }, boxes: "b", scores: "s", ...options });

  test.each<readonly [unknown, (value: never) => unknown, string]>([
    [
      -1,
      (keyPoints) => yolo({ keyPoints }),
      "yoloDetector: keyPoints must be a whole number from 0 up, not -1",
    ],
    [1.5, (keyPoints) => yolo({ keyPoints }), "keyPoints must be a whole number from 0 up, not 1.5"],
    [none, (keyPoints) => yolo({ keyPoints }), "keyPoints must be a whole number from 0 up, not NaN"],
    [0, (classes) => yolo({ classes }), "yoloDetector: classes must be a whole number from 1 up, not 0"],
    [8, (strides) => yolo({ strides }), "yoloDetector: strides must be a list, not Number"],
    [8, (strides) => ssd({ anchors: { strides } }), "ssdAnchors: strides must be a list, not Number"],
    [
      "8",
      (size) => ssdAnchors({ size, strides: [8] }),
      "ssdAnchors: a size must be a whole number from 1 up",
    ],
    [
      true,
      (fixSize) => ssd({ anchors: { strides: [8], fixSize } }),
      'ssdAnchors takes no option "fixSize"; did you mean "fixedSize"?',
    ],
    [[1, 2, 3], (anchors) => ssd({ anchors }), "ssdDetector: anchors are 3 numbers, not four for each"],
    [
      [10, 5],
      (scale) => ssd({ scale }),
      "ssdDetector: scale must be one number above 0, or four for x, y, width and height, not [10, 5]",
    ],
    ["128", (scale) => ssd({ scale }), 'four for x, y, width and height, not "128"'],
    [0, (scale) => ssdBoxes([], [], { scale }), "ssdBoxes: scale must be one number above 0"],
    [1, (scales) => ssdBoxes([], [], { scales } as never), 'ssdBoxes takes no option "scales"'],
    [none, (score) => ssd({ score }), "ssdDetector: score must be a number, not NaN"],
    [-1, (most) => ssd({ most }), "ssdDetector: most must be a whole number from 0 up, not -1"],
    [0.5, (most) => nms([], [], { most }), "nms: most must be a whole number from 0 up, not 0.5"],
    [none, (overlap) => nms([], [], { overlap }), "nms: overlap must be a number from 0 up, not NaN"],
    ["x", (overlap) => nms([], [], { overlap }), "`overlap` must be a number, not String"],
    [
      0.5,
      (scores) => nms([], [], { scores } as never),
      'nms takes no option "scores"; did you mean "score"?',
    ],
    [null, (options) => nms([], [], options), "nms takes an object with options, not null"],
    ["b", (boxes) => boxDetector(heads, { rows: "b", boxes }), "or the one for rows"],
    ["b", (scores) => boxDetector(heads, { rows: "b", scores }), "or the one for rows"],
    ["b", (classes) => boxDetector(heads, { rows: "b", classes }), "or the one for rows"],
    [
      none,
      (radius) => peaks([], { width: 0, height: 0 }, { radius }),
      "peaks: radius must be a whole number",
    ],
    [
      1.5,
      (width) => peaks([1, 2, 3], { width, height: 2 }),
      "width of the map must be a whole number from 0 up",
    ],
  ])("%j", (value, call, message) => {
    expect(() => call(value as never)).toThrow(message);
  });

  test("no limit is a limit", () => {
    const { POSITIVE_INFINITY: all, NEGATIVE_INFINITY: any } = Number;
    expect(nms([0, 0, 1, 1, 2, 2, 3, 3], [-1, 1], { most: all, score: any })).toHaveLength(2);
  });

  test("a detector takes a signal, and no options of its maker", async () => {
    const find = detector(heads, () => ({ boxes: [], scores: [] }));
    await expect(find(picture, { score: 0.3 } as never)).rejects.toThrow(
      'small: what detector returns takes no option "score"; it takes signal',
    );
    await expect(find(picture, null as never)).rejects.toThrow("takes an object with options, not null");
  });
});

test.each<readonly [unknown, string]>([
  [undefined, "detector: the function must return { boxes, scores }, not Undefined"],
  [Promise.resolve({}), "detector: the function must return { boxes, scores }, not Promise"],
  [{ boxes: [] }, "detector: the function must return { boxes, scores }, not { boxes }"],
  [{ boxes: [], scores: undefined }, "detector: scores must be an array of numbers"],
  [{ boxes: [], scores: [], points: 1 }, "detector: points must be an array of numbers"],
])("a function that reads no boxes: %j", async (candidates, message) => {
  await expect(detector(oneOf(1), () => candidates as never)(picture)).rejects.toThrow(message);
});

test("outputs that do not fit the anchors are said with the net and the call", async () => {
  const net = netOf({ b: { shape: [1, 2, 4], values: [1, 2, 3] }, s: { shape: [1, 2], values: [1, 1] } });
  const find = ssdDetector(net, { anchors: [0, 0, 1, 1, 0, 0, 1, 1], boxes: "b", scores: "s" });
  await expect(find(picture)).rejects.toThrow(
    "small: ssdDetector: 3 numbers are not at least 4 for each of 2 anchors",
  );
});

describe("the functions of docs/pictures.md for longer rows", () => {
  const manual = readFileSync(join(import.meta.dirname, "../../docs/pictures.md"), "utf8");
  const blocks = [...manual.matchAll(/```js\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
  /** What a block of the page defines, for a net. */
  const defined = (
    word: string,
    net: PictureNet,
    names: string,
  ): Record<string, (given: unknown) => unknown> => {
    const text = blocks.find((block) => block.includes(word)) ?? "";
    // oxlint-disable-next-line typescript/no-implied-eval
    return new Function("net", "detector", "columns", `${text}\nreturn { ${names} };`)(
      net,
      detector,
      columns,
    ) as Record<string, (given: unknown) => unknown>;
  };

  test("key points", async () => {
    const row = [8, 8, 24, 16, 0.9, 0, ...Array.from({ length: 17 }, (_, at) => [at, 2 * at, 0.5]).flat()];
    const net = netOf({ output0: { shape: [1, 1, 57], values: row } });
    const [one] = (await defined("columns(output0, 57", net, "find").find!(picture)) as Found[];
    expect(one).toMatchObject({ label: "0", x: 8, y: 8, width: 16, height: 8 });
    expect(one!.points.map(({ x, y }) => [Math.round(x), Math.round(y)])).toEqual(
      Array.from({ length: 17 }, (_, at) => [at, 2 * at]),
    );
  });

  test("masks", async () => {
    const count = 8400;
    const values = new Float32Array(116 * count);
    const row = Float32Array.from(
      { length: 116 },
      (_, at) => [32, 16, 8, 4][at] ?? (at < 84 ? at / 100 : at),
    );
    for (const [at, value] of row.entries()) values[at * count + 7] = value;
    const net = netOf({ output0: { shape: [1, 116, count], values } });
    const { find, of } = defined("coefficientsOf", net, "find, of: (one) => coefficientsOf(one)");
    const found = (await find!(picture)) as Found[];
    expect(found).toEqual(await yoloDetector(net, { classes: 80 })(picture));
    expect(found).toHaveLength(1);
    expect(of!(found[0])).toEqual([...row.subarray(84)]);
  });
});
