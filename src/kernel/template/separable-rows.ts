// Depthwise → pointwise, and pointwise → depthwise → pointwise, by strips of rows.
//
// A few rows of the depthwise result are in scratch and are never written to memory. In an inverted residual, the rows of the expanded
// value that the window reads are in scratch too; rows that two strips share are computed twice.

import { given } from "#diagnostic/given.js";
import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, mulInt } from "../ir/expressions.js";
import { plainRuns, weightColumns } from "../part/columns.js";
import { emitByteDepthwise } from "../part/byte-depthwise.js";
import type { DepthwisePosition } from "../part/depthwise.js";
import { emitDepthwise, sumsOf } from "../part/depthwise.js";
import type { Place, Value } from "../ir/ir.js";
import type { Columns } from "../part/matmul.js";
import { emitMatmul } from "../part/matmul.js";
import type { Build, Operand } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import { eachLane, storeResult } from "../part/steps.js";
import type { SampleRow, Strip } from "../part/strip.js";
import { fillStrip, makeStrip, splitRow } from "../part/strip.js";
import { joinRows } from "../part/row-pairs.js";
import type { Tile } from "../part/tile.js";
import { byteColumns, scratchElement, stepsAfter, sumsBytes, sumsTwoRows } from "./byte-sum.js";
import type { Context, StageOf } from "./context.js";
import { portsOf, sourceOf, stageOf, rowsOf } from "./context.js";
import type { Middle } from "./middle.js";
import { middleOf } from "./middle.js";

/** The depthwise convolution reads the input. */
export function separableByRows(c: Context): Body {
  const { k, tile } = c;
  const { x, y } = portsOf(c);
  const depthwise = stageOf(c, 0, "depthwise_conv2d");
  const last = stageOf(c, 1, "conv2d");
  const middle = middleOf(c, depthwise, scratchElement(c, last));
  const options = {
    fill: depthwise.node.attributes.zero,
    aligned: true,
    limit: tile.scratch,
    ...given({ element: scratchElement(c, depthwise) }),
  };
  return byRows(c, y, {
    middle,
    ...lastProduct(c, last, middle, y),
    stripOf: (rows, first) => makeStrip(k, x, middle.window, rows, first, options),
  });
}

/** The depthwise convolution reads the expanded rows, which each block computes itself. */
export function invertedResidualByRows(c: Context): Body {
  const { k, tile } = c;
  const { x, y } = portsOf(c);
  const expand = stageOf(c, 0, "conv2d");
  const depthwise = stageOf(c, 1, "depthwise_conv2d");
  const last = stageOf(c, 2, "conv2d");
  const middle = middleOf(c, depthwise, scratchElement(c, last));
  const { inputs } = middle;
  const [depth, isOfBytes] = [channels(x.shape), sumsBytes(c, expand)];
  const columns = isOfBytes
    ? byteColumns(c, expand, { runs: 1, length: depth, columns: inputs })(0)
    : weightColumns(c, sourceOf(expand.stage, 1), {
        depth,
        columns: inputs,
        twoRows: sumsTwoRows(c, expand),
      })(0);
  const between = stepsAfter(c, expand);
  const border = {
    fill: depthwise.node.attributes.zero,
    ...given({ element: scratchElement(c, depthwise) }),
  };
  return byRows(c, y, {
    middle,
    ...lastProduct(c, last, middle, y),
    stripOf: (rows, first) => expandedStrip(k, tile, x, { middle, rows, first, between, columns, ...border }),
  });
}

/** The product after the depthwise convolution. */
function lastProduct(
  c: Context,
  of: StageOf<"conv2d">,
  { inputs, multiplier }: Middle,
  y: Operand,
): { readonly columns: Columns; readonly epilogue: Steps } {
  const columns = channels(y.shape);
  if (sumsBytes(c, of)) {
    const size = { runs: multiplier, length: inputs, columns, branches: multiplier };
    return { columns: byteColumns(c, of, size)(0), epilogue: stepsAfter(c, of) };
  }
  const size = {
    depth: inputs * multiplier,
    columns,
    branches: multiplier,
    run: inputs,
    twoRows: sumsTwoRows(c, of),
  };
  const weights = weightColumns(c, sourceOf(of.stage, 1), size);
  return { columns: weights(0), epilogue: stepsAfter(c, of) };
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
  const { window, filters, inputs, multiplier, branchStride, pixelStride, element } = middle;
  const [samples = 1, height = 1, width = 1] = y.shape;
  const rows = rowsOf(c) ?? 1;
  const scratch: Place = { kind: "scratch", ...given({ element }) };
  return {
    blocks: (samples * height) / rows,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(block, rows));
      const first = splitRow(k, firstRow, samples, height);
      // Bytes are read in fours, up to three beyond the last.
      const base = k.scratchOf(element, rows * width * pixelStride + (element ? 3 : 0));
      const strip = stripOf(rows, first);
      const firstPixel = k.letInt("first", mulInt(firstRow, width));
      const store = (sum: Value, { row, column, channel }: DepthwisePosition, branch: number): void => {
        const pixel = addInt(mulInt(row, width), column);
        const to = addInt(mulInt(pixel, pixelStride), channel, branch * branchStride, base);
        middle.store(sum, { pixel: addInt(firstPixel, pixel), channel, branch, to });
      };
      const size = { strip, window, rows, width, inputs };
      if ("taps" in filters) {
        const pixels = tile.byteDepthwisePixels;
        emitByteDepthwise(k, { ...size, filters, multiplier, pixels }, store);
      } else
        emitDepthwise(k, tile, { ...size, filters }, (at, taps, width) => {
          for (let branch = 0; branch < multiplier; branch += 1) {
            const output = addInt(at.channel, branch * branchStride);
            const sums = sumsOf(k, taps, filters, output, width, undefined);
            for (const [column, sum] of sums.entries())
              store(sum, { ...at, column: addInt(at.column, column) }, branch);
          }
        });
      const pairs = joinRows(k, tile, columns, {
        place: scratch,
        start: base,
        stride: pixelStride,
        rows: rows * width,
      });
      const runs = {
        ...plainRuns({ place: scratch, stride: pixelStride }, inputs, () => 0),
        counts: multiplier > 1 ? [multiplier] : [],
        rows: ([branch = 0]: readonly Int[], _line: Int, row: Int) => ({
          place: scratch,
          start: addInt(mulInt(row, pixelStride), mulInt(branch, branchStride), base),
          rowStride: pixelStride,
          ...(pairs ? { pairs: pairs(row, mulInt(branch, branchStride)) } : {}),
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
    /** The border, and the integers as which values are in scratch. */
    readonly fill: number;
    readonly element?: "i8" | "u8" | "i16";
  },
): Strip {
  const [samples = 1, height = 1, width = 1] = x.shape;
  const { middle, rows, first, between, columns, fill, element } = of;
  const { window, inputs } = middle;
  const pixelStride = inputs < k.lanes ? inputs : k.roundUp(inputs);
  const scratch: Place = { kind: "scratch", ...given({ element }) };
  const wide = pixelStride % k.lanes === 0;
  const shape = [samples, height, width, inputs];
  const strip = { window, rows, first, shape, pixelStride, fill, ...given({ element }) };
  return fillStrip(k, strip, (row, to) => {
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
