// Loads a model of TensorFlow.js through its own loaders.

import type * as tf from "@tensorflow/tfjs-core";
import type { Running, Setup, Values } from "./running.js";

/** What must be known about the model. */
interface Ports extends Pick<Setup, "inputs" | "outputs"> {
  readonly tfjs?: { readonly isGraph: boolean };
}

/** The model that a handler loads, or at an address, on the current backend. */
export function tfjsModel(from: tf.io.IOHandler | string, setup: Ports): Promise<Running> {
  return setup.tfjs?.isGraph ? graphModel(from, setup) : layersModel(from, setup);
}

async function graphModel(from: tf.io.IOHandler | string, setup: Ports): Promise<Running> {
  const { loadGraphModel } = await import("@tensorflow/tfjs-converter");
  const model = await loadGraphModel(from);
  const outputs = model.outputs.map(({ name }) => name);
  return running(model, setup, (tensors) => model.execute(tensors, outputs));
}

async function layersModel(from: tf.io.IOHandler | string, setup: Ports): Promise<Running> {
  const { loadLayersModel } = await import("@tensorflow/tfjs-layers");
  const model = await loadLayersModel(from);
  return running(model, setup, (tensors) => model.predict(Object.values(tensors)));
}

/** Both kinds of models take their inputs and return their results in the order of the file, which Cleave keeps. */
async function running(
  model: { dispose(): unknown },
  { inputs, outputs }: Ports,
  forward: (tensors: Record<string, tf.Tensor>) => tf.Tensor | tf.Tensor[],
): Promise<Running> {
  const { tensor, tidy } = await import("@tensorflow/tfjs-core");
  return {
    threads: 1,
    run: async (values): Promise<Values> => {
      const results = tidy(() =>
        [
          forward(
            Object.fromEntries(
              inputs.map(({ name, shape }) => [name, tensor(values[name] ?? [], [...shape])]),
            ),
          ),
        ].flat(),
      );
      const entries: [string, Float32Array][] = [];
      for (const [at, result] of results.entries()) {
        entries.push([outputs[at] ?? "", (await result.data()) as Float32Array]);
        result.dispose();
      }
      return Object.fromEntries(entries);
    },
    dispose: async () => void model.dispose(),
  };
}
