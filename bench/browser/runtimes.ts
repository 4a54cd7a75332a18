// The runtimes in a page. Each has the best settings for its number of threads, loads its own code and the model from the server, and
// copies inputs in and results out in every run.

import type { LoadOptions, Net } from "../../src/runtime/types.js";
import { onnxruntime } from "../onnxruntime.js";
import type { OnnxPart, PreparedGraph, Running, TflitePart } from "../running.js";
import { readGraph } from "../running.js";
import type { PageLoad } from "./page.js";
import type { PagePeer } from "./peers.js";

type Runtime = (load: PageLoad) => Promise<Running>;

export const runtimes: Readonly<Record<PagePeer, Runtime>> = {
  "cleave-simd": (load) => cleave(load, "cleave-wasm", { simd: "simd", threads: load.threads }),
  "cleave-relaxed": (load) => cleave(load, "cleave-wasm", { simd: "relaxed", threads: load.threads }),
  "cleave-simd-int8": (load) => cleave(load, "cleave-wasm-int8", { simd: "simd", threads: load.threads }),
  "cleave-relaxed-int8": (load) =>
    cleave(load, "cleave-wasm-int8", { simd: "relaxed", threads: load.threads }),
  "cleave-js": (load) => cleave(load, "cleave-js", {}),
  litert: (load) => litert(load, "tflite"),
  "litert-int8": (load) => litert(load, "tflite-int8"),
  "onnxruntime-web": (load) => onnxruntimeWeb(load, "onnx"),
  "onnxruntime-web-int8": (load) => onnxruntimeWeb(load, "onnx-int8"),
  "tfjs-wasm": tfjs,
};

async function cleave(
  { setup: { modules } }: PageLoad,
  part: "cleave-wasm" | "cleave-wasm-int8" | "cleave-js",
  options: LoadOptions,
): Promise<Running> {
  const address = modules[part];
  if (address === undefined) throw new Error(`no ${part} was prepared`);
  const module = (await import(address)) as { load: (options: LoadOptions) => Promise<Net> };
  const net = await module.load(options);
  return { threads: net.threads, run: (inputs) => net.run(inputs), dispose: async () => net.dispose() };
}

function onnxruntimeWeb({ threads, setup: { inputs, onnx } }: PageLoad, part: OnnxPart): Promise<Running> {
  const { address, channelsFirst } = onnx[part];
  return onnxruntime("onnxruntime-web", address, { inputs, channelsFirst, threads });
}

/** Its loader takes the build with relaxed SIMD if the browser has that, and the build with threads if they are requested. */
async function litert({ threads, setup }: PageLoad, part: TflitePart): Promise<Running> {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
  await loadLiteRt(`${setup.packages}@litertjs/core/wasm/`, { threads: threads > 1 });
  const model = await loadAndCompile(setup.tflite[part], {
    accelerator: "wasm",
    cpuOptions: { numThreads: threads },
  });
  return {
    threads,
    run: async (values) => {
      const tensors = setup.inputs.map(
        ({ name, shape }) => new Tensor(values[name] ?? new Float32Array(), [...shape]),
      );
      const results = await model.run(tensors);
      const entries: [string, Float32Array][] = [];
      for (const [at, result] of results.entries()) {
        entries.push([setup.outputs[at] ?? "", (await result.data()) as Float32Array]);
        result.delete();
      }
      for (const tensor of tensors) tensor.delete();
      return Object.fromEntries(entries);
    },
    dispose: async () => model.delete(),
  };
}

/** With one thread it uses the build without threads. */
async function tfjs({ threads, setup }: PageLoad): Promise<Running> {
  const { env, setBackend } = await import("@tensorflow/tfjs-core");
  const { setThreadsCount, setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${setup.packages}@tensorflow/tfjs-backend-wasm/dist/`);
  if (threads === 1) env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  else setThreadsCount(threads);
  if (!(await setBackend("wasm"))) throw new Error("tfjs has no WebAssembly here");
  if (setup.tfjs) {
    const { tfjsModel } = await import("../tfjs-models.js");
    return { ...(await tfjsModel(setup.tfjs.address, setup)), threads };
  }
  const [prepared, constants] = await Promise.all([fetch(setup.graph.nodes), fetch(setup.graph.constants)]);
  const { graph, places } = readGraph((await prepared.json()) as PreparedGraph);
  const buffer = await constants.arrayBuffer();
  const { tfjsNet } = await import("../tfjs.js");
  const net = tfjsNet({
    graph,
    readF32: (weight) => {
      const [start = 0, length = 0] = places.get(weight) ?? [];
      return new Float32Array(buffer, 4 * start, length);
    },
  });
  return { threads, run: (inputs) => net.run(inputs), dispose: async () => net.dispose() };
}
