// Weights that are packed as codes: their factors in the order of the packed codes.

import type { Factors } from "#ir/compact.js";
import type { WeightId } from "#ir/graph.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { PackedCodes } from "../ir/ir.js";
import type { Packing, Stretch } from "./pack.js";
import { padding } from "./pack.js";

/** Factors of an integer form without its own; padding, whose code is 0, must become 0 too. */
const ones: Factors = { dtype: "f32", count: 1, read: () => Float64Array.of(1) };

/**
 * How a weight is packed as codes; undefined if it is packed as f32. `elements` includes the padding up to whole vecs, which no kernel
 * reads.
 */
export function packedCodes(
  store: WeightStore,
  weight: WeightId,
  packing: Packing,
  elements: number,
): PackedCodes | undefined {
  const { source } = entryOf(store, weight);
  if (source.kind !== "compact") return undefined;
  const { codes, scale, min, factors, read } = source.form;
  const packed = { codes, scale, min, pack: (memory?: Float32Array) => packing.pack(read(memory)) };
  const own = factors ?? (min === 0 ? undefined : ones);
  if (!own) return packed;
  const stretches = packing.stretches(own.count);
  if (!stretches) return undefined;
  const isPadded = stretches.some(({ channels }) => channels.includes(padding));
  if (!factors && !isPadded) return packed;
  return { ...packed, factors: inOrder(own, stretches, elements - packing.elements) };
}

function inOrder(
  factors: Factors,
  stretches: readonly Stretch[],
  rest: number,
): Exclude<PackedCodes["factors"], undefined> {
  const all =
    rest > 0 ? [...stretches, { rows: 1, channels: new Array<number>(rest).fill(padding) }] : stretches;
  return {
    dtype: factors.dtype,
    stretches: all.map(({ rows, channels }) => ({ rows, columns: channels.length })),
    read: () => {
      const values = factors.read();
      return Float64Array.from(all.flatMap(({ channels }) => channels.map((at) => values[at] ?? 0)));
    },
  };
}
