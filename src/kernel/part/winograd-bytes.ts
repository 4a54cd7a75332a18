// Winograd's algorithm for bytes, in tiles of 2×2 results.
//
// With 2·G in place of G, all transforms add and subtract integers: an input is at most 4 · 255, a weight 9 · 128, so both have 16 bits. The
// transform of the products is 4 times the result. Sums wrap modulo 2³², so it is exact if 4 times each result has 32 bits.

import type { WeightId } from "#ir/graph.js";
import { addIntegers, integers, loadIntegers, shuffle, subIntegers } from "../ir/integer-vecs.js";
import { address, addInt, mulInt } from "../ir/expressions.js";
import type { Int } from "../ir/expressions.js";
import type { Value } from "../ir/ir.js";
import { eachPanel } from "./matmul.js";
import type { PreparedRef } from "./operands.js";
import { preparedParameter, weightParameter } from "./operands.js";
import { plainBytes } from "./pack-bytes.js";
import type { Transform } from "./tile-transform.js";
import { integerLanes, scratchFor, transformTile } from "./tile-transform.js";

/** Products per tile. */
const products = 16;

const none = integers("i16x8", 0);

/** Bᵀ of F(2×2, 3×3) in Lavin and Gray 2015, §4.1. */
export const byteInputs: Transform = {
  extent: 4,
  apply: (_k, [d0 = none, d1 = none, d2 = none, d3 = none]) => [
    subIntegers(d0, d2),
    addIntegers(d1, d2),
    subIntegers(d2, d1),
    subIntegers(d1, d3),
  ],
};

/** 2 · G. */
const byteWeights: Transform = {
  extent: 3,
  apply: (k, [g0 = none, g1 = none, g2 = none]) => {
    const even = k.let("e", addIntegers(g0, g2));
    return [addIntegers(g0, g0), addIntegers(even, g1), subIntegers(even, g1), addIntegers(g2, g2)];
  },
};

/** Aᵀ. */
export const byteResults: Transform = {
  extent: 4,
  apply: (_k, [m0 = none, m1 = none, m2 = none, m3 = none]) => [
    addIntegers(addIntegers(m0, m1), m2),
    subIntegers(subIntegers(m1, m2), m3),
  ],
};

/**
 * 2G g (2G)ᵀ of a weight `[3, 3, depth, columns]`, both multiples of eight: a matrix per product, in panels that have each two rows
 * side by side, as sums of pairs read them. A block takes two input channels.
 */
export function transformedBytes(
  weight: WeightId,
  { depth, columns }: { readonly depth: number; readonly columns: number },
): Omit<PreparedRef, "kind"> {
  const tap = depth * columns;
  const made: Omit<PreparedRef, "kind"> = {
    name: `winograd_bytes_2x2_${depth}x${columns}`,
    weight,
    elements: products * tap,
    element: "i16",
    make: (k, tile) => {
      const lanes = integerLanes("i16x8");
      const between = k.scratch(4 * 3 * k.lanes);
      const first = scratchFor(k, lanes, products * lanes.count);
      const w = weightParameter(k, "w", weight, plainBytes(9 * tap));
      const u = preparedParameter(k, "u", made, "write");
      /** The transform of eight columns of a channel. */
      const transform = (channel: Int, column: Int, write: (product: Int, value: Value) => void): void => {
        const from = k.letInt("from", addInt(mulInt(channel, columns), column));
        transformTile(k, byteWeights, between, lanes, {
          read: (ty, tx) => loadIntegers("i16x8", w, address(addInt(from, mulInt(tx, tap)), ty * 3 * tap)),
          write: (row, at, value) => write(addInt(mulInt(row, 4), at), value),
        });
      };
      return {
        blocks: depth / 2,
        write: (pair) => {
          const channel = k.letInt("channel", mulInt(pair, 2));
          eachPanel(k, tile, columns, (panel, width) => {
            const to = k.letInt("to", addInt(mulInt(panel, depth), mulInt(channel, width)));
            for (let column = 0; column < width; column += 8) {
              const at = addInt(panel, column);
              transform(channel, at, (product, value) =>
                k.store(first.place, address(addInt(mulInt(product, 8), first.start)), value),
              );
              transform(addInt(channel, 1), at, (product, value) => {
                const one = k.let(
                  "one",
                  loadIntegers("i16x8", first.place, address(addInt(mulInt(product, 8), first.start))),
                );
                const other = k.let("other", value);
                const target = addInt(to, mulInt(product, tap));
                k.store(u, address(target, 2 * column), shuffle(one, other, [0, 8, 1, 9, 2, 10, 3, 11]));
                k.store(
                  u,
                  address(target, 2 * column + 8),
                  shuffle(one, other, [4, 12, 5, 13, 6, 14, 7, 15]),
                );
              });
            }
          });
        },
      };
    },
  };
  return made;
}
