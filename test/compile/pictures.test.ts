// What is known about pictures and classes: added to modules, kept by passes, told in declarations, and used to classify.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import type { PictureOptions } from "#compile/pictures.js";
import { takePictures } from "#compile/pictures.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { printGraph } from "#inspect/lift.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { picturesText } from "#report/pictures.js";

function moduleOf(text: string): Module {
  const { value, diagnostics } = elaborate(parse(text, "net.net").value!);
  expect(diagnostics).toEqual([]);
  return value!;
}

/** A net that classifies; `end` is what it does with its features. */
function classifier(input = "f32[N, 8, 8, 3] preprocess()", end = "dense(units=3)", labels = ""): string {
  return `
net n {
  input image: ${input}
  x = conv2d(image, filters=4, kernel=3x3, padding=same) |> batch_norm |> relu
  output scores${labels} = x |> global_avg_pool |> ${end}
}
`;
}

/** Random pixels, like an ImageData. */
function pixels(width: number, height: number, seed: number) {
  const random = seededRandom(seed);
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, at) =>
    at % 4 === 3 ? 255 : random.int(0, 255),
  );
  return { data, width, height };
}

describe("takePictures", () => {
  const module = moduleOf(`
net n {
  input small: f32[N, 4]
  input image: f32[N, 3, 8, 6]
  input other: f32[N, 8, 6, 1]
  output y = image |> transpose(perm=[0, 2, 3, 1]) |> conv2d(filters=5, kernel=3x3) |> global_avg_pool
  output z = other |> conv2d(filters=2, kernel=3x3)
  output w = small + 1
}
`);

  test("adds what is said, what the ops say, and defaults", () => {
    const { value } = takePictures(module, { input: "image", mean: [0.5], fit: "cover" });
    const expected = { scale: 1 / 255, mean: [0.5], std: [1], order: "rgb", fit: "cover", crop: 1, pad: 0 };
    expect(value!.graph.pictures).toEqual(new Map([["image", { ...expected, layout: "nchw" }]]));
    const again = takePictures(value!, { std: [2] }).value!;
    expect(again.graph.pictures!.get("image")).toMatchObject({ mean: [0.5], std: [2], fit: "cover" });
  });

  /** Ops at the head of a net, and the scale that follows from them. */
  test.each([
    ["image / 255", 1],
    ["image * 0.00392156862 + 0", 1],
    ["image / 127.5 - 1", 1],
    ["1 - image / 127.5", 1],
    ["(image - 127.5) / 127.5", 1],
    ["image - [103.939, 116.779, 123.68]", 1],
    ["[-123.7, -116.3, -103.5] + image", 1],
    ["image |> resize(size=16x16) |> mul(0.0078)", 1],
    ["image", 1 / 255],
    ["image * 2 - 1", 1 / 255],
    ["(image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]", 1 / 255],
    ["image * 255 - 127.5", 1 / 255],
    ["(image + 1) * 127.5 - [103.939, 116.779, 123.68]", 1 / 255],
    ["image / 0", 1 / 255],
    ["20 / image", 1 / 255],
    ["image / 255 + image", 1 / 255],
  ])("pixels stay bytes where the net itself scales them: %s", (head, scale) => {
    const text = `net n {
  input image: f32[N, 8, 8, 3]
  output y = conv2d(${head}, filters=2, kernel=3x3)
}`;
    const { value } = takePictures(moduleOf(text));
    expect(value!.graph.pictures!.get("image")!.scale).toBe(scale);
    expect(takePictures(moduleOf(text), { scale: 2 }).value!.graph.pictures!.get("image")!.scale).toBe(2);
    // What is printed means the same, whether passes left those ops or not.
    for (const module of [value!, optimize(value!).value!.module])
      expect(moduleOf(printGraph(module)).graph.pictures).toEqual(value!.graph.pictures);
  });

  test("finds the only input that fits", () => {
    const { value } = takePictures(moduleOf(classifier("f32[N, 8, 8, 3]")));
    expect([...value!.graph.pictures!.keys()]).toEqual(["image"]);
  });

  test("adds labels to all outputs with as many values", () => {
    const { value } = takePictures(module, { image: false, labels: ["a", "b", "c", "d"] });
    expect(value!.graph.labels).toEqual(new Map([["w", ["a", "b", "c", "d"]]]));
    expect(value!.graph.pictures).toBeUndefined();
  });

  const wrong: readonly (readonly [PictureOptions, string])[] = [
    [{}, "n has several inputs that may be pictures: image [1, 3, 8, 6], other [1, 8, 6, 1]"],
    [{ input: "imag" }, "n has no input `imag`"],
    [{ input: "small" }, "pictures fit an input [n, height, width, 1, 3 or 4], but this one is [1, 4]"],
    [{ input: "image", mean: [1, 2] }, "mean has 2 numbers, but the input has 3 channels"],
    [{ input: "image", layout: "nhwc" }, "pictures fit an input [n, height, width, 1, 3 or 4]"],
    [
      { image: false, labels: ["a"] },
      "there is 1 label, but the outputs have 5 values, no axis of classes, 4 values",
    ],
  ];
  test.each(wrong)("%j is an error", (options, message) => {
    const { value, diagnostics } = takePictures(module, options);
    expect(value).toBeUndefined();
    expect(diagnostics.map((one) => one.message).join("\n")).toContain(message);
  });
});

const targets = ["js", "wasm", "wgsl"] as const;

test.each(targets)("passes for %s keep it", (target) => {
  const { value } = takePictures(moduleOf(classifier("f32[N, 8, 8, 3]")), {
    mean: [0.1, 0.2, 0.3],
    labels: ["a", "b", "c"],
  });
  const optimized = optimize(value!, { target, split: { mode: "structural" } }).value!;
  expect(optimized.module.graph.pictures).toEqual(value!.graph.pictures);
  expect(optimized.module.graph.labels).toEqual(value!.graph.labels);
  expect(printGraph(optimized.module)).toContain('output scores labels("a", "b", "c")');
});

describe("declarations", () => {
  const typesOf = (text: string): string => compile(text, { target: "js" }).value!.types;

  test("tell axes, range, what becomes of pictures, and labels", () => {
    const input = "f32[N, 8, 8, 3] preprocess(mean=0.5, std=0.5, order=bgr)";
    const types = typesOf(classifier(input, "dense(units=2)", ' labels("a", "b")'));
    const axes = "f32[N, 8, 8, 3], [batch, height, width, channels], blue, green, red from -1 to 1.";
    expect(types).toContain(
      `${axes} Pictures: fit=stretch, order=bgr, layout=nhwc, (byte · 1/255 − 0.5) / 0.5`,
    );
    expect(types).toContain("readonly image: Float32Array | Picture | readonly Picture[];");
    expect(types).toContain('/** f32[N, 2], in order: "a", "b" */');
  });

  test("tell of pictures what the command tells", () => {
    const input = "f32[N, 3, 8, 8] preprocess(fit=cover, crop=0.875, pad=114, layout=nchw)";
    const text = `net n {
  input image: ${input}
  output y = image |> transpose(perm=[0, 2, 3, 1]) |> conv2d(filters=2, kernel=3x3)
}
`;
    const said = "fit=cover, crop=0.875, pad=114, layout=nchw, byte · 1/255";
    expect(picturesText(moduleOf(text).graph)).toBe(`pictures become image: ${said}\n`);
    expect(typesOf(text)).toContain(`Pictures: ${said} */`);
  });

  test("tell the axes of inputs with channels first, and claim none where they are not known", () => {
    const first = typesOf(`net n {
      input x: f32[N, 3, 8, 6]
      output y = x |> transpose(perm=[0, 2, 3, 1]) |> conv2d(filters=2, kernel=3x3)
    }`);
    expect(first).toContain("/** f32[N, 3, 8, 6], [batch, channels, height, width] */");
    const last = typesOf(classifier("f32[N, 8, 8, 3]"));
    expect(last).toContain("/** f32[N, 8, 8, 3], [batch, height, width, channels] */");
    const unknown = typesOf("net n {\n  input x: f32[N, 3, 8, 6]\n  output y = x + 1\n}\n");
    expect(unknown).toContain("/** f32[N, 3, 8, 6] */");
    expect(unknown).not.toContain("channels");
  });

  test("tell integers", () => {
    const text = "net n {\n  input x: u8[N, 4]\n  output y = dequantize(x, scale=0.5)\n}\n";
    expect(typesOf(text)).toContain("/** f32[N, 4], integers of the type u8 */");
  });
});

test.each(targets)("declarations for %s take the types of browsers, and no others", (target) => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-picture-types-"));
  const text = classifier(undefined, "dense(units=2)", ' labels("a", "b")');
  writeFileSync(join(folder, "n.d.ts"), compile(text, { target, task: "classify" }).value!.types);
  writeFileSync(
    join(folder, "uses.mts"),
    `import { load } from "./n.js";
declare const picture: HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas | ImageBitmap | VideoFrame | ImageData;
const net = await load();
await net.run({ image: picture });
await net.run({ image: [picture, { picture, x: 1, width: 2 }, { data: new Uint8Array(3), width: 1, height: 1 }] });
await net.run({ image: new Float32Array(8 * 8 * 3) });
const [best] = await net.classify(picture, { top: 1 });
const label: "a" | "b" | undefined = best?.label;
const lists: number[] = (await net.classify([picture])).map((classes) => classes.length);
declare const one: ImageData, oneOrSeveral: ImageData | ImageData[];
const single: number = (await net.classify(one)).map(({ probability }) => probability).length;
const some = await net.classify(oneOrSeveral, { top: 1 });
const samples = await net.classify(new Float32Array(2 * 8 * 8 * 3));
const each: (string | string[])[] = [...some, ...samples].map((found) =>
  Array.isArray(found) ? found.map(({ label }) => label) : found.label,
);
const { width, fit } = net.pictures.image;
// @ts-expect-error: bytes are no values of the input
await net.classify(new Uint8Array(8 * 8 * 3));
// @ts-expect-error: whether it is one list or several is not known
some[0].label;
// @ts-expect-error: bare bytes
await net.run({ image: new Uint8ClampedArray(4) });
// @ts-expect-error: an address
await net.run({ image: "cat.png" });
// @ts-expect-error: an element without pixels
await net.classify(document.body);
export { label, lists, single, each, width, fit };
`,
  );
  const tsc = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
  const flags = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"];
  const checked = spawnSync(process.execPath, [tsc, ...flags, "uses.mts"], { cwd: folder, encoding: "utf8" });
  rmSync(folder, { recursive: true, force: true });
  expect(checked.stdout + checked.stderr).toBe("");
});

test.each(targets)("modules for %s have no code for pictures unless they take them", (target) => {
  const plain = compile(classifier("f32[N, 8, 8, 3]"), { target }).value!;
  expect(plain.module).not.toMatch(/withPictures|withClassify/);
  expect(plain.types).not.toContain("Picture");
});

test.each([
  ["u8", "preprocess()", (byte: number) => byte],
  ["i8", "preprocess(mean=128)", (byte: number) => byte - 128],
  ["u8", "preprocess(scale=0.5, order=bgr)", (byte: number) => Math.round(byte / 2)],
] as const)("inputs of %s with %s take pixels as integers", async (dtype, said, valueOf) => {
  const text = `net n {
    input image: ${dtype}[N, 4, 4, 3] ${said}
    output y = dequantize(image, scale=1)
  }`;
  const picture = pixels(4, 4, 5);
  const isBgr = said.includes("bgr");
  const expected = Array.from({ length: 48 }, (_, at) => {
    const channel = isBgr ? 2 - (at % 3) : at % 3;
    return valueOf(picture.data[4 * Math.floor(at / 3) + channel]!);
  });
  for (const target of ["js", "wasm"] as const) {
    const net = await load(compile(text, { target }).value!);
    const { y } = await net.run({ image: picture as unknown as Float32Array });
    expect([...y!]).toEqual(expected);
  }
});

describe.each(["js", "wasm"] as const)("what is no picture (%s)", (target) => {
  const data = new Uint8Array(3 * 4);
  const pixelsOf = (width: unknown, height: unknown) => ({ data, width, height });
  const info = { width: 2, height: 2, channels: 3 };
  test.each([
    ["cat.png", "must be a picture or a Float32Array, not String: give pixels as an ImageData"],
    [null, "must be a picture or a Float32Array, not Null"],
    [data, "not a bare Uint8Array: give pixels as an ImageData or { data, width, height }"],
    [new Float64Array(192), "not Float64Array: give pixels"],
    [{ data, info }, "without width and height: give { data, width: info.width, height: info.height }"],
    [
      [{ data, info }],
      "must be a list of pictures, but has Object without width and height: give { data, width: info",
    ],
    [{ data }, "without width and height: give pixels as an ImageData"],
    [{ data: [1, 2, 3], width: 1, height: 1 }, "whose data is Array: its bytes must be a Uint8Array"],
    [["cat.png"], "must be a list of pictures, but has String: give pixels"],
    [[], "must be a picture or a list of pictures; this list is empty"],
    [pixelsOf(-2, -2), "has the width -2; it must be a whole number of pixels from 1 up"],
    [pixelsOf(1.5, 2), "has the width 1.5; it"],
    [pixelsOf(2, "2"), "has the height String; it"],
    [pixelsOf(0, 2), "has the width 0; it"],
    [pixelsOf(2, Number.NaN), "has the height NaN; it"],
    [pixelsOf(2, undefined), "has the height Undefined; it"],
    [{ picture: pixelsOf(2, -2) }, "has the height -2; it"],
    [{ picture: pixelsOf(2, 2), x: "0" }, "is a part of 2 × 2 pixels at String, 0, which is not inside"],
    [{ picture: pixelsOf(2, 2), width: Number.NaN }, "is a part of NaN × 2 pixels at 0, 0"],
    [undefined, "must be a Float32Array of N × 192 values, [N, 8, 8, 3]; it is missing"],
    // Like a GPUBuffer, which a net on the GPU takes.
    [{ mapAsync: null, usage: 0 }, "must be a Float32Array of N × 192 values, [N, 8, 8, 3], not Object"],
  ])("%j is refused", async (value, message) => {
    const net = await load(compile(classifier(), { target }).value!);
    const asked = net.run({ image: value as never });
    await expect(asked).rejects.toThrow(message);
    await expect(asked).rejects.toThrow('n: input "image" ');
    net.dispose();
  });
});

test.each(["js", "wasm"] as const)("a net with a fixed batch takes as many pictures (%s)", async (target) => {
  const net = await load(compile(classifier("f32[2, 8, 8, 3] preprocess()"), { target }).value!);
  const picture = pixels(8, 8, 3) as unknown as Float32Array;
  const { scores } = await net.run({ image: [picture, picture] as never });
  expect(scores).toHaveLength(6);
  for (const [given, count] of [
    [picture, 1],
    [[picture, picture, picture] as never, 3],
  ] as const)
    await expect(net.run({ image: given })).rejects.toThrow(
      `n: input "image" has a batch of 2, but the number of pictures is ${count}`,
    );
  net.dispose();
});

describe("classify", () => {
  interface Class {
    readonly label: string;
    readonly index: number;
    readonly probability: number;
  }
  interface Classifier {
    classify(picture: unknown, options?: { readonly top?: number }): Promise<readonly Class[]>;
    run(inputs: object): Promise<Record<string, Float32Array>>;
  }
  const net = async (text: string, target: "js" | "wasm" = "wasm"): Promise<Classifier> => {
    const { value, diagnostics } = compile(text, { target, task: "classify" });
    expect(diagnostics).toEqual([]);
    return (await load(value!)) as unknown as Classifier;
  };
  const names = ["cat", "dog", "owl"];

  test.each(["js", "wasm"] as const)("gives the best classes of a picture (%s)", async (target) => {
    const loaded = await net(classifier(undefined, undefined, ' labels("cat", "dog", "owl")'), target);
    const picture = pixels(11, 7, 1);
    const { scores } = await loaded.run({ image: picture });
    const powers = [...scores!].map((value) => Math.exp(value));
    const sum = powers.reduce((total, power) => total + power, 0);
    const expected = powers
      .map((power, index) => ({ label: names[index]!, index, probability: power / sum }))
      .toSorted((a, b) => b.probability - a.probability);
    const classes = await loaded.classify(picture);
    expect(classes.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
    expect(classes.map(({ index }) => index)).toEqual(expected.map(({ index }) => index));
    for (const [at, { probability }] of classes.entries())
      expect(probability).toBeCloseTo(expected[at]!.probability, 6);
    expect(await loaded.classify(picture, { top: 1 })).toEqual(classes.slice(0, 1));
  });

  test("gives those of each of several pictures", async () => {
    const loaded = await net(classifier());
    const pictures = [pixels(8, 8, 1), pixels(9, 5, 2)];
    const each = [await loaded.classify(pictures[0]), await loaded.classify(pictures[1])];
    expect(await loaded.classify(pictures)).toEqual(each);
    expect(each[0]![0]!.label).toMatch(/^[012]$/);
  });

  test.each([
    "dense(units=3) |> softmax",
    "dense(units=3) |> softmax |> reshape(shape=[1, 1, 1, 3])",
    "dense(units=3) |> sigmoid",
  ])("takes the probabilities of %s as they are", async (end) => {
    const loaded = await net(classifier(undefined, end));
    const picture = pixels(8, 8, 3);
    const { scores } = await loaded.run({ image: picture });
    const classes = await loaded.classify(picture);
    expect(classes.map(({ probability }) => probability)).toEqual([...scores!].toSorted((a, b) => b - a));
  });

  test("of a net that quantizes its probabilities they are not made again", async () => {
    const steps =
      'softmax |> quantize(0.00390625, zero=-128, type="i8") |> dequantize(0.00390625, zero=-128)';
    const loaded = await net(classifier(undefined, `dense(units=3) |> ${steps}`));
    const picture = pixels(8, 8, 3);
    const { scores } = await loaded.run({ image: picture });
    const classes = await loaded.classify(picture);
    expect(classes.map(({ probability }) => probability)).toEqual([...scores!].toSorted((a, b) => b - a));
  });

  test("a single value has the probability of its own class", async () => {
    const loaded = await net(classifier(undefined, "dense(units=1)"));
    const picture = pixels(8, 8, 3);
    const { scores } = await loaded.run({ image: picture });
    const [only, ...others] = await loaded.classify(picture);
    expect(others).toEqual([]);
    expect(only!.probability).toBeCloseTo(1 / (1 + Math.exp(-scores![0]!)), 6);
  });

  test("gives those of each of several samples", async () => {
    const loaded = await net(classifier());
    const samples = Float32Array.from({ length: 3 * 192 }, (_, at) => Math.sin(at));
    const each: unknown[] = [];
    for (const at of [0, 1, 2]) each.push(await loaded.classify(samples.slice(192 * at, 192 * (at + 1))));
    expect(await loaded.classify(samples)).toEqual(each);
  });

  test.each([
    [{ tpo: 1 }, 'n: classify takes no option "tpo"; did you mean "top"?'],
    [{ labels: [] }, 'n: classify takes no option "labels"; it takes top, signal'],
    [null, "n: classify takes an object with options, not null"],
    [{ signal: 5 }, "n: `signal` must be an AbortSignal, not Number"],
    [{ signal: AbortSignal.abort(new Error("left")) }, "left"],
  ])("classify(picture, %o)", async (options, message) => {
    const loaded = await net(classifier());
    await expect(loaded.classify(pixels(8, 8, 1), options as never)).rejects.toThrow(message);
    expect(await loaded.classify(pixels(8, 8, 1), { signal: undefined } as object)).toHaveLength(3);
  });

  test.each([0, -1, 1.5, "2"])("top %j is an error", async (top) => {
    const loaded = await net(classifier());
    const asked = loaded.classify(pixels(8, 8, 1), { top: top as number });
    await expect(asked).rejects.toThrow("top must be a whole number");
  });

  test.each([
    [classifier("f32[N, 8, 8, 3]"), "its input `image` does not take pictures"],
    [classifier().replace("output scores", "output x\n  output scores"), "it has 2 outputs: x, scores"],
    [
      "net n {\n  input a: f32[N, 8, 8, 3] preprocess()\n  input b: f32[N, 3]\n  output y = global_avg_pool(a) + b\n}\n",
      "it has 2 inputs",
    ],
    [
      "net n {\n  input a: f32[N, 8, 8, 3] preprocess()\n  output y = relu(a)\n}\n",
      "its output `y` is [1, 8, 8, 3], not [n, classes]",
    ],
  ])("no classifier: %#", (text, message) => {
    const { value, diagnostics } = compile(text, { task: "classify" });
    expect(value).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ code: "no-task", message: expect.stringContaining(message) });
    expect(() => emit(moduleOf(text), { task: "classify" })).toThrow(message);
  });
});
