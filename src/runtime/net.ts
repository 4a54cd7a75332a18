// The net that a module's user holds: checks inputs, loops over samples, copies results out.

import { arrays, countSamples, ownValue, prepareOutputs, sampleOf, shapesOf, sizeOf } from "./ports.js";
import type { Machine, Model, Net, RunOptions, Tensors } from "./types.js";

/** A net over a machine that computes one sample at a time. */
export function createNet(model: Model, machine: Machine): Net {
  let live: Machine | undefined = machine;

  function runSync(inputs: Tensors, options: RunOptions = {}): Record<string, Float32Array> {
    if (!live) throw new Error(`${model.name}: run after dispose`);
    const samples = countSamples(model, inputs, arrays);
    const outputs = prepareOutputs(model, samples, options.into ?? {}, arrays);
    for (let sample = 0; sample < samples; sample++) {
      live.prepare?.();
      for (const port of model.inputs) {
        const values = ownValue(inputs, port.name);
        if (values) live.arena.set(sampleOf(values, port, sample, samples), port.offset);
      }
      live.step(options.times);
      for (const [port, values] of outputs) {
        const result = live.arena.subarray(port.offset, port.offset + sizeOf(port));
        values.set(result, sample * sizeOf(port));
      }
    }
    return Object.fromEntries(outputs.map(([port, values]) => [port.name, values]));
  }

  return {
    name: model.name,
    inputs: shapesOf(model, model.inputs),
    outputs: shapesOf(model, model.outputs),
    launches: machine.launches,
    runSync,
    run: async (inputs, options) => runSync(inputs, options),
    dispose() {
      live = undefined;
    },
  };
}
