// Layer normalization: three walks over a row of channels, for its mean, its variance and its results.

import { channels, elements } from "#ir/type.js";
import { address, addInt, binary, f32, load, mulInt, unary } from "./build.js";
import type { Body } from "./body.js";
import type { Build, Operand } from "./operands.js";
import { foldLines } from "./reduce.js";
import type { Steps } from "./steps.js";
import { storeResult } from "./steps.js";
import type { Tile } from "./tile.js";
import { largeBlockSize } from "./tile.js";

export function layerNormBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  epsilon: number,
  epilogue: Steps,
): Body {
  const depth = channels(x.shape);
  const rows = elements(x.shape) / depth;
  const size = largeBlockSize(rows, Math.max(1, Math.ceil(tile.blockVectors / depth)));
  return {
    blocks: rows / size,
    write: (block) =>
      k.items(["row"], [size], (index = 0) => {
        const row = k.letInt("row", addInt(mulInt(block, size), index));
        const from = k.letInt("p", mulInt(row, x.stride));
        const once = (body: (at: 0) => void): void => body(0);
        const total = k.let("total", f32(0));
        foldLines(k, { depth, wide: x.wide }, total, "add", 0, once, (at, width) =>
          load(x.place, address(addInt(from, at)), width),
        );
        const mean = k.let("mean", binary("div", total, f32(depth)));
        const squares = k.let("squares", f32(0));
        foldLines(k, { depth, wide: x.wide }, squares, "add", 0, once, (at, width) => {
          const value = load(x.place, address(addInt(from, at)), width);
          const distance = k.let("d", binary("sub", value, mean));
          return binary("mul", distance, distance);
        });
        const variance = binary("div", squares, f32(depth));
        const spread = k.let("spread", unary("sqrt", binary("add", variance, f32(epsilon))));
        k.channels("c", depth, x.wide && epilogue.wide, (c, width) => {
          const value = load(x.place, address(addInt(from, c)), width);
          const normal = k.let("v", binary("div", binary("sub", value, mean), spread));
          storeResult(k, y, normal, { pixel: row, channel: c }, epilogue);
        });
      }),
  };
}
