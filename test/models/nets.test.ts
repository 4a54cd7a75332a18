// Nets that people wrote with what the language had before conditions, shapes as values and blocks as arguments, in its present form: the same
// layers, in fewer lines.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { print } from "#grammar/printing/print.js";
import { explain } from "#report/explain.js";
import { readModel } from "../../src/node/index.js";

const folder = join(import.meta.dirname, "nets");

/** Ops, parameters and multiply-accumulates of the nets as they were written before. */
const written: Readonly<Record<string, readonly [number, number, number]>> = {
  "audio1d.net": [20, 41_859, 8_126_336],
  "convnext.net": [67, 1_237_354, 124_565_376],
  "densenet.net": [426, 8_062_504, 2_834_161_664],
  "espcn.net": [9, 22_729, 108_595_200],
  "squeezenet.net": [64, 1_235_496, 349_151_936],
  // Without a transposed convolution of 2,064 parameters whose result was never used.
  "unet.net": [54, 1_810_562, 758_382_592],
  "yolo.net": [51, 1_320_081, 340_738_048],
};

test("there are no other nets", () => {
  expect(readdirSync(folder).toSorted()).toEqual(Object.keys(written).toSorted());
});

test.each(Object.entries(written))("%s has the same layers", (file, counts) => {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  expect(print(parse(text, file).partial)).toBe(text);
  const { value, diagnostics } = readModel(path);
  expect(diagnostics).toEqual([]);
  const { ops, parameters, macs } = explain(value!);
  expect([ops, parameters, macs]).toEqual(counts);
});
