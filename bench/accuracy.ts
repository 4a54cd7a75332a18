// Measures the accuracy of the trained examples on the test images of Fashion-MNIST, for the emitted module and for onnxruntime-web, and
// how far their logits differ. `npm run accuracy -- --help` lists the options.

import { given } from "../src/diagnostic/given.js";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Module, Result, SplitMode } from "../src/index.js";
import { targets } from "../src/compile/targets.js";
import { emit, load, optimize, passes, quantize, samplesOf, splitNetwork } from "../src/index.js";
import { readModel } from "../src/node/index.js";
import { argMax, testImages, trainingImages } from "./fashion-mnist.js";
import { toOnnx } from "./onnx.js";
import { onnxruntime } from "./onnxruntime.js";
import { inputPorts } from "./prepare.js";

const usage = `accuracy [options]
  --images N       how many of the 10,000 test images (default: all)
  --onnx FOLDER    the networks as they were exported from training, <name>.onnx; default: written from the .net files
  --target NAME    js or wasm (default: wasm)
  --each-pass      the module after each pass, not only after the last
  --split macs=S   also the module split with samples, to the share S of its MACs
  --quantize int8  also the module in integers of 8 bits, with samples and without; with --split also split and then quantized
  --samples N      how many images of the training set are the samples (default: 400)`;

const { values: options } = parseArgs({
  options: {
    images: { type: "string", default: "10000" },
    onnx: { type: "string" },
    target: { type: "string", default: "wasm" },
    "each-pass": { type: "boolean", default: false },
    split: { type: "string" },
    quantize: { type: "string" },
    samples: { type: "string", default: "400" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}
const targetName = options.target;
if (targetName !== "js" && targetName !== "wasm") {
  console.error(`accuracy: --target is js or wasm, not ${targetName}`);
  process.exit(2);
}
const share = options.split === undefined ? undefined : Number(options.split.replace(/^macs=/, ""));
if (share !== undefined && !(share > 0 && share <= 1)) {
  console.error(`accuracy: --split is macs=S with a share S, not ${options.split}`);
  process.exit(2);
}
if (options.quantize !== undefined && options.quantize !== "int8") {
  console.error(`accuracy: --quantize is int8, not ${options.quantize}`);
  process.exit(2);
}
const own = `cleave-${targetName}`;
const { target } = targets[targetName];

const pixels = 28 * 28;
const classes = 10;
const all = testImages();
const count = Math.min(all.count, Number(options.images));
const images = all.images.subarray(0, count * pixels);

const training =
  share === undefined && options.quantize === undefined ? new Float32Array() : trainingImages();
const samples = samplesOf(
  Array.from({ length: Math.min(Number(options.samples), training.length / pixels) }, (_, index) => ({
    image: training.subarray(index * pixels, (index + 1) * pixels),
  })),
);

const results: object[] = [];
for (const name of ["fm_resnet16", "fm_mobile"]) {
  const model = read(join(import.meta.dirname, `../examples/${name}.net`));
  const reference = await peerLogits(name, model);
  const tell = (runtime: string, logits: Float32Array): void => {
    const largestLogitDifference = logits.reduce(
      (most, value, index) => Math.max(most, Math.abs(value - (reference[index] ?? Number.NaN))),
      0,
    );
    say({ name, runtime, accuracy: accuracy(logits), largestLogitDifference });
  };
  say({ name, runtime: "onnxruntime-web", accuracy: accuracy(reference) });
  for (const stopAfter of options["each-pass"] ? passes.map((pass) => pass.name) : [undefined]) {
    tell(stopAfter === undefined ? own : `${own} after ${stopAfter}`, await ownLogits(model, stopAfter));
  }
  const int8 = options.quantize !== undefined;
  if (int8) {
    tell(`${own} int8`, await ownLogits(done(await quantize(model, samples)).module));
    tell(`${own} int8, no samples`, await ownLogits(done(await quantize(model, undefined)).module));
  }
  if (share === undefined) continue;
  const { split } = done(await splitNetwork(model, samples, { split: { mode: "macs", share } }));
  tell(`${own} macs=${share}`, await ownLogits(model, undefined, split));
  if (int8)
    tell(
      `${own} macs=${share}, int8`,
      await ownLogits(done(await quantize(model, samples, { split })).module),
    );
}
const folder = join(import.meta.dirname, "results");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "accuracy.json"), `${JSON.stringify({ images: count, results }, null, 2)}\n`);
process.exit(0);

function read(file: string): Module {
  const { value, diagnostics } = readModel(file);
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  return value;
}

/** The logits of all images in onnxruntime-web, `[count, 10]`. */
async function peerLogits(name: string, model: Module): Promise<Float32Array> {
  const file = options.onnx === undefined ? undefined : join(options.onnx, `${name}.onnx`);
  if (file !== undefined && !existsSync(file)) throw new Error(`there is no ${file}`);
  const { graph } = file === undefined ? model : read(file);
  const inputs = inputPorts(graph);
  const [input, output] = [inputs[0]?.name ?? "", graph.outputs[0]?.name ?? ""];
  const peer = await onnxruntime("onnxruntime-web", file === undefined ? toOnnx(model) : readFileSync(file), {
    inputs,
    channelsFirst: file === undefined,
    threads: 1,
  });
  const logits = new Float32Array(count * classes);
  for (let index = 0; index < count; index += 1) {
    const image = images.subarray(index * pixels, (index + 1) * pixels);
    logits.set((await peer.run({ [input]: image }))[output] ?? [], index * classes);
  }
  await peer.dispose();
  return logits;
}

/** The value of a result; throws its errors. */
function done<T>({ value, diagnostics }: Result<T>): T {
  if (value === undefined) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  return value;
}

/** The logits of the emitted module, which takes all images in one call. */
async function ownLogits(model: Module, stopAfter?: string, split?: SplitMode): Promise<Float32Array> {
  const { module } = done(optimize(model, { target, ...given({ stopAfter, split }) }));
  const net = await load(emit(module, { target: targetName as "js" | "wasm" }));
  const { logits } = net.runSync({ image: images });
  net.dispose();
  return logits ?? new Float32Array();
}

/** The fraction of the images whose largest logit is the true class. */
function accuracy(logits: Float32Array): number {
  let right = 0;
  for (let index = 0; index < count; index += 1)
    if (argMax(logits.subarray(index * classes, (index + 1) * classes)) === all.labels[index]) right += 1;
  return right / count;
}

function say(row: {
  readonly name: string;
  readonly runtime: string;
  readonly accuracy: number;
  readonly largestLogitDifference?: number;
}): void {
  results.push(row);
  const difference =
    row.largestLogitDifference === undefined
      ? ""
      : `   largest logit difference ${row.largestLogitDifference.toExponential(1)}`;
  console.log(
    `${row.name.padEnd(12)} ${row.runtime.padEnd(16)} ${(100 * row.accuracy).toFixed(2)}%${difference}`,
  );
}
