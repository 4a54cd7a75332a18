// Measures what a net in integers loses: in its outputs, and in the response of each layer.

import { openProbes, runProbes } from "#calibrate/probes.js";
import type { Samples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import { comparedOutputs, valueAfter } from "#gradient/compared-values.js";
import type { NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { outputLosses } from "#split/measure.js";
import type { ObserveOptions } from "./observe.js";
import { observe } from "./observe.js";
import type { Quantization } from "./rewrite.js";
import { withIntegers } from "./rewrite.js";

export interface Losses {
  /** Σ‖z − ẑ‖² / Σ‖z − E[z]‖², the mean over the outputs; instead of a softmax, its operand counts. */
  readonly loss: number;
  /** The same for the response of each layer, after the elementwise ops that follow it, by the layer. */
  readonly responses: ReadonlyMap<NodeId, number>;
}

/** Runs a net in f32 and in integers on the samples, and compares values. */
export async function measureLosses(
  module: Module,
  quantization: Quantization,
  samples: Samples,
  { threads = 1, onProgress }: ObserveOptions = {},
): Promise<Result<Losses>> {
  const { graph } = module;
  const outputs = comparedOutputs(graph);
  const responses = quantization.plan.layers.map((layer) => [layer.id, valueAfter(graph, layer)] as const);
  const wanted = [...new Set([...outputs, ...responses.map(([, id]) => id)])];
  const nets = [
    await openProbes(module, wanted, { threads }),
    await openProbes(withIntegers(module, quantization).module, wanted, { threads }),
  ];
  const opened = nets.flatMap(({ value }) => value ?? []);
  try {
    if (opened.length < nets.length) return { diagnostics: nets.flatMap(({ diagnostics }) => diagnostics) };
    const ofOutputs = outputLosses(1);
    const ofResponses = new Map(wanted.map((id) => [id, outputLosses(1)]));
    await runProbes(
      opened,
      samples,
      ([before, after]) => {
        for (const id of wanted) {
          const expected = before?.get(id) ?? bug("a value was not computed");
          const found = realValues(after?.get(id) ?? bug("a value was not computed"), quantization, id);
          for (const losses of [ofResponses.get(id), ...(outputs.includes(id) ? [ofOutputs] : [])]) {
            losses?.expect(id, expected);
            losses?.compare(id, 0, expected, found);
          }
        }
      },
      onProgress,
    );
    const [loss = 0] = ofOutputs.finish();
    const lossOf = (id: NodeId): number => ofResponses.get(id)?.finish()[0] ?? 0;
    return {
      value: { loss, responses: new Map(responses.map(([layer, id]) => [layer, lossOf(id)])) },
      diagnostics: [],
    };
  } finally {
    for (const net of opened) net.dispose();
  }
}

/** The real numbers of a value of the net in integers. */
function realValues(values: Float32Array, { plan, steps }: Quantization, id: NodeId): Float32Array {
  const step = steps.get(plan.groups.get(id) ?? -1);
  return step ? values.map((integer) => (integer - step.zero) * step.scale) : values;
}

/** The losses in the outputs of several quantizations of a net, each over all samples. The f32 net runs once, and its outputs are kept. */
export async function compareLosses(
  module: Module,
  quantizations: readonly (() => Promise<Result<Quantization>>)[],
  samples: Samples,
  { threads = 1, onProgress }: ObserveOptions = {},
): Promise<Result<readonly number[]>> {
  const outputs = comparedOutputs(module.graph);
  const expected = outputs.map((): Float32Array[] => []);
  const losses: number[] = [];
  const run = (of: Module, take: (at: number, values: Float32Array) => void): Promise<Result<true>> =>
    observe(
      of,
      outputs.map((id, at) => [id, (values: Float32Array) => take(at, values)] as const),
      samples,
      { threads },
    );
  const first = await run(module, (at, values) => void expected[at]?.push(values.slice()));
  if (!first.value) return { diagnostics: first.diagnostics };
  for (const [at, quantizationOf] of quantizations.entries()) {
    const made = await quantizationOf();
    if (!made.value) return { diagnostics: made.diagnostics };
    const quantization = made.value;
    onProgress?.({ stage: "", done: at, all: quantizations.length });
    const sums = outputLosses(1);
    const counts = outputs.map(() => 0);
    const { value, diagnostics } = await run(withIntegers(module, quantization).module, (output, values) => {
      const id = outputs[output] ?? -1;
      const wanted = expected[output]?.[counts[output] ?? 0] ?? bug("an output was not computed");
      counts[output] = (counts[output] ?? 0) + 1;
      sums.expect(id, wanted);
      sums.compare(id, 0, wanted, realValues(values, quantization, id));
    });
    if (!value) return { diagnostics };
    losses.push(sums.finish()[0] ?? 0);
  }
  return { value: losses, diagnostics: [] };
}
