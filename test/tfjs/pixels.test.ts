// Layers at the head of a model that scale pixels: pictures then come as bytes.

import { expect, test } from "vitest";
import { takePictures } from "#compile/pictures.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { dataFileOf } from "#import/data-file.js";

const shape = { batch_input_shape: [null, 8, 8, 3] };
const rescaling = (scale: number | readonly number[], offset: number | readonly number[]) =>
  ["Rescaling", { name: "rescaling", scale, offset }] as const;
const normalization = (mean: readonly number[], variance: readonly number[]) =>
  ["Normalization", { name: "normalization", axis: -1, mean, variance }] as const;

test.each([
  ["to −1 … 1", [rescaling(1 / 127.5, -1)], 1],
  [
    "to 0 … 1, then by statistics",
    [rescaling(1 / 255, 0), normalization([0.5, 0.5, 0.4], [0.1, 0.1, 0.1])],
    1,
  ],
  ["by the statistics of bytes", [normalization([124, 116, 104], [3411, 3263, 3292])], 1],
  ["after a resize", [["Resizing", { name: "resizing", height: 4, width: 4 }], rescaling(1 / 255, 0)], 1],
  ["by the statistics of values from 0 to 1", [normalization([0.5, 0.5, 0.4], [0.1, 0.1, 0.1])], 1 / 255],
  ["from 0 … 1 to −1 … 1", [rescaling(2, -1)], 1 / 255],
] as const)("scaled %s", (_, head, scale) => {
  const [[kind, first], ...others] = head;
  const layers = [[kind, { ...first, ...shape }], ...others, ["GlobalAveragePooling2D", { name: "mean" }]];
  const config = layers.map(([class_name, one]) => ({ class_name, config: one }));
  const model = { modelTopology: { class_name: "Sequential", config }, weightsManifest: [] };
  const { value, diagnostics } = importTfjs(JSON.stringify(model), {
    openData: () => dataFileOf(new Uint8Array()),
  });
  expect(diagnostics).toEqual([]);
  const [picture] = takePictures(value!).value!.graph.pictures!.values();
  expect(picture).toMatchObject({ scale, mean: [0], layout: "nhwc" });
});
