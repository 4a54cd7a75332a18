// Measures the accuracy of the trained examples on the test images of Fashion-MNIST, for the emitted module and for onnxruntime-web, and
// how far their logits differ. `npm run accuracy -- --help` lists the options.

import { given } from "../src/diagnostic/given.js";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Module } from "../src/index.js";
import { targets } from "../src/compile/targets.js";
import { emit, load, optimize, passes } from "../src/index.js";
import { readModel } from "../src/node/index.js";
import { argMax, testImages } from "./fashion-mnist.js";
import { toOnnx } from "./onnx.js";
import { onnxruntime } from "./onnxruntime.js";
import { inputPorts } from "./prepare.js";

const usage = `accuracy [options]
  --images N       how many of the 10,000 test images (default: all)
  --onnx FOLDER    the networks as they were exported from training, <name>.onnx; default: written from the .net files
  --target NAME    js or wasm (default: wasm)
  --each-pass      the module after each pass, not only after the last`;

const { values: options } = parseArgs({
  options: {
    images: { type: "string", default: "10000" },
    onnx: { type: "string" },
    target: { type: "string", default: "wasm" },
    "each-pass": { type: "boolean", default: false },
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
const own = `cleave-${targetName}`;
const { target } = targets[targetName];

const pixels = 28 * 28;
const classes = 10;
const all = testImages();
const count = Math.min(all.count, Number(options.images));
const images = all.images.subarray(0, count * pixels);

const results: object[] = [];
for (const name of ["fm_resnet16", "fm_mobile"]) {
  const model = read(join(import.meta.dirname, `../examples/${name}.net`));
  const reference = await peerLogits(name, model);
  say({ name, runtime: "onnxruntime-web", accuracy: accuracy(reference) });
  for (const stopAfter of options["each-pass"] ? passes.map((pass) => pass.name) : [undefined]) {
    const logits = await ownLogits(model, stopAfter);
    say({
      name,
      runtime: stopAfter === undefined ? own : `${own} after ${stopAfter}`,
      accuracy: accuracy(logits),
      largestLogitDifference: logits.reduce(
        (most, value, index) => Math.max(most, Math.abs(value - (reference[index] ?? Number.NaN))),
        0,
      ),
    });
  }
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

/** The logits of the emitted module, which takes all images in one call. */
async function ownLogits(model: Module, stopAfter: string | undefined): Promise<Float32Array> {
  const { value, diagnostics } = optimize(model, {
    target,
    ...given({ stopAfter }),
  });
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  const net = await load(emit(value.module, { target: targetName as "js" | "wasm" }));
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
