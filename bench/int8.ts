// A network in integers of 8 bits, quantized by the samples that are measured.

import { openProbes } from "../src/calibrate/probes.js";
import type { NodeId } from "../src/ir/graph.js";
import type { Module } from "../src/index.js";
import { quantize, samplesOf } from "../src/index.js";
import { inputPorts } from "./prepare.js";
import { samples } from "./samples.js";
import type { Range, Ranges } from "./tflite/integers.js";
import { extended, rangeOf } from "./tflite/integers.js";

export interface Int8 {
  /** The network that Cleave's quantizer makes. */
  readonly model: Module;
  /** The ranges of the values of the network in f32 as peers get it: what another quantizer needs to know. */
  readonly ranges: Ranges;
}

/** The networks of both quantizers; `folded` is the model with its batch norms folded. Throws as `quantizedModel` does. */
export async function quantized(model: Module, folded: Module): Promise<Int8> {
  return { model: await quantizedModel(model), ranges: await rangesOf(folded) };
}

/** A network that Cleave quantizes. Throws, with the reason, if it cannot be quantized. */
export async function quantizedModel(model: Module): Promise<Module> {
  // Networks of the bench have random weights and inputs, so their outputs hardly vary, and a loss relative to that says nothing.
  const options = { loss: Number.POSITIVE_INFINITY };
  const { value, diagnostics } = await quantize(model, samplesOf(samples(inputPorts(model.graph))), options);
  if (!value) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return value.module;
}

/** The ranges of all computed values and inputs of a network. */
async function rangesOf(module: Module): Promise<Ranges> {
  const ids = [...module.graph.nodes.values()].flatMap(({ id, op }) => (op === "constant" ? [] : [id]));
  const { value: probes, diagnostics } = await openProbes(module, ids);
  if (!probes) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const ranges = new Map<NodeId, Range>();
  for (const sample of samples(inputPorts(module.graph)))
    for (const [id, values] of await probes.run(sample)) {
      const range = rangeOf(values);
      const before = ranges.get(id);
      ranges.set(id, before ? extended(before, range) : range);
    }
  probes.dispose();
  return ranges;
}
