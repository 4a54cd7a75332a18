// What files say about pictures and classes: metadata of ONNX, of Ultralytics and of Cleave, and the file beside a model of Teachable Machine.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, describe, expect, test } from "vitest";
import { takePictures } from "#compile/pictures.js";
import { elaborate } from "#elaborate/elaborate.js";
import { exportOnnx } from "#export/onnx/export-onnx.js";
import { parse } from "#grammar/reading/parse.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import type { Graph } from "#ir/graph.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { readModel } from "../../src/node/index.js";
import { modelOf } from "./text-model.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-pictures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A model with an input `x` of the shape, whose output has 2 values, with metadata. */
function imported(
  metadata: Readonly<Record<string, string>>,
  { shape = "N, 3, 8, 8", denotation = "" } = {},
): Graph {
  const [, channels] = shape.split(", ");
  const text = `opset 13
input x float[${shape}]
weight w float[2, ${channels}, 3, 3]
a = Conv(x, w)
b = GlobalAveragePool(a)
y = Flatten(b)
output y
`;
  const model = fromBinary(ModelProtoSchema, modelOf(text));
  for (const [key, value] of Object.entries(metadata))
    model.metadataProps.push({ $typeName: "onnx.StringStringEntryProto", key, value });
  for (const { type } of model.graph!.input) type!.denotation = denotation;
  const { value, diagnostics } = importOnnx(toBinary(ModelProtoSchema, model));
  expect(diagnostics).toEqual([]);
  return value!.graph;
}

describe("ONNX", () => {
  test.each([
    ["Rgb8", "NominalRange_0_255", { scale: 1, mean: [0], std: [1], order: "rgb" }],
    ["BGR8", "nominalrange_0_255", { scale: 1, order: "bgr" }],
    ["Rgb8", "Normalized_0_1", { scale: 1 / 255, mean: [0] }],
    ["Bgr8", "Normalized_1_1", { scale: 1 / 127.5, mean: [1] }],
    ["Rgb8", "NominalRange_16_235", { scale: 219 / 255, mean: [-16] }],
  ])("%s, %s", (format, range, expected) => {
    const metadata = { "Image.BitmapPixelFormat": format, "image.nominalpixelrange": range };
    for (const denotation of ["", "IMAGE"]) {
      const { pictures } = imported(metadata, { denotation });
      expect(pictures!.get("x")).toMatchObject({ ...expected, layout: "nchw", fit: "stretch" });
    }
  });

  test("without a range, bytes are values", () => {
    expect(imported({ "Image.BitmapPixelFormat": "Rgb8" }).pictures!.get("x")).toMatchObject({ scale: 1 });
  });

  test.each([
    [{ "Image.BitmapPixelFormat": "Gray8" }, "N, 3, 8, 8"],
    [{ "Image.BitmapPixelFormat": "Rgb8" }, "N, 5, 8, 8"],
    [{ "Image.NominalPixelRange": "other" }, "N, 3, 8, 8"],
    [{ unrelated: "Rgb8" }, "N, 3, 8, 8"],
    [{ "cleave.preprocess.x": "{" }, "N, 3, 8, 8"],
    [{ "cleave.preprocess.x": '{"scale":"1"}' }, "N, 3, 8, 8"],
    [{ "cleave.preprocess.x": '{"mean":[1,2]}' }, "N, 3, 8, 8"],
    [{ "cleave.labels.y": '["a"]' }, "N, 3, 8, 8"],
    [{ "cleave.labels.y": "[1, 2]" }, "N, 3, 8, 8"],
  ])("what does not fit is left out: %j, %s", (metadata, shape) => {
    const { pictures, labels } = imported(metadata, { shape });
    expect([pictures, labels]).toEqual([undefined, undefined]);
  });
});

test("Ultralytics: classifiers and detectors", () => {
  const author = { author: "Ultralytics", imgsz: "[8, 8]" };
  const names = `{0: 'a "b"', 1: "it's"}`;
  const classify = imported({ ...author, task: "classify", names });
  expect(classify.pictures!.get("x")).toMatchObject({ scale: 1 / 255, fit: "cover" });
  expect(classify.labels).toEqual(new Map([["y", ['a "b"', "it's"]]]));
  const detect = imported({ ...author, task: "detect", names });
  expect(detect.pictures!.get("x")).toMatchObject({ scale: 1 / 255, fit: "contain", pad: 114 });
  expect(detect.labels).toBeUndefined();
});

describe("what is exported is imported again", () => {
  const text = (input: string) => `net n {
  input image: ${input}
  output y labels("a", "b") = image |> conv2d(filters=2, kernel=3x3) |> global_avg_pool
}
`;
  const written = (input: string, nchw: boolean) => {
    const module = elaborate(parse(text(input), "n.net").value!).value!;
    const exported = exportOnnx(module, { nchw }).value!;
    const bytes = Buffer.concat([...exported.pieces()]);
    const again = importOnnx(bytes).value!;
    const { metadataProps, graph } = fromBinary(ModelProtoSchema, bytes);
    const metadata = Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));
    return { module, again, metadata, denotation: graph!.input[0]!.type!.denotation };
  };

  test.each([false, true])("with channels first: %s", (nchw) => {
    const input =
      "f32[N, 8, 8, 3] preprocess(mean=[0.1, 0.2, 0.3], std=2, fit=contain, pad=7, crop=0.5, order=bgr)";
    const { module, again, metadata, denotation } = written(input, nchw);
    const expected = { ...module.graph.pictures!.get("image")!, layout: nchw ? "nchw" : "nhwc" };
    expect(again.graph.pictures).toEqual(new Map([["image", expected]]));
    expect(again.graph.labels).toEqual(module.graph.labels);
    expect(denotation).toBe("IMAGE");
    // Means of channels have no word in ONNX.
    expect(Object.keys(metadata)).toEqual(["cleave.preprocess.image", "cleave.labels.y"]);
  });

  test.each([
    ["preprocess(scale=1, order=bgr)", "Bgr8", "NominalRange_0_255"],
    ["preprocess()", "Rgb8", "Normalized_0_1"],
    ["preprocess(mean=0.5, std=0.5)", "Rgb8", "Normalized_1_1"],
  ])("%s in the words of ONNX", (said, format, range) => {
    const { metadata } = written(`f32[N, 8, 8, 3] ${said}`, false);
    expect(metadata).toMatchObject({ "Image.BitmapPixelFormat": format, "Image.NominalPixelRange": range });
  });
});

describe("Teachable Machine", () => {
  const layer = (class_name: string, config: object) => ({ class_name, config });
  const model = JSON.stringify({
    format: "layers-model",
    modelTopology: {
      class_name: "Sequential",
      config: {
        name: "m",
        layers: [
          layer("GlobalAveragePooling2D", { name: "pool", batch_input_shape: [null, 8, 8, 3] }),
          layer("Dense", { name: "dense", units: 3, use_bias: false, activation: "softmax" }),
        ],
      },
    },
    weightsManifest: [
      { paths: ["weights.bin"], weights: [{ name: "dense/kernel", shape: [3, 3], dtype: "float32" }] },
    ],
  });
  let folders = 0;
  const read = (metadata?: string) => {
    const own = join(folder, `tm${(folders += 1)}`);
    mkdirSync(own);
    writeFileSync(join(own, "model.json"), model);
    writeFileSync(join(own, "weights.bin"), new Uint8Array(36));
    if (metadata !== undefined) writeFileSync(join(own, "metadata.json"), metadata);
    const { value, diagnostics } = readModel(join(own, "model.json"));
    expect(diagnostics).toEqual([]);
    return value!;
  };
  const facts = { tmVersion: "2.4.5", packageName: "@teachablemachine/image", imageSize: 8 };

  test("its file has the labels, and its pixels are from −1 to 1", () => {
    const { graph, files } = read(JSON.stringify({ ...facts, labels: ["a", "b", "c"] }));
    const [picture] = graph.pictures!.values();
    expect(picture).toMatchObject({ scale: 1 / 127, mean: [1], std: [1], fit: "cover", layout: "nhwc" });
    expect([...graph.labels!.values()]).toEqual([["a", "b", "c"]]);
    expect(files.some((file) => file.endsWith("metadata.json"))).toBe(true);
  });

  test.each([
    [undefined],
    ["{"],
    ["[]"],
    ['{"labels": ["a", "b", "c"]}'],
    [JSON.stringify({ tmVersion: "1", labels: 7 })],
  ])("another file is left alone: %j", (metadata) => {
    const { graph } = read(metadata);
    expect([graph.pictures, graph.labels]).toEqual([undefined, undefined]);
  });

  test("labels that do not fit are left out", () => {
    const { graph } = read(JSON.stringify({ ...facts, labels: ["a"] }));
    expect(graph.pictures!.size).toBe(1);
    expect(graph.labels).toBeUndefined();
  });
});

test("options go before what the file says", () => {
  const { value } = importOnnx(modelOf("opset 13\ninput x float[1, 3, 8, 8]\ny = Relu(x)\noutput y\n"));
  const said = takePictures(value!, { scale: 2 }).value!;
  expect(takePictures(said, { mean: [3] }).value!.graph.pictures!.get("x")).toMatchObject({
    scale: 2,
    mean: [3],
  });
});
