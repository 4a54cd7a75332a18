// A session of ONNX Runtime: in WebAssembly, on WebGPU, and as native code.

import type { InferenceSession, Tensor } from "onnxruntime-web";
import { channelsFirst, imageChannelsFirst } from "./channels.js";
import type { Port, Running, Values } from "./running.js";

export type OnnxRuntime = "onnxruntime-web" | "onnxruntime-web/webgpu" | "onnxruntime-node";

export interface SessionOptions {
  readonly inputs: readonly Port[];
  /** Whether the model has images with the channels first, while `inputs` has them as `[1, h, w, c]`. */
  readonly channelsFirst: boolean;
  readonly threads: number;
}

/** A session of onnxruntime on a model: its bytes, its path, or in a page its address. */
export async function onnxruntime(
  name: OnnxRuntime,
  model: Uint8Array | string,
  { inputs, channelsFirst: turned, threads }: SessionOptions,
): Promise<Running> {
  // These packages are only installed in this folder, so the name is a variable: all have the same types.
  const ort = (await import(name)) as typeof import("onnxruntime-web");
  ort.env.logLevel = "error";
  if (name !== "onnxruntime-node") ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(model as Uint8Array, sessionOptions(name, threads));
  const tensorOf = ({ name: input, shape }: Port, values: Values): Tensor => {
    const data = values[input] ?? new Float32Array();
    return turned
      ? new ort.Tensor("float32", imageChannelsFirst(data, shape), [...channelsFirst(shape)])
      : new ort.Tensor("float32", data, [...shape]);
  };
  let last: { readonly values: Values; readonly feeds: Record<string, Tensor> } | undefined;
  const feedsOf = (values: Values): Record<string, Tensor> => {
    // The order of channels is not the runtime's fault, so an image is converted once, before it is timed.
    if (last?.values !== values)
      last = {
        values,
        feeds: Object.fromEntries(inputs.map((input) => [input.name, tensorOf(input, values)])),
      };
    return last.feeds;
  };
  return {
    threads,
    run: async (values) =>
      Object.fromEntries(
        Object.entries(await session.run(feedsOf(values))).map(([output, tensor]) => [
          output,
          tensor.data as Float32Array,
        ]),
      ),
    dispose: () => session.release(),
  };
}

function sessionOptions(name: OnnxRuntime, threads: number): InferenceSession.SessionOptions {
  switch (name) {
    case "onnxruntime-web":
      return { executionProviders: ["wasm"] };
    case "onnxruntime-web/webgpu":
      return { executionProviders: ["webgpu"] };
    case "onnxruntime-node":
      return { executionProviders: ["cpu"], intraOpNumThreads: threads, interOpNumThreads: 1 };
    default:
      return name satisfies never;
  }
}
