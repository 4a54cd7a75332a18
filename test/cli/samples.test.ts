// Samples for calibration from folders and files, and the diagnostics for bad ones.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import type { SampleInput, Samples } from "#calibrate/samples.js";
import type { SampleOptions } from "#cli/options/samples.js";
import { openSamples, readSamples } from "#cli/inputs/samples.js";
import { withSampleOptions } from "#cli/options/samples.js";
import { withProgress } from "#cli/output/progress.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { writeNpy } from "#weights/npy.js";
import { writeSafetensors } from "#weights/write-safetensors.js";

const root = mkdtempSync(join(tmpdir(), "cleave-samples-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const plain = { scale: 1, mean: [0], std: [1] };
const gray: SampleInput = { name: "x", shape: [1, 1, 2, 1] };
const color: SampleInput = { name: "image", shape: [1, 2, 1, 3] };

let folders = 0;

function folder(files: Readonly<Record<string, Uint8Array | string>> = {}): string {
  const path = join(root, `folder${(folders += 1)}`);
  mkdirSync(path);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
  return path;
}

function file(name: string, bytes: Uint8Array): string {
  return join(folder({ [name]: bytes }), name);
}

function pixels(...values: number[]): Promise<Uint8Array> {
  return sharp(Uint8Array.from(values), { raw: { width: values.length, height: 1, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();
}

function npy(shape: readonly number[], ...values: number[]): Uint8Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return writeNpy({ shape, data: Float32Array.from({ length: count }, (_, at) => values[at] ?? at) });
}

/** Values as uint8. */
function byteNpy(shape: readonly number[], ...values: number[]): Uint8Array {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`.padEnd(117);
  const start = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, 118, 0];
  return Uint8Array.from([...start, ...new TextEncoder().encode(`${header}\n`), ...values]);
}

function safetensors(tensors: Readonly<Record<string, readonly [readonly number[], number]>>): Uint8Array {
  const list = Object.entries(tensors).map(([name, [shape, first]]) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    return { name, shape, values: () => Float32Array.from({ length: count }, (_, at) => first + at) };
  });
  return Buffer.concat([...writeSafetensors(list)]);
}

async function opened(path: string, ...inputs: SampleInput[]): Promise<Samples> {
  const { value, diagnostics } = await openSamples(path, inputs, plain);
  // `plain` leaves pixels unscaled, which has no effect on other numbers.
  expect(diagnostics.filter(({ code }) => code !== "no-pixels")).toEqual([]);
  return value!;
}

/** The values of all samples, by input. */
async function valuesOf(samples: Samples, input: SampleInput): Promise<number[][]> {
  const list: number[][] = [];
  for (let at = 0; at < samples.count; at += 1) list.push([...(await samples.read(at))[input.name]!]);
  return list;
}

async function problem(path: string, ...inputs: SampleInput[]): Promise<string> {
  const { value, diagnostics } = await openSamples(path, inputs, plain);
  expect(value).toBeUndefined();
  return diagnostics
    .map(({ message, help = [] }) => [message, ...help].join(" | "))
    .join()
    .replaceAll(/\S*folder\d+/g, "PATH");
}

describe("folders", () => {
  test("images in natural order, with the options of images; other files are left out", async () => {
    const path = folder({
      "10.png": await pixels(10, 11),
      "9.PNG": await pixels(8, 9),
      "100.png": await pixels(100, 101),
      "labels.txt": "a\nb\n",
      ".DS_Store": "",
    });
    const samples = await opened(path, gray);
    expect(await valuesOf(samples, gray)).toEqual([
      [8, 9],
      [10, 11],
      [100, 101],
    ]);
    expect(samples.nameOf!(2)).toBe(join(path, "100.png"));
    const scaled = await openSamples(path, [gray], { scale: 0.5, mean: [1], std: [2] });
    expect(await valuesOf(scaled.value!, gray)).toEqual([
      [1.5, 1.75],
      [2, 2.25],
      [24.5, 24.75],
    ]);
  });

  test("options of pixels give a warning for other numbers", async () => {
    const image = { scale: 1, mean: [0], std: [1] };
    const bytes = await openSamples(
      file("a.npy", byteNpy([1, 2, 1, 3], 2, 6, 8, 20, 20, 20)),
      [color],
      image,
    );
    expect(bytes.diagnostics).toEqual([]);
    const numbers = writeNpy({ shape: [1, 2, 1, 3], data: new Float32Array(6) });
    const tensor = safetensors({ image: [[1, 2, 1, 3], 0] });
    for (const path of [file("b.npy", numbers), file("b.safetensors", tensor)]) {
      const asked = await openSamples(path, [color], image);
      expect(asked.diagnostics.map(({ code, severity }) => [code, severity])).toEqual([
        ["no-pixels", "warning"],
      ]);
      expect(asked.value).toBeDefined();
      expect((await openSamples(path, [color], {})).diagnostics).toEqual([]);
    }
  });

  test("bytes in .npy files are pixels", async () => {
    const image = { scale: 0.5, mean: [1, 2, 3], std: [1, 1, 2] };
    const read = async (bytes: Uint8Array, input: SampleInput): Promise<number[][]> => {
      const opened = await openSamples(file("a.npy", bytes), [input], image);
      return valuesOf(opened.value!, input);
    };
    const pixel = [0, 1, 0.5, 9, 8, 3.5];
    expect(await read(byteNpy([1, 2, 1, 3], 2, 6, 8, 20, 20, 20), color)).toEqual([pixel]);
    // Channels first, as a model of ONNX may have them: [1, 3, 1, 2].
    const first: SampleInput = { name: "image", shape: [1, 3, 1, 2] };
    expect(await read(byteNpy([1, 3, 1, 2], 2, 20, 6, 20, 8, 20), first)).toEqual([[0, 9, 1, 8, 0.5, 3.5]]);
    // In a folder, one array for each sample.
    const path = folder({ "a.npy": byteNpy([2, 1, 3], 2, 6, 8, 20, 20, 20) });
    expect(await valuesOf((await openSamples(path, [color], image)).value!, color)).toEqual([
      [0, 1, 0.5, 9, 8, 3.5],
    ]);
    const wrong = await openSamples(file("b.npy", byteNpy([1, 1, 2], 1, 2)), [gray], image);
    await expect(wrong.value!.read(0)).rejects.toThrow("mean has 3 numbers, but the input has one channel");
  });

  test(".npy and .json files", async () => {
    const arrays = folder({ "a.npy": npy([1, 2, 1], 1, 2), "b.npy": npy([1, 1, 2, 1], 3, 4) });
    const lists = folder({ "a.json": "[1, 2]", "b.json": "[[[[3], [4]]]]" });
    for (const path of [arrays, lists])
      expect(await valuesOf(await opened(path, gray), gray)).toEqual([
        [1, 2],
        [3, 4],
      ]);
  });

  test("without samples, with several kinds, for several inputs", async () => {
    expect(await problem(folder(), gray)).toBe(
      "PATH has no samples in it | samples are images (.png, .jpg, .webp, .avif, .gif), .npy or .json files",
    );
    const nested = folder({ "README.md": "" });
    mkdirSync(join(nested, "cats"));
    expect(await problem(nested, gray)).toBe(
      "PATH has no samples in it | samples are images (.png, .jpg, .webp, .avif, .gif), .npy or .json files | it has 1 folder, which are not looked into",
    );
    const mixed = folder({ "a.png": await pixels(1, 2), "b.jpg": "", "c.npy": npy([2], 1, 2) });
    expect(await problem(mixed, gray)).toBe(
      "PATH has 2 images and 1 .npy file: a.png, c.npy | samples of one kind belong in a folder of their own",
    );
    expect(await problem(mixed, gray, color)).toBe(
      "PATH has values for one input, but the net has 2: x, image | a .safetensors file has a tensor [count, ...input shape] for each input, by its name",
    );
  });

  test("a warning if most files are not samples", async () => {
    const path = folder({ "a.png": await pixels(1, 2), "b.tiff": "", "c.tiff": "" });
    const { value, diagnostics } = await openSamples(path, [gray], plain);
    expect(value!.count).toBe(1);
    expect(diagnostics.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      `warning: 2 of 3 files in ${path} are not samples`,
    ]);
  });

  test("a broken file is named when it is read", async () => {
    const samples = await opened(folder({ "a.png": await pixels(1, 2), "b.png": "no image" }), gray);
    await expect(samples.read(1)).rejects.toThrow(/cannot read the image .*b\.png/);
  });
});

describe(".npy files", () => {
  test("[count, …] with and without axes of extent 1", async () => {
    for (const shape of [
      [2, 2, 3],
      [2, 2, 1, 3],
      [2, 1, 2, 1, 3],
    ])
      expect(await valuesOf(await opened(file("a.npy", npy(shape)), color), color)).toEqual([
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10, 11],
      ]);
    const flat: SampleInput = { name: "x", shape: [3] };
    expect(await valuesOf(await opened(file("a.npy", npy([2, 3])), flat), flat)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    const first: SampleInput = { name: "x", shape: [1, 3, 2, 1] };
    expect((await opened(file("a.npy", npy([4, 3, 2, 1])), first)).count).toBe(4);
  });

  test("of another shape", async () => {
    const message = "samples of input `image` are [count, 2, 1, 3]";
    expect(await problem(file("a.npy", npy([2, 3])), color)).toBe(
      `PATH/a.npy has shape [2, 3], but ${message}`,
    );
    expect(await problem(file("a.npy", npy([4, 3, 2, 1])), color)).toBe(
      `PATH/a.npy has shape [4, 3, 2, 1], but ${message} | the channels lie on another axis than the model has them: np.moveaxis moves them`,
    );
    expect(await problem(file("a.npy", npy([])), color)).toContain("has shape []");
    expect(await problem(file("a.npy", new Uint8Array(3)), color)).toContain("this is not a .npy file");
  });
});

describe(".safetensors files", () => {
  test("a tensor for each input", async () => {
    const path = file(
      "a.safetensors",
      safetensors({ x: [[2, 1, 2, 1], 0], image: [[2, 2, 1, 3], 100], z: [[1], 0] }),
    );
    const samples = await opened(path, gray, color);
    expect(await valuesOf(samples, gray)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect((await valuesOf(samples, color))[1]).toEqual([106, 107, 108, 109, 110, 111]);
    expect(samples.nameOf!(1)).toBe(`sample 1 of ${path}`);
  });

  test("without one, with other counts, broken", async () => {
    const one = safetensors({ x: [[2, 2, 1], 0], imagee: [[3, 2, 1, 3], 0] });
    expect(await problem(file("a.safetensors", one), gray, color)).toBe(
      "PATH/a.safetensors has no tensor for input `image` | did you mean imagee?",
    );
    const other = safetensors({ x: [[2, 1, 2, 1], 0], image: [[3, 2, 1, 3], 0] });
    expect(await problem(file("a.safetensors", other), gray, color)).toBe(
      "PATH/a.safetensors has 2 samples of input `x`, but 3 of `image`",
    );
    const wrong = safetensors({ x: [[2, 3, 2], 0] });
    expect(await problem(file("a.safetensors", wrong), gray)).toContain(
      "`x` has shape [2, 3, 2], but samples of input `x` are [count, 1, 2, 1]",
    );
    expect(await problem(file("a.safetensors", new Uint8Array(4)), gray)).toContain("PATH/a.safetensors");
  });
});

test("files that are not samples", async () => {
  expect(await problem(join(root, "nothing"), gray)).toContain("the file or folder does not exist");
  expect(await problem(file("a.csv", new Uint8Array(1)), gray)).toContain(
    "PATH/a.csv: cannot tell what kind of samples these are",
  );
});

describe("the options of a command", () => {
  const model = elaborate(
    parse("net n { input x: f32[N, 1, 2, 1]\n y = relu(x)\n output y }", "n.net").value!,
  ).value!;

  async function run(...argv: string[]) {
    const command = withSampleOptions(new Command());
    command.parse(argv, { from: "user" });
    let said = "";
    const terminal = withProgress({
      out: () => {},
      err: (text) => void (said += text),
      color: false,
      outColor: false,
      interactive: false,
    });
    const session = { terminal, progress: terminal.progress, code: 0 };
    const options = command.opts<SampleOptions & { calibrate: string }>();
    const read = await readSamples(model, options, session);
    return { read, said, code: session.code };
  }

  const many = file("many.npy", npy([1000, 1, 2, 1]));

  test("400 at most by default, the same for a seed, with statistics", async () => {
    const { read, code } = await run("--calibrate", many);
    expect([read!.samples.count, code]).toEqual([400, 0]);
    const again = await run("--calibrate", many, "--samples", "7", "--seed", "3");
    const other = await run("--calibrate", many, "--samples", "7", "--seed", "3");
    expect(again.read!.samples.count).toBe(7);
    expect(await valuesOf(again.read!.samples, gray)).toEqual(await valuesOf(other.read!.samples, gray));
    expect(read!.statistics.get("x")!.greatest).toBeGreaterThan(1900);
  });

  test("fewer than requested, and equal samples, are errors", async () => {
    const few = await run("--calibrate", file("few.npy", npy([3, 1, 2, 1])), "--samples", "10");
    expect([few.read, few.code]).toEqual([undefined, 1]);
    expect(few.said).toContain("there are 3 samples, and at least 10 are needed");
    const equal = await run("--calibrate", file("equal.npy", npy([3, 1, 2, 1], 1, 2, 1, 2, 1, 2)));
    expect(equal.said).toContain("all 3 samples are equal");
    const broken = folder({ "a.png": await pixels(1, 2), "b.png": "no image" });
    const { said, code } = await run("--calibrate", broken);
    expect([said.includes("b.png"), code]).toEqual([true, 1]);
  });
});
