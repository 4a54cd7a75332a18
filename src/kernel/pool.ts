// Pooling over windows.

import { channels } from "#ir/type.js";
import { address, addInt, compare, f32, i32, int, load, mulInt } from "./build.js";
import type { Body } from "./convolution.js";
import { storeResult } from "./convolution.js";
import type { Value } from "./ir.js";
import type { Build, Operand, Steps } from "./operands.js";
import type { WindowSpec } from "./strip.js";
import { makeStrip, splitRow } from "./strip.js";
import type { Tile } from "./tile.js";
import { blockSize } from "./tile.js";

export interface PoolSpec extends WindowSpec {
  readonly kind: "max" | "avg";
  readonly countPadding: boolean;
}

/** A pool: a block computes a few output rows. Padding is −∞ for a maximum and 0 for a mean. */
export function poolBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  pool: PoolSpec,
  steps: { readonly prologue?: Steps; readonly epilogue: Steps },
): Body {
  const [samples = 1, height = 1, width = 1] = y.shape;
  const rows = blockSize(height, tile.stripRows);
  const [high, wide] = pool.kernel;
  return {
    blocks: (samples * height) / rows,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(block, rows));
      const first = splitRow(k, firstRow, samples, height);
      const fill = pool.kind === "max" ? Number.NEGATIVE_INFINITY : 0;
      const strip = makeStrip(k, x, pool, rows, first, {
        fill,
        ...(steps.prologue ? { prologue: steps.prologue } : {}),
      });
      k.for("oy", rows, (oy) =>
        k.for("ox", width, (ox) => {
          const start = k.letInt(
            "p",
            addInt(
              strip.base,
              mulInt(oy, pool.stride[0] * strip.rowStride),
              mulInt(ox, pool.stride[1] * strip.pixelStride),
            ),
          );
          const count =
            pool.kind === "avg"
              ? k.let("count", windowCount(pool, x.shape, addInt(first.row, oy), ox))
              : undefined;
          k.for("c", channels(x.shape), (c) => {
            const result = k.let("v", f32(pool.kind === "max" ? Number.NEGATIVE_INFINITY : 0));
            k.for("ky", high, (ky) =>
              k.for("kx", wide, (kx) => {
                const at = addInt(
                  start,
                  c,
                  mulInt(ky, pool.dilation[0] * strip.rowStride),
                  mulInt(kx, pool.dilation[1] * strip.pixelStride),
                );
                const value = load(strip.place, address(at));
                k.set(result, {
                  kind: "binary",
                  type: "f32",
                  fn: pool.kind === "max" ? "max" : "add",
                  a: result,
                  b: value,
                });
              }),
            );
            const pixel = addInt(mulInt(addInt(firstRow, oy), width), ox);
            const final: Value = count
              ? { kind: "binary", type: "f32", fn: "div", a: result, b: count }
              : result;
            storeResult(k, y, final, { pixel, channel: c }, steps.epilogue);
          });
        }),
      );
    },
  };
}

/** How many taps of a window lie in the image; all of them where padding counts or there is none. */
function windowCount(
  pool: PoolSpec,
  shape: readonly number[],
  oy: ReturnType<typeof addInt>,
  ox: ReturnType<typeof addInt>,
): Value {
  const along = (axis: 0 | 1, place: ReturnType<typeof addInt>): ReturnType<typeof addInt> => {
    const taps = pool.kernel[axis];
    const [before, after] = [pool.padding[axis === 0 ? 0 : 2], pool.padding[axis === 0 ? 1 : 3]];
    if (pool.countPadding || before + after === 0) return taps;
    const start = addInt(mulInt(place, pool.stride[axis]), -before);
    const extent = shape[axis + 1] ?? 1;
    // Sum over taps of "inside", since a dilated window may skip the border in any way.
    return addInt(
      ...Array.from({ length: taps }, (_, tap) => {
        const at = addInt(start, tap * pool.dilation[axis]);
        const inside: Value = {
          kind: "logic",
          type: "bool",
          fn: "and",
          a: compare("le", 0, at),
          b: compare("lt", at, extent),
        };
        return { kind: "select", type: "i32", if: inside, then: i32(1), otherwise: i32(0) } satisfies Value;
      }),
    );
  };
  return { kind: "to_f32", type: "f32", x: i32(int("mul", along(0, oy), along(1, ox))) };
}
