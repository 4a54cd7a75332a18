// Gathers the rows of one convolution from runs of two networks over the samples: the one that is split so far, and the original.

import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import type { Taps } from "#calibrate/taps.js";
import { runTaps } from "#calibrate/taps.js";
import {
  choosePositions,
  convolutionShape,
  patchLength,
  patchRows,
  positionCount,
  responseRows,
} from "#calibrate/patches.js";
import { createRowStore, rowsThatFit } from "#calibrate/row-store.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import type { Candidate } from "#passes/split/candidates.js";
import type { LayerRows } from "./fit-layer.js";
import type { Surroundings } from "./surroundings.js";

export interface RowLimits {
  /** Most positions that are looked at, of all samples together. */
  readonly positions: number;
  /** Most bytes of rows. */
  readonly bytes: number;
  readonly seed: number;
}

/** What must be known of the original network, and of the one that is split so far, for the rows of a convolution. */
export function tapsForRows(
  { node }: Candidate,
  { sum }: Surroundings,
): { readonly original: readonly NodeId[]; readonly current: readonly NodeId[] } {
  const x = node.inputs[0] ?? bug(`${node.name} has no input`);
  return { original: [sum?.node ?? node.id], current: sum ? [x, sum.shortcut] : [x] };
}

/**
 * The rows of each group. The input is that of the network that is split so far; wanted is what the original one gives. Where the
 * result is added to something, that sum is wanted: so what went wrong on the way of the shortcut is made up for as well.
 */
export async function gatherRows(
  graph: Graph,
  candidate: Candidate,
  around: Surroundings,
  nets: { readonly original: Taps; readonly current: Taps },
  samples: Samples,
  limits: RowLimits,
  onProgress?: OnProgress,
): Promise<LayerRows[]> {
  const { node, groups } = candidate;
  const shape = convolutionShape(graph, node);
  const { original, current } = tapsForRows(candidate, around);
  const n = patchLength(shape);
  const outputs = (candidate.shape[3] ?? 1) / groups;
  const parts = around.sum ? [n, outputs, outputs] : [n, outputs];
  const positions = positionCount(shape);
  const most = Math.min(
    limits.positions,
    samples.count * positions,
    rowsThatFit(parts, limits.bytes / groups),
  );
  const stores = Array.from({ length: groups }, () => createRowStore(parts, most));
  const value = (values: ReadonlyMap<NodeId, Float32Array>, id: NodeId | undefined): Float32Array =>
    (id === undefined ? undefined : values.get(id)) ?? bug(`${node.name} lacks a tapped value`);
  const isOne = nets.original === nets.current;
  await runTaps(
    isOne ? [nets.original] : [nets.original, nets.current],
    samples,
    ([before, now = before], index) => {
      if (!before || !now) return bug("a net gives no values");
      const chosen = choosePositions({ samples: samples.count, positions, most, seed: limits.seed }, index);
      const [x, beside] = [value(now, current[0]), around.sum && value(now, current[1])];
      for (const [group, store] of stores.entries()) {
        const inputs = patchRows(x, shape, chosen, { group });
        const wanted = responseRows(value(before, original[0]), shape, chosen, { group });
        const shortcut = beside && responseRows(beside, shape, chosen, { group });
        if (!shortcut) store.add(inputs, wanted);
        else
          store.add(
            inputs,
            wanted.map((one, at) => one - (shortcut[at] ?? 0)),
            shortcut,
          );
      }
    },
    onProgress,
  );
  return stores.map((store) => {
    const [inputs, aims, shortcut] = store.matrices();
    if (!inputs || !aims) return bug("rows have parts");
    return { inputs, aims, ...(shortcut ? { shortcut } : {}) };
  });
}
