// Gathers the rows of one convolution by running the samples through two networks: the one that is split so far, and the original.

import {
  choosePositions,
  convolutionShape,
  patchLength,
  patchRows,
  positionCount,
  responseRows,
} from "#calibrate/patches.js";
import type { RowStore } from "#calibrate/row-store.js";
import { createRowStore, rowsThatFit } from "#calibrate/row-store.js";
import type { ProbedValues } from "#calibrate/probes.js";
import type { Walk } from "#calibrate/walk.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { Candidate } from "#passes/split/candidates.js";
import type { LayerRows } from "./layer/fit-layer.js";
import type { Surroundings } from "./surroundings.js";

export interface RowLimits {
  /** The most positions to look at, of all samples together. */
  readonly positions: number;
  /** The most bytes of rows. */
  readonly bytes: number;
  readonly seed: number;
}

/** The values to probe for the rows of a convolution, in the original network and in the one that is split so far. */
export function probesForRows(
  { node }: Candidate,
  { sum }: Surroundings,
): { readonly original: readonly NodeId[]; readonly current: readonly NodeId[] } {
  const x = node.inputs[0] ?? bug(`${node.name} has no input`);
  return { original: [sum?.node ?? node.id], current: sum ? [x, sum.shortcut] : [x] };
}

/** A network and the walk that computes its values. */
export interface WalkedNetwork {
  readonly module: Module;
  readonly walk: Walk;
}

/**
 * The rows of each group. The inputs are those of the network that is split so far; the aims are the responses of the original network.
 * Where the result is added to another value, the sum is the aim: so the layer also makes up for errors of the shortcut. Without `current`,
 * both are taken from the original network.
 */
export async function gatherRows(
  candidate: Candidate,
  around: Surroundings,
  { original, current }: { readonly original: WalkedNetwork; readonly current?: WalkedNetwork },
  samples: number,
  limits: RowLimits,
): Promise<Result<LayerRows[]>> {
  const { node, groups } = candidate;
  const shape = convolutionShape(original.module.graph, node);
  const probes = probesForRows(candidate, around);
  const outputs = (candidate.shape[3] ?? 1) / groups;
  const widths = [patchLength(shape), outputs, ...(around.sum ? [outputs] : [])];
  const positions = positionCount(shape);
  const most = Math.min(limits.positions, samples * positions, rowsThatFit(widths, limits.bytes / groups));
  const stores = Array.from({ length: groups }, () => widths.map((width) => createRowStore([width], most)));
  const valueOf = (values: ProbedValues, id: NodeId | undefined): Float32Array =>
    (id === undefined ? undefined : values.get(id)) ?? bug(`${node.name} lacks a probed value`);
  const adder =
    (part: number, rowsOf: typeof patchRows, id: NodeId | undefined) =>
    (values: ProbedValues, index: number): void => {
      const chosen = choosePositions({ samples, positions, most, seed: limits.seed }, index);
      const value = valueOf(values, id);
      for (const [group, parts] of stores.entries())
        parts[part]?.add(rowsOf(value, shape, chosen, { group }));
    };
  const aims = adder(1, responseRows, probes.original[0]);
  const inputs = adder(0, patchRows, probes.current[0]);
  const shortcut = around.sum ? adder(2, responseRows, probes.current[1]) : () => {};
  const adds = current ? [[aims], [inputs, shortcut]] : [[aims, inputs, shortcut]];
  for (const [at, { module, walk, ids, settled }] of visitsOf(candidate, around, {
    original,
    current,
  }).entries()) {
    const take = (values: ProbedValues, index: number): void => {
      for (const add of adds[at] ?? []) add(values, index);
    };
    const { value, diagnostics } = await walk.values(module, ids, take, settled);
    if (!value) return { diagnostics };
  }
  return { value: stores.map(rowsFrom), diagnostics: [] };
}

/** Skips the values from which the rows of a convolution would be gathered: see `Walk.pass`. */
export function passRows(
  candidate: Candidate,
  around: Surroundings,
  nets: { readonly original: WalkedNetwork; readonly current?: WalkedNetwork },
): void {
  for (const { module, walk, ids, settled } of visitsOf(candidate, around, nets))
    walk.pass(module, ids, settled);
}

/** The values that are needed of each network. */
function visitsOf(
  candidate: Candidate,
  around: Surroundings,
  { original, current }: { readonly original: WalkedNetwork; readonly current?: WalkedNetwork | undefined },
) {
  const probes = probesForRows(candidate, around);
  if (!current) return [{ ...original, ids: [...probes.original, ...probes.current], settled: undefined }];
  return [
    { ...original, ids: probes.original, settled: probes.original },
    // A layer after this one may lie on the path of the shortcut. Then the shortcut will still change.
    { ...current, ids: probes.current, settled: probes.current.slice(0, 1) },
  ];
}

function rowsFrom(parts: readonly RowStore[]): LayerRows {
  const [inputs, aims, shortcut] = parts.flatMap((part) => part.matrices());
  if (!inputs || !aims) return bug("rows have parts");
  if (!shortcut) return { inputs, aims };
  for (let at = 0; at < aims.data.length; at += 1)
    aims.data[at] = (aims.data[at] ?? 0) - (shortcut.data[at] ?? 0);
  return { inputs, aims, shortcut };
}
