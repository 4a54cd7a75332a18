// Layer normalization: four passes over a row of channels, for its mean, the error of the mean, its variance and its results.
//
// The mean m of values that spread by s has an error of m·2⁻²⁴ or more, which would be m/s·2⁻²⁴ in every result. Subtracting m from values
// near m has no rounding error (Sterbenz 1974), so the mean of these differences is the error of m, and is subtracted as well (the
// "corrected two-pass algorithm" of Chan, Golub and LeVeque 1983).

import { channels, elements } from "#ir/type.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, binary, f32, load, mulInt, unary } from "../ir/expressions.js";
import type { Body } from "../ir/body.js";
import type { Value } from "../ir/ir.js";
import { foldLines, oneLine } from "../part/folds.js";
import { storeResult } from "../part/steps.js";
import { largeBlockSize } from "../part/tile.js";
import type { Context } from "./context.js";
import { epilogueOf, portsOf, stageOf } from "./context.js";

/** A block normalizes some rows. */
export function layerNormBody(c: Context): Body {
  const { k, tile } = c;
  const { x, y } = portsOf(c);
  const { node, stage } = stageOf(c, 0, "layer_norm");
  const { epsilon } = node.attributes;
  const epilogue = epilogueOf(c, stage);
  const depth = channels(x.shape);
  const rows = elements(x.shape) / depth;
  const size = largeBlockSize(rows, Math.max(1, Math.ceil(tile.blockVectors / depth)));
  return {
    blocks: rows / size,
    write: (block) =>
      k.items(["row"], [size], (index = 0) => {
        const row = k.letInt("row", addInt(mulInt(block, size), index));
        const from = k.letInt("p", mulInt(row, x.stride));
        const line = oneLine(depth, x.wide, from);
        const centered = (at: Int, width: Width): Value =>
          binary("sub", load(x.place, address(at), width), near);
        const total = foldLines(k, line, "add", 0, (at, width) => load(x.place, address(at), width));
        const near = k.let("near", binary("div", total, f32(depth)));
        const rest = foldLines(k, line, "add", 0, centered);
        const error = k.let("error", binary("div", rest, f32(depth)));
        const squares = foldLines(k, line, "add", 0, (at, width) => {
          const distance = k.let("d", binary("sub", centered(at, width), error));
          return binary("mul", distance, distance);
        });
        const variance = binary("div", squares, f32(depth));
        const spread = k.let("spread", unary("sqrt", binary("add", variance, f32(epsilon))));
        k.channels("c", depth, x.wide && epilogue.wide, (c, width) => {
          const value = binary("sub", centered(addInt(from, c), width), error);
          const normal = k.let("v", binary("div", value, spread));
          storeResult(k, y, normal, { pixel: row, channel: c }, epilogue);
        });
      }),
  };
}
