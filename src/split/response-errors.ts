// Measures how far the responses of split layers are from those of the original network, for all layers in one pass over the samples.

import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import type { Probes } from "#calibrate/probes.js";
import { runProbes } from "#calibrate/probes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import type { Candidate } from "#passes/split/candidates.js";
import { scaleOf } from "./layer/fit-layer.js";
import type { Surroundings } from "./surroundings.js";

/** A layer with its surroundings. */
export interface LayerWithSurroundings {
  readonly candidate: Candidate;
  readonly around: Surroundings;
}

/** The values to probe in the split network: the responses of the layers, and the values that are added to them. */
export function probesForResponses(layers: readonly LayerWithSurroundings[]): NodeId[] {
  return layers.flatMap(({ candidate, around: { sum } }) =>
    sum ? [candidate.node.id, sum.shortcut] : [candidate.node.id],
  );
}

/**
 * For each layer the error as `fitLayer` defines it: E‖y − ŷ‖² / E‖y − E[y]‖², after the activation if one follows, over all positions of
 * the samples, as the mean over groups. The inputs of a layer are those that the split network gives. `original` has the values of
 * `probesForRows`, `current` those of `probesForResponses`.
 */
export async function responseErrors(
  layers: readonly LayerWithSurroundings[],
  nets: { readonly original: Probes; readonly current: Probes },
  samples: Samples,
  onProgress?: OnProgress,
): Promise<ReadonlyMap<string, number>> {
  const sums = layers.map(({ candidate: { shape, groups } }) => errorSums(shape[3] ?? 1, groups));
  await runProbes(
    [nets.original, nets.current],
    samples,
    ([before, now]) => {
      for (const [at, { candidate, around }] of layers.entries()) {
        const { node } = candidate;
        const wanted = before?.get(around.sum?.node ?? node.id) ?? bug(`${node.name} has no response`);
        const found = now?.get(node.id) ?? bug(`${node.name} has no response`);
        const shortcut =
          around.sum && (now?.get(around.sum.shortcut) ?? bug(`${node.name} lacks a shortcut`));
        sums[at]?.add(wanted, found, shortcut, around.relu);
      }
    },
    onProgress,
  );
  return new Map(layers.map(({ candidate }, at) => [candidate.node.name, sums[at]?.finish() ?? 0]));
}

/** Sums over positions of `columns` channels in groups. */
function errorSums(columns: number, groups: number) {
  const own = columns / groups;
  const [lost, squares] = [new Float64Array(groups), new Float64Array(groups)];
  const values = new Float64Array(columns);
  let rows = 0;
  return {
    add(wanted: Float32Array, found: Float32Array, shortcut: Float32Array | undefined, relu: boolean): void {
      rows += wanted.length / columns;
      for (let at = 0; at < wanted.length; at += 1) {
        const column = at % columns;
        const group = Math.floor(column / own);
        const beside = shortcut?.[at] ?? 0;
        // Without an activation, the layer should give the difference to the shortcut.
        const y = relu ? Math.max(0, wanted[at] ?? 0) : (wanted[at] ?? 0) - beside;
        const now = relu ? Math.max(0, (found[at] ?? 0) + beside) : (found[at] ?? 0);
        lost[group] = (lost[group] ?? 0) + (y - now) ** 2;
        squares[group] = (squares[group] ?? 0) + y ** 2;
        values[column] = (values[column] ?? 0) + y;
      }
    },
    finish(): number {
      let sum = 0;
      for (let group = 0; group < groups; group += 1) {
        const all = squares[group] ?? 0;
        const means = values
          .subarray(group * own, (group + 1) * own)
          .reduce((total, value) => total + value ** 2 / rows, 0);
        sum += (lost[group] ?? 0) / scaleOf(all - means, all) / groups;
      }
      return sum;
    },
  };
}
