// `cleave split`: its net runs as the report says, its reports are complete, and unusual samples give warnings.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Net } from "#runtime/types.js";
import type { FittedReport } from "#report/fitted.js";
import { seededRandom } from "#ops/random.js";
import { writeNpy } from "#weights/npy.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import { elements } from "#ir/type.js";
import { readNumbers } from "#cli/inputs/values.js";
import { cleave } from "./terminal.js";

const root = mkdtempSync(join(tmpdir(), "cleave-split-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

const count = 40;
const net = (size: number, depth: number): string => `net small {
  weights "small${size}.safetensors"
  input image: f32[N, ${size}, ${size}, ${depth}]
  a = conv2d(image, filters=6, kernel=3x3, stride=${size / 4 > 4 ? 4 : 2}, padding=same, bias=false) |> batch_norm |> relu
  b = conv2d(a, filters=8, kernel=3x3, padding=same) |> relu
  output logits = b |> global_avg_pool |> dense(units=4)
}
`;

/** The distribution of the inputs of a model. */
interface Inputs {
  readonly depth: number;
  readonly mean: number;
  readonly deviation: number;
}

/** Values of a weight. The statistics of the batch norm are about those that the inputs give. */
function values(name: string, shape: readonly number[], inputs: Inputs): Float32Array {
  const { depth, mean, deviation } = inputs;
  if (name.endsWith("variance"))
    return new Float32Array(elements(shape)).fill(9 * depth * 0.09 * deviation ** 2);
  if (name.endsWith("scale")) return new Float32Array(elements(shape)).fill(1);
  if (name.endsWith("mean")) {
    const kernel = values("a.conv2d.kernel", [3, 3, depth, 6], inputs);
    return Float32Array.from({ length: 6 }, (_, c) =>
      kernel.reduce((sum, value, index) => sum + (index % 6 === c ? mean * value : 0), 0),
    );
  }
  const random = seededRandom(shape.length * 7 + name.length);
  const part = name.endsWith("kernel") ? 0.3 : 0.1;
  return Float32Array.from({ length: elements(shape) }, () => part * random.normal());
}

function writeModel(size: number, inputs: Inputs): void {
  const { depth } = inputs;
  writeFileSync(at(`small${size}.net`), net(size, depth));
  const shapes: Record<string, number[]> = {
    "a.conv2d.kernel": [3, 3, depth, 6],
    "a.batch_norm.scale": [6],
    "a.batch_norm.offset": [6],
    "a.batch_norm.mean": [6],
    "a.batch_norm.variance": [6],
    "b.conv2d.kernel": [3, 3, 6, 8],
    "b.conv2d.bias": [8],
    "logits.dense.kernel": [8, 4],
    "logits.dense.bias": [4],
  };
  const list = Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    values: () => values(name, shape, inputs),
  }));
  writeFileSync(at(`small${size}.safetensors`), Buffer.concat([...writeSafetensors(list)]));
}

function writeSamples(name: string, samples: number, scale = 1): void {
  const random = seededRandom(5);
  const data = Float32Array.from({ length: samples * 192 }, () => scale * random.normal());
  writeFileSync(at(name), writeNpy({ shape: [samples, 8, 8, 3], data }));
}

beforeAll(() => {
  writeModel(8, { depth: 3, mean: 0, deviation: 1 });
  writeModel(28, { depth: 1, mean: 0.286, deviation: 0.353 });
  writeSamples("samples.npy", count);
  writeSamples("large.npy", count, 255);
  writeSamples("one.npy", 1);
  writeFileSync(at("labels.txt"), Array.from({ length: count }, (_, index) => index % 4).join("\n"));
});

const split = (...more: string[]) => cleave("split", at("small8.net"), ...more);
const calibrated = (...more: string[]) => split("--calibrate", at("samples.npy"), ...more);

describe("a model split to half of its MACs", () => {
  let report: FittedReport;
  beforeAll(async () => {
    const reports = ["all.json", "all.html", "all.svg"].flatMap((name) => ["--report", at(name)]);
    const { code, err, out } = await calibrated(
      "--split",
      "macs=0.5",
      "--labels",
      at("labels.txt"),
      "--sweep",
      "--measure",
      "-o",
      at("out"),
      ...reports,
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("(written)");
    report = JSON.parse(readFileSync(at("all.json"), "utf8")) as FittedReport;
  }, 120_000);

  test("is written as a net with its weights, which agrees with its own module", async () => {
    expect(readdirSync(at("out")).sort()).toEqual(["small.net", "small.safetensors"]);
    const written = at("out/small.net");
    expect(readFileSync(written, "utf8")).toContain("depthwise_conv2d");
    expect(await cleave("verify", written)).toMatchObject({ code: 0 });
    expect(await cleave("export", written, "-o", at("small.onnx"))).toMatchObject({ code: 0, err: "" });
  });

  test("has the parameters and MACs that its report says", async () => {
    const { out } = await cleave("explain", at("out/small.net"), "--json");
    const { before } = JSON.parse(out) as { before: { parameters: number; macs: number } };
    expect(before).toMatchObject(report.net.after);
    expect(report.after.macs).toBeLessThanOrEqual(report.before.macs / 2);
    expect(report.before.macs).toBe(9 * 3 * 6 * 16 + 9 * 6 * 8 * 16);
  });

  test("its report describes each layer, with modelled and measured times, and the outputs", () => {
    expect(report).toMatchObject({
      name: "small",
      target: "wasm",
      limit: "macs=0.5",
      samples: count,
      seed: 0,
    });
    expect(report.layers.map(({ name }) => name)).toEqual(["a.batch_norm", "b.conv2d"]);
    for (const layer of report.layers) {
      expect(layer.measured?.before).toBeGreaterThan(0);
      expect(layer.measured?.after).toBeGreaterThan(0);
      expect(layer.reason).not.toBe("");
      if (layer.split) expect(layer.split.responseError).toBeGreaterThan(0);
    }
    expect(report.layers.some((layer) => layer.split)).toBe(true);
    const [logits] = report.outputs;
    expect(logits).toMatchObject({ name: "logits", samples: count });
    expect(logits!.accuracy!.before).toBeGreaterThan(0);
    expect(logits!.loss).toBeGreaterThan(0);
    expect(logits!.largestDifference).toBeGreaterThan(logits!.meanDifference);
  });

  test("the outputs differ as the report says", async () => {
    const outputs = async (model: string): Promise<number[][]> => {
      const data = readNumbers(at("samples.npy")).value!.data;
      mkdirSync(at("single"), { recursive: true });
      const files = Array.from({ length: count }, (_, index) => {
        const path = at(`single/${index}.npy`);
        writeFileSync(
          path,
          writeNpy({ shape: [1, 8, 8, 3], data: data.slice(index * 192, (index + 1) * 192) }),
        );
        return path;
      });
      const { out } = await cleave("run", model, ...files, "--json");
      return (JSON.parse(out) as { outputs: { logits: number[] } }[]).map((run) => run.outputs.logits);
    };
    const [before, after] = [await outputs(at("small8.net")), await outputs(at("out/small.net"))];
    const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));
    const same = before.filter((row, index) => best(row) === best(after[index]!)).length;
    const right = (rows: readonly (readonly number[])[]): number =>
      rows.filter((row, index) => best(row) === index % 4).length;
    const difference = before
      .flatMap((row, index) => row.map((value, column) => Math.abs(value - after[index]![column]!)))
      .reduce((sum, one) => sum + one / (4 * count), 0);
    const [logits] = report.outputs;
    expect(logits!.agreement).toBe(same / count);
    expect(logits!.accuracy).toEqual({ before: right(before) / count, after: right(after) / count });
    expect(logits!.meanDifference).toBeCloseTo(difference, 5);
  });

  test("points of the sweep have the stated costs, and one is the written net", async () => {
    const sweep = report.sweep!;
    expect(sweep.length).toBeGreaterThan(3);
    expect(sweep.filter(({ chosen }) => chosen)).toMatchObject([
      { options: "--split macs=0.5", outputs: report.outputs },
    ]);
    for (const { options, macs } of sweep) expect(macs).toBeLessThanOrEqual(Number(options.split("=")[1]));
    // The options give the point again.
    const other = sweep.at(-1)!;
    const again = await calibrated(...other.options.split(" "), "--json", "-o", at("again"));
    const { outputs, after, before } = JSON.parse(again.out) as FittedReport;
    expect(after.macs / before.macs).toBe(other.macs);
    expect(outputs[0]!.loss).toBe(other.outputs[0]!.loss);
  });

  test("the page and the picture need no other files", () => {
    const [page, picture] = [readFileSync(at("all.html"), "utf8"), readFileSync(at("all.svg"), "utf8")];
    expect(page).toMatch(/^<!doctype html>/);
    expect(page.match(/<svg /g)).toHaveLength(5);
    expect(page).not.toMatch(/<script|\b(?:src|href)=|url\(|@import/);
    expect(picture).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(picture.match(/class="point"/g)).toHaveLength(report.sweep!.length);
    expect(picture.match(/class="chosen"/g)).toHaveLength(1);
    for (const text of [page, picture]) expect(text).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("compile does the same in one go", async () => {
    const { code, err, out } = await cleave(
      "compile",
      at("small8.net"),
      "--calibrate",
      at("samples.npy"),
      "--split",
      "macs=0.5",
      "-o",
      at("module"),
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("depthwise-pointwise");
    const { load } = (await import(at("module/small.mjs"))) as { load(): Promise<Net> };
    const image = readNumbers(at("samples.npy")).value!.data.slice(0, 192);
    const split = await (await load()).run({ image });
    writeFileSync(at("first.npy"), writeNpy({ shape: [1, 8, 8, 3], data: image }));
    const { out: ran } = await cleave("run", at("out/small.net"), at("first.npy"), "--json");
    const [{ outputs }] = JSON.parse(ran) as [{ outputs: { logits: number[] } }];
    for (const [index, value] of outputs.logits.entries())
      expect(split["logits"]![index]).toBeCloseTo(value, 5);
  });
});

test("by time and by loss, with the same result for the same seed", async () => {
  const time = await calibrated("--split", "time=0.8", "--json", "-o", at("time"));
  const byTime = JSON.parse(time.out) as FittedReport;
  expect(byTime.after.seconds).toBeLessThanOrEqual(0.8 * byTime.before.seconds);
  const [first, second] = [
    await calibrated("--split", "loss=3", "--json", "-o", at("loss")),
    await calibrated("--split", "loss=3", "--json", "-o", at("loss"), "--threads", "1"),
  ];
  expect(first.out).toBe(second.out);
  expect((JSON.parse(first.out) as FittedReport).layers.some((layer) => layer.split)).toBe(true);
});

test("distilled, the report has response errors and losses of held-out samples before and after", async () => {
  const reports = ["distilled.json", "distilled.html"].flatMap((name) => ["--report", at(name)]);
  const how = ["--split", "macs=0.3", "--samples", "40", "--distill", "100"];
  const { code, out } = await calibrated(...how, ...reports, "-o", at("distilled"));
  expect(code).toBe(0);
  const report = JSON.parse(readFileSync(at("distilled.json"), "utf8")) as FittedReport;
  const { best, heldOut } = report.distilled!;
  expect(best).toBeGreaterThan(0);
  for (const { split: how } of report.layers) if (how) expect(how.fittedError).toBeGreaterThan(0);
  expect(out).toMatch(/distilled, 100 steps, best after \d+: validation loss \S+ → \S+; /);
  expect(out).toMatch(/ [\d.]+% → [\d.]+%/);
  const page = readFileSync(at("distilled.html"), "utf8");
  const plot = page.slice(page.indexOf("<h2>Distillation"), page.indexOf("<h2>Layers"));
  expect(plot.match(/class="point"/g)).toHaveLength(heldOut.length);
  expect(plot.match(/class="chosen"/g)).toHaveLength(1);
  expect(page).not.toMatch(/NaN|Infinity|undefined/);
  // `compile` prints the same response errors.
  const compiled = await cleave(
    "compile",
    at("small8.net"),
    "--calibrate",
    at("samples.npy"),
    ...how,
    "-o",
    at("distilled"),
  );
  const errors = /(?<= )[\d.]+% → [\d.]+%(?= )/g;
  expect(compiled.out).toContain("response error");
  expect(compiled.out.match(errors)).toEqual(out.match(errors));
}, 120_000);

test("the folder of a report is created", async () => {
  const path = at("new/folder/report.json");
  const { code } = await calibrated("--split", "macs=0.5", "--report", path, "-o", at("made"));
  expect(code).toBe(0);
  expect(JSON.parse(readFileSync(path, "utf8")).name).toBe("small");
});

test("other samples are compared by --test", async () => {
  const ran = await calibrated("--split", "macs=0.35", "--test", at("one.npy"), "--json", "-o", at("test"));
  expect(JSON.parse(ran.out).outputs[0].samples).toBe(1);
});

describe("unusual samples give warnings", () => {
  test("a range that differs from that of the batch norms, with the likely cause", async () => {
    const { err } = await split("--calibrate", at("large.npy"), "--split", "macs=0.5", "-o", at("odd"));
    expect(err).toContain("warning[sample-range]");
    expect(err).toContain("--scale 1/255");
  });

  test("too few for the unknowns, with the number that is enough", async () => {
    const { err } = await split("--calibrate", at("one.npy"), "--split", "macs=0.5", "-o", at("odd"));
    expect(err).toContain("warning[few-samples]: 1 sample has 16 positions for `b.conv2d`");
    // 4 · 9 · 6 positions are needed, and a sample has 16.
    expect(err).toContain("use at least 14 samples");
  });

  test("a loss that no split keeps", async () => {
    const { code, err } = await calibrated("--split", "loss=0", "-o", at("odd"));
    expect(code).toBe(0);
    expect(err).toContain("warning[nothing-split]");
  });
});

describe("labels that do not fit", () => {
  test.each([
    ["few.txt", "1\n2\n", "there are 2 labels for 40 samples"],
    ["names.txt", "cat\n".repeat(count), "label 1 is no index of a class"],
    ["beyond.json", JSON.stringify(Array(count).fill(4)), "label 1 is class 4, but the output has 4 values"],
  ])("%s", async (name, text, message) => {
    writeFileSync(at(name), text);
    const { code, err } = await calibrated("--split", "macs=0.5", "--labels", at(name), "-o", at("never"));
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(() => readdirSync(at("never"))).toThrow();
  });
});

test("files that it reads are not written", async () => {
  const before = readFileSync(at("small8.net"), "utf8");
  writeFileSync(at("small.net"), net(8, 3));
  const own = await cleave(
    "split",
    at("small.net"),
    "--calibrate",
    at("samples.npy"),
    "--split",
    "macs=0.5",
    "-o",
    root,
  );
  expect(own.code).toBe(1);
  expect(own.err).toContain("error[output-is-input]");
  const report = await calibrated("--split", "macs=0.5", "-o", at("odd"), "--report", at("samples.npy"));
  expect(report.code).toBe(2);
  expect(readFileSync(at("small8.net"), "utf8")).toBe(before);
});

describe.each(["docs/splitting.md", "README.md"])("commands of %s", (page) => {
  const lines = [...readFileSync(page, "utf8").matchAll(/^ {4}cleave (.*--calibrate.*)$/gm)];
  // The shipped network takes most of a minute. A network with the same inputs replaces it.
  const commands = lines.map(([, line = ""]) => line.replace("examples/fm_resnet16.net", "small28.net"));

  test("the page has commands", () => expect(commands.length).toBeGreaterThan(0));

  test.each(commands)("%s", async (line) => {
    const files = /^(?:model\.net|small28\.net|samples\.npy|labels\.txt|report\.html|split|out)$/;
    const [command = "", ...words] = line.split(" ");
    const argv = words.map((word) => (files.test(word) ? at(word.replace("model.net", "small8.net")) : word));
    const { code, out, err } = await cleave(command, ...argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("wrote ");
  });
});
