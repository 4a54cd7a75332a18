// Scatters: a copy, and then updates in order at places in another operand. The kernel reads its result again.

import type { ScatterReduction } from "#ops/gather.js";
import { channels, elements } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, binary, load, mulInt } from "../ir/expressions.js";
import type { FloatBinary } from "../ir/ir.js";
import { reads } from "../part/operands.js";
import { placeReader } from "../part/places.js";
import { eachVector } from "../part/team.js";
import type { Form } from "../part/emitter.js";
import type { Context } from "./context.js";
import { portsOf, sourceOf, stageOf } from "./context.js";

const folds = {
  accumulate: "add",
  multiply: "mul",
  maximum: "max",
  minimum: "min",
} as const satisfies Record<Exclude<ScatterReduction, "replace">, FloatBinary>;

/** Visits the vectors of some pixels, as items of a block. */
type EachVector = (
  pixels: number,
  isWide: boolean,
  body: (pixel: Int, channel: Int, width: Width) => void,
) => void;

/** The same for a number of updates in order. It decides how the loops over updates and vectors are nested. */
interface Loops {
  readonly vectors: EachVector;
  readonly updates: (
    count: number,
    pixels: number,
    isWide: boolean,
    body: (update: Int, pixel: Int, channel: Int, width: Width) => void,
  ) => void;
}

const loops: Readonly<Record<Form, (c: Context, depth: number) => Loops>> = {
  cpu: ({ k }, depth) => {
    const vectors: EachVector = (pixels, isWide, body) =>
      k.items(["v"], [pixels], (pixel = 0) =>
        k.channels("c", depth, isWide, (channel, width) => body(pixel, channel, width)),
      );
    return {
      vectors,
      updates: (count, pixels, isWide, body) =>
        k.for("u", count, (u) =>
          vectors(pixels, isWide, (pixel, channel, width) => body(u, pixel, channel, width)),
        ),
    };
  },
  gpu: ({ k }, depth) => {
    const vectors: EachVector = (pixels, wide, body) =>
      eachVector(
        k,
        { depth, wide, pixels, items: (items, each) => k.items(["item"], [items], (i = 0) => each(i)) },
        body,
      );
    return {
      vectors,
      updates: (count, pixels, isWide, body) =>
        vectors(pixels, isWide, (pixel, channel, width) =>
          k.for("u", count, (u) => body(u, pixel, channel, width)),
        ),
    };
  },
};

/**
 * A block has the elements that share places: all along the axis and after it. Items copy vectors; then each applies all updates of its
 * channels, which keeps their order. The axis is counted from the end.
 */
export function scatterBody(c: Context): Body {
  const { k, schedule } = c;
  const { x, y } = portsOf(c, "read_write");
  const { node, stage } = stageOf(c, 0, "scatter");
  const { attributes: scatter } = node;
  const updates = reads(k, "u", sourceOf(stage, 2));
  const axis = scatter.axis + x.shape.length;
  const extent = x.shape[axis] ?? 1;
  const count = updates.shape[axis] ?? 1;
  const places = [elements(x.shape.slice(0, axis)), count];
  const placeAt = placeReader(k, schedule.weights, sourceOf(stage, 1), extent, places);
  const isLast = axis === x.shape.length - 1;
  const depth = channels(x.shape);
  // The number of last-axis vectors along the axis, and after it.
  const behind = elements(x.shape.slice(axis + 1, -1));
  const rows = isLast ? 1 : extent * behind;
  const wide = x.wide && y.wide && (isLast || updates.wide);
  const { vectors, updates: eachUpdate } = loops[c.form](c, depth);
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
      eachUpdate(count, behind, wide, update);
    },
  };
}
