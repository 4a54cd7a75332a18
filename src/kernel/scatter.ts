// Scatters: a copy, and then updates in order at places that another operand holds.

import type { ScatterReduction } from "#ops/gather.js";
import { channels, elements } from "#ir/type.js";
import type { Int, Width } from "./build.js";
import { address, addInt, binary, load, mulInt } from "./build.js";
import type { Body } from "./body.js";
import type { FloatBinary } from "./ir.js";
import type { PlaceReader } from "./gather.js";
import type { Build, Operand } from "./operands.js";
import { eachVector } from "./team.js";

const folds = {
  accumulate: "add",
  multiply: "mul",
  maximum: "max",
  minimum: "min",
} as const satisfies Record<Exclude<ScatterReduction, "replace">, FloatBinary>;

/**
 * A block is what shares its places: all elements along the axis and behind it. Items copy vectors, then each goes through all updates
 * of its channels, so that their order holds. `axis` is counted from the end; `y` is read back.
 */
export function scatterBody(
  k: Build,
  of: {
    readonly x: Operand;
    readonly updates: Operand;
    readonly y: Operand;
    /** By the index of the block, and of the update. */
    readonly placeAt: PlaceReader;
    readonly count: number;
  },
  scatter: { readonly axis: number; readonly reduction: ScatterReduction },
): Body {
  const { x, updates, y, placeAt, count } = of;
  const axis = scatter.axis + x.shape.length;
  const extent = x.shape[axis] ?? 1;
  const isLast = axis === x.shape.length - 1;
  const depth = channels(x.shape);
  // Vectors of the last axis along the axis, and behind it.
  const behind = elements(x.shape.slice(axis + 1, -1));
  const rows = isLast ? 1 : extent * behind;
  const wide = x.wide && y.wide && (isLast || updates.wide);
  const vectors = (
    pixels: number,
    isWide: boolean,
    body: (pixel: Int, channel: Int, width: Width) => void,
  ): void => {
    if (k.team > 1)
      return eachVector(
        k,
        {
          depth,
          wide: isWide,
          pixels,
          items: (items, each) => k.items(["item"], [items], (i = 0) => each(i)),
        },
        body,
      );
    k.items(["v"], [pixels], (pixel = 0) =>
      k.channels("c", depth, isWide, (channel, width) => body(pixel, channel, width)),
    );
  };
  const put = (at: Int, update: Int, width: Width): void => {
    const value = load(updates.place, address(update), width);
    const { reduction } = scatter;
    const there = load(y.place, address(at), width);
    k.store(y.place, address(at), reduction === "replace" ? value : binary(folds[reduction], there, value));
  };
  return {
    blocks: elements(x.shape.slice(0, axis)),
    write: (block) => {
      const first = k.letInt("first", mulInt(block, rows));
      vectors(rows, x.wide && y.wide, (row, channel, width) => {
        const pixel = k.letInt("pixel", addInt(first, row));
        const value = load(x.place, address(addInt(mulInt(pixel, x.stride), channel)), width);
        k.store(y.place, address(addInt(mulInt(pixel, y.stride), channel)), value);
      });
      if (isLast)
        return k.items(["one"], [1], () =>
          k.for("u", count, (u) => {
            const at = addInt(mulInt(block, y.stride), placeAt([block, u]));
            put(at, addInt(mulInt(block, updates.stride), u), "f32");
          }),
        );
      const update = (u: Int, row: Int, channel: Int, width: Width): void => {
        const pixel = addInt(first, mulInt(placeAt([block, u]), behind), row);
        const from = addInt(mulInt(addInt(mulInt(block, count), u), behind), row);
        put(addInt(mulInt(pixel, y.stride), channel), addInt(mulInt(from, updates.stride), channel), width);
      };
      if (k.team === 1)
        k.for("u", count, (u) =>
          vectors(behind, wide, (row, channel, width) => update(u, row, channel, width)),
        );
      else
        vectors(behind, wide, (row, channel, width) =>
          k.for("u", count, (u) => update(u, row, channel, width)),
        );
    },
  };
}
