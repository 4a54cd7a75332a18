// Measures what a net in integers loses: in its outputs, and in the response of each layer.

import type { OnProgress } from "#calibrate/progress.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import type { Samples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import { comparedOutputs, valueAfter } from "#gradient/compared-values.js";
import type { NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { outputLosses } from "#split/measure.js";
import type { Quantization } from "./rewrite.js";
import { withIntegers } from "./rewrite.js";

export interface Losses {
  /** Σ‖z − ẑ‖² / Σ‖z − E[z]‖², the mean over the outputs; instead of a softmax, its operand counts. */
  readonly loss: number;
  /** The same for the response of each layer, after the elementwise ops that follow it, by the layer. */
  readonly responses: ReadonlyMap<NodeId, number>;
}

/** Runs both nets on the samples, `base` in f32 and `from`, or a net of equal values, in integers. */
export async function measureLosses(
  base: Module,
  from: Module,
  quantization: Quantization,
  samples: Samples,
  {
    threads = 1,
    withResponses = false,
    onProgress,
  }: { readonly threads?: number; readonly withResponses?: boolean; readonly onProgress?: OnProgress } = {},
): Promise<Result<Losses>> {
  const { graph } = base;
  const { plan, steps } = quantization;
  const { module } = withIntegers(from, quantization);
  const outputs = comparedOutputs(graph);
  const responses = withResponses
    ? plan.layers.map((layer) => [layer.id, valueAfter(graph, layer)] as const)
    : [];
  const wanted = [...new Set([...outputs, ...responses.map(([, id]) => id)])];
  const nets = [await openProbes(base, wanted, { threads }), await openProbes(module, wanted, { threads })];
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
          const found = (after?.get(id) ?? bug("a value was not computed")).slice();
          const step = steps.get(plan.groups.get(id) ?? -1);
          if (step)
            for (let at = 0; at < found.length; at += 1)
              found[at] = ((found[at] ?? 0) - step.zero) * step.scale;
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
