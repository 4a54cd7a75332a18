// The runtimes that a network runs on side by side: Cleave's targets, tfjs on its two CPU backends, onnxruntime-web.

import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import * as ort from "onnxruntime-web";
import { targetNames, targets } from "../src/compile/targets.js";
import type { TargetName } from "../src/compile/targets.js";
import type { Artifact, Module } from "../src/index.js";
import { emit, inputNodes, load, optimize } from "../src/index.js";
import { imageChannelsFirst, channelsFirst, toOnnx } from "./onnx.js";
import { tfjsNet } from "./tfjs.js";

/** A network on one runtime, on one thread. */
export interface Peer {
  readonly name: string;
  /** Makes it ready for a few runs; not timed. */
  activate(): Promise<void>;
  /** The first output for the first input, in row-major NHWC. */
  run(input: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
  /** What Cleave emitted. */
  readonly artifact?: Artifact;
}

/** Makes a peer, or says why it cannot. */
type Maker = (model: Module, folded: Module) => Promise<Peer>;

/** All peers by name; `model` is as written, `folded` has its batch norms folded, which is what the others get. */
export const peers: Readonly<Record<string, Maker>> = {
  ...Object.fromEntries(
    targetNames.map((target) => [`cleave-${target}`, (model: Module) => cleave(model, target)]),
  ),
  "tfjs-cpu": (_, folded) => tfjs("cpu", folded),
  "tfjs-wasm": async (_, folded) => {
    await addWasmBackend();
    return tfjs("wasm", folded);
  },
  "onnxruntime-web": (_, folded) => onnxruntime(folded),
};

/** The module with the exact passes but without fused kernels: batch norms are folded into convolutions. */
export function foldedModule(model: Module): Module {
  const { value, diagnostics } = optimize(model, { without: ["fuse"] });
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("; "));
  return value.module;
}

export async function cleave(model: Module, target: TargetName): Promise<Peer & { artifact: Artifact }> {
  const { value, diagnostics } = optimize(model, { target: targets[target].target });
  if (!value) throw new Error(diagnostics.map((one) => one.message).join("; "));
  const artifact = emit(value.module, { target });
  const net = await load(artifact);
  const input = inputNodes(model.graph)[0]?.name ?? "";
  const output = model.graph.outputs[0]?.name ?? "";
  return {
    name: `cleave-${target}`,
    artifact,
    activate: async () => {},
    run: async (values) => (await net.run({ [input]: values }))[output] ?? new Float32Array(),
    dispose: async () => net.dispose(),
  };
}

/** A session of onnxruntime-web on the ONNX form of a graph, or on another ONNX file of one input and one output. */
export async function onnxruntime(model: Module, file: Uint8Array = toOnnx(model)): Promise<Peer> {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  const [input = ""] = session.inputNames;
  const [output = ""] = session.outputNames;
  const shape = inputNodes(model.graph)[0]?.type.shape ?? [];
  let last: { values: Float32Array; tensor: ort.Tensor } | undefined;
  const tensorOf = (values: Float32Array): ort.Tensor => {
    // Its order of channels is not its fault: the image is turned once, before it is timed.
    if (last?.values !== values)
      last = {
        values,
        tensor: new ort.Tensor("float32", imageChannelsFirst(values, shape), [...channelsFirst(shape)]),
      };
    return last.tensor;
  };
  return {
    name: "onnxruntime-web",
    activate: async () => {},
    run: async (values) => (await session.run({ [input]: tensorOf(values) }))[output]?.data as Float32Array,
    dispose: () => session.release(),
  };
}

async function tfjs(backend: "cpu" | "wasm", folded: Module): Promise<Peer> {
  const activate = async (): Promise<void> => {
    if (!(await tf.setBackend(backend))) throw new Error(`tfjs has no backend ${backend} here`);
  };
  await activate();
  const net = tfjsNet(folded);
  return {
    name: `tfjs-${backend}`,
    activate,
    run: (input) => net.run(input),
    dispose: async () => net.dispose(),
  };
}

/** Its package is installed in this folder alone, so the name is a variable: the compiler looks for no types. */
async function addWasmBackend(): Promise<void> {
  const name: string = "@tensorflow/tfjs-backend-wasm";
  const { setWasmPaths } = (await import(name)) as { setWasmPaths: (folder: string) => void };
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve(name))}/`);
}
