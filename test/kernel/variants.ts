// The variants of the templates that tests run: lanes and team sizes, independent of the targets.

import { jsTarget } from "#backend/js/target.js";
import type { Chains, Target } from "#ir/target.js";
import type { Tile } from "#kernel/part/tile.js";
import { jsTile, manyItems, wasmTile } from "#kernel/part/tile.js";

export interface Variant {
  readonly name: string;
  readonly target: Target;
  readonly tile: Tile;
}

/** The target as it is without integers in memory. */
const { integers: _, ...withoutIntegers } = jsTarget;

const chains: Chains = { stages: 3, keeps: ["rows", "pixels"] };

/** Small blocks, so that small tensors have several, with remainders. */
const small = { blockPixels: 6, blockVectors: 4, stripRows: 2, blocks: 3, ahead: { bytes: 0, tiles: 16 } };

/** Lanes 1 and 4, teams 1 and 8; little scratch, so that fused kernels have several strips, and none for strips that are copied. */
export const variants: readonly Variant[] = [1, 4].flatMap((lanes) =>
  [
    { team: 1, scratch: Number.POSITIVE_INFINITY },
    { team: 8, scratch: Number.POSITIVE_INFINITY },
    { team: 8, scratch: 0 },
    // Separate, small arenas for vecs, single elements and ports, as WebGPU has them.
    // The fused kernels of these keep tiles of pixels.
    ...(lanes === 4
      ? [
          {
            team: 8,
            scratch: 600,
            buffers: { bindingBytes: 4096 },
            pixelTiles: { rows: 4, columns: 8, items: 8 },
          },
        ]
      : []),
  ].map(({ team, scratch, ...more }) => ({
    name: `${lanes} lanes, team of ${team}${scratch === 0 ? ", no scratch" : ""}${"buffers" in more ? ", buffers" : ""}`,
    target: {
      // The printer of JavaScript has no integers in vecs, nor words of bytes.
      ...(lanes === 1 && team === 1 ? jsTarget : withoutIntegers),
      lanes,
      scratchBytes: 2400,
      chains,
      ...(team > 1 ? { addsProducts: true } : {}),
      ...more,
    },
    tile: {
      ...(lanes === 1 ? jsTile : wasmTile),
      ...small,
      team,
      ...(team > 1 ? { ...manyItems, subgroup: { items: 4, rows: 6 } } : {}),
      scratch,
      depthwisePixels: team === 1 ? 2 : 1,
    },
  })),
);
