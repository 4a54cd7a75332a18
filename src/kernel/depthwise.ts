// Depthwise kernels, alone and fused with the pointwise product behind them.

import type { WeightId } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { Int } from "./build.js";
import { address, addInt, f32, load, madd, mulInt } from "./build.js";
import type { Body } from "./convolution.js";
import { panelPacking, storeResult } from "./convolution.js";
import type { Place, Value } from "./ir.js";
import type { Runs } from "./matmul.js";
import { emitMatmul } from "./matmul.js";
import type { Build, Operand, Position, Steps } from "./operands.js";
import { weightParameter } from "./operands.js";
import type { Strip, WindowSpec } from "./strip.js";
import { makeStrip, splitRow } from "./strip.js";
import type { Tile } from "./tile.js";
import { blockSize } from "./tile.js";

/** A depthwise convolution with any multiplier: a block computes a few output rows. */
export function depthwiseBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  weight: WeightId,
  window: WindowSpec,
  steps: { readonly prologue?: Steps; readonly epilogue: Steps },
): Body {
  const [samples = 1, height = 1, width = 1] = y.shape;
  const rows = blockSize(height, tile.stripRows);
  const place = depthwiseWeight(k, weight, window, channels(y.shape));
  return {
    blocks: (samples * height) / rows,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(block, rows));
      const strip = makeStrip(k, x, window, rows, splitRow(k, firstRow, samples, height), {
        fill: 0,
        ...(steps.prologue ? { prologue: steps.prologue } : {}),
      });
      k.for("oy", rows, (oy) =>
        emitDepthwiseRow(
          k,
          strip,
          window,
          place,
          width,
          channels(x.shape),
          channels(y.shape),
          oy,
          (value, column, channel) =>
            storeResult(
              k,
              y,
              value,
              { pixel: addInt(mulInt(addInt(firstRow, oy), width), column), channel },
              steps.epilogue,
            ),
        ),
      );
    },
  };
}

/**
 * Depthwise and pointwise in one kernel: a few rows of the intermediate value stand in scratch and are never written to
 * memory. `between` are the elementwise steps between the two.
 */
export function separableBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  depthwise: { readonly weight: WeightId; readonly window: WindowSpec; readonly channels: number },
  pointwise: WeightId,
  steps: { readonly prologue?: Steps; readonly between: Steps; readonly epilogue: Steps },
): Body {
  const [samples = 1, height = 1, width = 1, filters = 1] = y.shape;
  const middle = depthwise.channels;
  const { window } = depthwise;
  const rows = blockSize(height, tile.stripRows);
  const filter = depthwiseWeight(k, depthwise.weight, window, middle);
  const panels = weightParameter(k, "w", pointwise, panelPacking(middle, filters, tile.columns));
  const scratch: Place = { kind: "scratch" };
  return {
    blocks: (samples * height) / rows,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(block, rows));
      const strip = makeStrip(k, x, window, rows, splitRow(k, firstRow, samples, height), {
        fill: 0,
        ...(steps.prologue ? { prologue: steps.prologue } : {}),
      });
      const base = k.scratch(rows * width * middle);
      const firstPixel = k.letInt("first", mulInt(firstRow, width));
      k.for("oy", rows, (oy) =>
        emitDepthwiseRow(
          k,
          strip,
          window,
          filter,
          width,
          channels(x.shape),
          middle,
          oy,
          (value, column, channel) => {
            const pixel = addInt(mulInt(oy, width), column);
            const at: Position = { pixel: addInt(firstPixel, pixel), channel };
            k.store(scratch, address(addInt(mulInt(pixel, middle), channel), base), steps.between(value, at));
          },
        ),
      );
      const runs: Runs = {
        counts: [],
        length: middle,
        rows: (_, row) => ({ place: scratch, start: addInt(mulInt(row, middle), base), rowStride: middle }),
      };
      emitMatmul(
        k,
        tile,
        rows * width,
        runs,
        { place: panels, start: 0, depth: middle, columns: filters },
        (sum, row, column) =>
          storeResult(k, y, sum, { pixel: addInt(firstPixel, row), channel: column }, steps.epilogue),
      );
    },
  };
}

function depthwiseWeight(k: Build, weight: WeightId, window: WindowSpec, outputs: number): Place {
  const count = window.kernel[0] * window.kernel[1] * outputs;
  return weightParameter(k, "d", weight, { key: "plain", elements: count, pack: (values) => values });
}

/**
 * One output row: pixels outside, channels inside, so that memory is read in order; that beats keeping weights in registers
 * by 2–3 times. Output channel c·m + j reads input channel c.
 */
function emitDepthwiseRow(
  k: Build,
  strip: Strip,
  window: WindowSpec,
  weights: Place,
  width: number,
  inputs: number,
  outputs: number,
  row: Int,
  finish: (value: Value, column: Int, channel: Int) => void,
): void {
  const multiplier = outputs / inputs;
  const [height, breadth] = window.kernel;
  k.for("ox", width, (ox) => {
    const start = k.letInt(
      "p",
      addInt(
        strip.base,
        mulInt(row, window.stride[0] * strip.rowStride),
        mulInt(ox, window.stride[1] * strip.pixelStride),
      ),
    );
    k.for("c", inputs, (c) => {
      const from = k.letInt("q", addInt(start, c));
      for (let j = 0; j < multiplier; j += 1) {
        const channel = k.letInt("co", addInt(mulInt(c, multiplier), j));
        let sum: Value = f32(0);
        for (let ky = 0; ky < height; ky += 1) {
          for (let kx = 0; kx < breadth; kx += 1) {
            const offset =
              ky * window.dilation[0] * strip.rowStride + kx * window.dilation[1] * strip.pixelStride;
            const value = load(strip.place, address(from, offset));
            sum = madd(value, load(weights, address(channel, (ky * breadth + kx) * outputs)), sum);
          }
        }
        finish(k.let("sum", sum), ox, channel);
      }
    });
  });
}
