// Depthwise → pointwise, and pointwise → depthwise → pointwise, by strips of rows.
//
// A few rows of the depthwise result are in scratch and are never written to memory. In an inverted residual, the rows of the expanded
// value that the window reads are in scratch too; rows that two strips share are computed twice.

import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/build.js";
import { address, addInt, mulInt } from "../ir/build.js";
import { plainRuns, weightColumns } from "../part/columns.js";
import { emitDepthwise, sumsOf } from "../part/depthwise.js";
import type { Place, Value } from "../ir/ir.js";
import type { Columns } from "../part/matmul.js";
import { emitMatmul } from "../part/matmul.js";
import type { Build, Operand } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import { eachLane, storeResult } from "../part/steps.js";
import type { SampleRow, Strip } from "../part/strip.js";
import { fillStrip, makeStrip, splitRow } from "../part/strip.js";
import type { Tile } from "../part/tile.js";
import type { Context } from "./context.js";
import { biasedEpilogueOf, portsOf, sourceOf, stageOf, rowsOf } from "./context.js";
import type { Middle } from "./middle.js";
import { middleOf } from "./middle.js";

/** The depthwise convolution reads the input. */
export function separableByRows(c: Context): Body {
  const { k, tile } = c;
  const { x, y } = portsOf(c);
  const { stage } = stageOf(c, 1, "conv2d");
  const epilogue = biasedEpilogueOf(c, stage);
  const middle = middleOf(c, stageOf(c, 0, "depthwise_conv2d"));
  const { inputs, multiplier, window } = middle;
  const size = { depth: inputs * multiplier, columns: channels(y.shape), branches: multiplier, run: inputs };
  const columns = weightColumns(c, sourceOf(stage, 1), size)(0);
  return byRows(c, y, {
    middle,
    columns,
    epilogue,
    stripOf: (rows, first) =>
      makeStrip(k, x, window, rows, first, { fill: 0, aligned: true, limit: tile.scratch }),
  });
}

/** The depthwise convolution reads the expanded rows, which each block computes itself. */
export function invertedResidualByRows(c: Context): Body {
  const { k, tile } = c;
  const { x, y } = portsOf(c);
  const { stage: expand } = stageOf(c, 0, "conv2d");
  const { stage } = stageOf(c, 2, "conv2d");
  const between = biasedEpilogueOf(c, expand);
  const epilogue = biasedEpilogueOf(c, stage);
  const middle = middleOf(c, stageOf(c, 1, "depthwise_conv2d"));
  const { inputs, multiplier } = middle;
  const widening = weightColumns(c, sourceOf(expand, 1), { depth: channels(x.shape), columns: inputs })(0);
  const size = { depth: inputs * multiplier, columns: channels(y.shape), branches: multiplier, run: inputs };
  const columns = weightColumns(c, sourceOf(stage, 1), size)(0);
  return byRows(c, y, {
    middle,
    columns,
    epilogue,
    stripOf: (rows, first) => expandedStrip(k, tile, x, { middle, rows, first, between, columns: widening }),
  });
}

function byRows(
  c: Context,
  y: Operand,
  of: {
    readonly middle: Middle;
    /** The columns of the product after the depthwise convolution. */
    readonly columns: Columns;
    readonly epilogue: Steps;
    /** The strip that the window reads for some output rows. */
    readonly stripOf: (rows: number, first: SampleRow) => Strip;
  },
): Body {
  const { k, tile } = c;
  const { middle, columns, epilogue, stripOf } = of;
  const { window, filters, inputs, multiplier, branchStride, pixelStride } = middle;
  const [samples = 1, height = 1, width = 1] = y.shape;
  const rows = rowsOf(c) ?? 1;
  const scratch: Place = { kind: "scratch" };
  return {
    blocks: (samples * height) / rows,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(block, rows));
      const first = splitRow(k, firstRow, samples, height);
      const base = k.scratch(rows * width * pixelStride);
      const strip = stripOf(rows, first);
      const firstPixel = k.letInt("first", mulInt(firstRow, width));
      emitDepthwise(k, tile, { strip, window, filters, rows, width, inputs }, (at, taps, size) => {
        for (let branch = 0; branch < multiplier; branch += 1) {
          const output = addInt(at.channel, branch * branchStride);
          const sums = sumsOf(k, taps, filters, output, size, undefined);
          for (const [column, sum] of sums.entries()) {
            const pixel = addInt(mulInt(at.row, width), at.column, column);
            middle.store(sum, {
              pixel: addInt(firstPixel, pixel),
              channel: at.channel,
              branch,
              to: addInt(mulInt(pixel, pixelStride), output, base),
            });
          }
        }
      });
      const runs = {
        ...plainRuns({ place: scratch, stride: pixelStride }, inputs, () => 0),
        counts: multiplier > 1 ? [multiplier] : [],
        rows: ([branch = 0]: readonly Int[], _line: Int, row: Int) => ({
          place: scratch,
          start: addInt(mulInt(row, pixelStride), mulInt(branch, branchStride), base),
          rowStride: pixelStride,
        }),
      };
      emitMatmul(k, tile, {
        lines: 1,
        rows: rows * width,
        runs,
        columns,
        finish: (sum, _line, row, column) =>
          storeResult(k, y, sum, { pixel: addInt(firstPixel, row), channel: column }, epilogue),
      });
    },
  };
}

/** The expanded rows that a window reads, in scratch, with zeros around the image. */
function expandedStrip(
  k: Build,
  tile: Tile,
  x: Operand,
  of: {
    readonly middle: Middle;
    readonly rows: number;
    readonly first: SampleRow;
    /** The steps after the expansion. */
    readonly between: Steps;
    readonly columns: Columns;
  },
): Strip {
  const [samples = 1, height = 1, width = 1] = x.shape;
  const { middle, rows, first, between, columns } = of;
  const { window, inputs } = middle;
  const pixelStride = inputs < k.lanes ? inputs : k.roundUp(inputs);
  const scratch: Place = { kind: "scratch" };
  const wide = pixelStride % k.lanes === 0;
  const shape = [samples, height, width, inputs];
  return fillStrip(k, { window, rows, first, shape, pixelStride, fill: 0 }, (row, to) => {
    const pixel0 = k.letInt("pixel0", mulInt(addInt(mulInt(first.sample, height), row), width));
    const product = {
      lines: 1,
      rows: width,
      runs: plainRuns(x, channels(x.shape), (pixel) => mulInt(addInt(pixel0, pixel), x.stride)),
      columns,
      finish: (sum: Value, _line: Int, pixel: Int, column: Int): void => {
        const target = { place: scratch, shape, stride: pixelStride, wide };
        storeInStrip(k, target, to, sum, { pixel, channel: column, image: addInt(pixel0, pixel) }, between);
      },
    };
    emitMatmul(k, tile, product, k.nest);
  });
}

function storeInStrip(
  k: Build,
  strip: Operand,
  to: Int,
  sum: Value,
  at: { readonly pixel: Int; readonly channel: Int; readonly image: Int },
  epilogue: Steps,
): void {
  const start = addInt(to, mulInt(at.pixel, strip.stride));
  const position = { pixel: at.image, channel: at.channel };
  const store = (value: Value, where: typeof position): void =>
    k.store(strip.place, address(addInt(start, where.channel)), epilogue.apply(value, where));
  if (strip.wide && epilogue.wide) store(sum, position);
  else eachLane(k, sum, position, store);
}
