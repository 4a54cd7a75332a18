// Pooling over windows.

import { given } from "#diagnostic/given.js";
import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int, Moved } from "../ir/expressions.js";
import { addInt, binary, both, compare, f32, i32, int, mulInt, widen } from "../ir/expressions.js";
import { maxBytes } from "../ir/integer-vecs.js";
import type { Value } from "../ir/ir.js";
import type { Steps } from "../part/steps.js";
import { storeResult } from "../part/steps.js";
import type { WindowSpec } from "../part/strip.js";
import { makeStrip, rowBlocks, stripRows } from "../part/strip.js";
import type { Taps } from "../part/taps.js";
import { tapsOf } from "../part/taps.js";
import { eachVectorOfGrid, pixelAt, pixelTaps, teamBlocks, vectorItems } from "../part/team.js";
import type { Context, Ports } from "./context.js";
import { epilogueOf, movesBytes, numbers, portsOf, stageOf, rowsOf } from "./context.js";

interface PoolSpec extends WindowSpec {
  readonly kind: "max" | "avg";
  readonly countPadding: boolean;
}

/** What both forms use. Padding is −∞ for a maximum, or the least byte, and 0 for a mean. */
interface Pool extends Ports {
  readonly pool: PoolSpec;
  readonly fill: number;
  readonly epilogue: Steps;
  /** The result of a window, from its taps and the number of taps that count. */
  readonly fold: (taps: Taps, count: Value | undefined, size: Moved) => Value;
  /** Whether it compares bytes as such. */
  readonly bytes: boolean;
  readonly countAt: (row: Int, column: Int) => Value | undefined;
}

function poolOf(c: Context): Pool {
  const { k } = c;
  const ports = portsOf(c);
  const { node, stage } = stageOf(c, 0, ["max_pool", "avg_pool"]);
  const { kernel, stride, dilation, padding } = node.attributes;
  const isMax = node.op === "max_pool";
  const pool: PoolSpec = {
    kernel,
    stride,
    dilation,
    padding: numbers(padding),
    kind: isMax ? "max" : "avg",
    countPadding: node.op === "avg_pool" && node.attributes.count_include_pad,
  };
  const bytes = isMax && movesBytes(c, ports);
  const signed = ports.x.place.element === "i8";
  const least = bytes ? (signed ? -128 : 0) : Number.NEGATIVE_INFINITY;
  const fill = isMax ? least : 0;
  return {
    ...ports,
    pool,
    bytes,
    fill,
    epilogue: epilogueOf(c, stage),
    fold: (taps, count, size) => {
      const result = k.let("v", widen(f32(fill), size));
      // A maximum has no rounding errors.
      taps(isMax ? [] : [result], (_tap, [input], [sum = result]) => {
        if (!input) return;
        const added =
          size === "i8x16" ? maxBytes(sum, input, signed) : binary(isMax ? "max" : "add", sum, input);
        k.set(sum, added);
      });
      return count ? binary("div", result, count) : result;
    },
    countAt: (row, column) =>
      isMax ? undefined : k.let("count", windowCount(pool, ports.x.shape, row, column)),
  };
}

/** A block computes a few output rows. */
export function poolByRows(c: Context): Body {
  const { k, tile } = c;
  const { x, y, prologue, pool, bytes, fill, epilogue, fold, countAt } = poolOf(c);
  const [samples = 1, height = 1, width = 1] = y.shape;
  const element = bytes ? x.place.element : undefined;
  const rows = rowsOf(c) ?? stripRows(tile, pool, height, x.shape);
  const blocks = rowBlocks(k, rows, { samples, height });
  return {
    blocks: blocks.count,
    write: (block) => {
      const { row0: firstRow, first, within = (_row, body) => body() } = blocks.at(block);
      const strip = makeStrip(k, x, pool, rows, first, {
        fill,
        aligned: true,
        limit: tile.scratch,
        ...given({ prologue, element }),
      });
      k.items(["oy", "ox"], [rows, width], (oy = 0, ox = 0) =>
        within(oy, () => {
          const taps = tapsOf(k, strip, pool, { row: oy, column: ox, count: 1 });
          const count = countAt(addInt(first.row, oy), ox);
          const pixel = k.letInt("pixel", addInt(mulInt(addInt(firstRow, oy), width), ox));
          k.moves("c", channels(x.shape), { wide: strip.wide, bytes }, (channel, size) => {
            const final = fold(taps(channel, size), count, size);
            storeResult(k, y, final, { pixel, channel }, epilogue);
          });
        }),
      );
    },
  };
}

/** An item computes a vec of channels of a pixel. */
export function poolByPixels(c: Context): Body {
  const { k } = c;
  const { x, y, prologue, pool, fill, epilogue, fold, countAt } = poolOf(c);
  const [samples = 1, height = 1, width = 1] = y.shape;
  const depth = channels(x.shape);
  const wide = x.wide && (prologue?.wide ?? true);
  const pixels = samples * height * width;
  return {
    blocks: teamBlocks(k, vectorItems(k, pixels, depth, wide)),
    write: (block) =>
      eachVectorOfGrid(k, block, { depth, wide, pixels }, (pixel, channel, size) => {
        const at = pixelAt(k, pixel, y.shape);
        const taps = pixelTaps(k, x, pool, at, { fill, ...given({ prologue }) });
        const value = fold(taps(channel, size), countAt(at.row, at.column), size);
        storeResult(k, y, value, { pixel, channel }, epilogue);
      }),
  };
}

/** The number of taps of a window that are inside the image; all of them if padding counts or there is none. */
function windowCount(pool: PoolSpec, shape: readonly number[], oy: Int, ox: Int): Value {
  const along = (axis: 0 | 1, place: Int): Int => {
    const taps = pool.kernel[axis];
    const [before, after] = [pool.padding[axis === 0 ? 0 : 2], pool.padding[axis === 0 ? 1 : 3]];
    if (pool.countPadding || before + after === 0) return taps;
    const start = addInt(mulInt(place, pool.stride[axis]), -before);
    const extent = shape[axis + 1] ?? 1;
    // The sum of "inside" over the taps, because a dilated window may skip the border in any way.
    return addInt(
      ...Array.from({ length: taps }, (_, tap) => {
        const at = addInt(start, tap * pool.dilation[axis]);
        const inside = both(compare("le", 0, at), compare("lt", at, extent));
        return { kind: "select", type: "i32", if: inside, then: i32(1), otherwise: i32(0) } satisfies Value;
      }),
    );
  };
  return { kind: "to_f32", type: "f32", x: i32(int("mul", along(0, oy), along(1, ox))) };
}
