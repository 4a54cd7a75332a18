// The variants of the templates that tests run: lanes and team sizes, whatever the target.

import { jsTarget } from "#backend/js/target.js";
import type { Target } from "#ir/target.js";
import type { Tile } from "#kernel/tile.js";
import { jsTile, wasmTile } from "#kernel/tile.js";

export interface Variant {
  readonly name: string;
  readonly target: Target;
  readonly tile: Tile;
}

/** Small blocks, so that small tensors have several, with parts that are left over. */
const small = { blockPixels: 6, blockVectors: 4, stripRows: 2, blocks: 3 };

/** Lanes 1 and 4, teams 1 and 8; little scratch, so that fused kernels have several strips, or none for strips that are copied. */
export const variants: readonly Variant[] = [1, 4].flatMap((lanes) =>
  [
    { team: 1, scratch: Number.POSITIVE_INFINITY },
    { team: 8, scratch: Number.POSITIVE_INFINITY },
    { team: 8, scratch: 0 },
  ].map(({ team, scratch }) => ({
    name: `${lanes} lanes, team of ${team}${scratch === 0 ? ", no scratch" : ""}`,
    target: { ...jsTarget, lanes, scratchBytes: 2400, chains: ["separable", "inverted_residual"] },
    tile: {
      ...(lanes === 1 ? jsTile : wasmTile),
      ...small,
      team,
      scratch,
      depthwisePixels: team === 1 ? 2 : 1,
    },
  })),
);
