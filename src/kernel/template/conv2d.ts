// Direct convolutions, with any window and groups.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { addInt, int, mulInt } from "../ir/expressions.js";
import { tapAt } from "../part/border.js";
import { weightColumns } from "../part/columns.js";
import { columnParts, emitMatmul } from "../part/matmul.js";
import { joinStrip } from "../part/row-pairs.js";
import type { Steps } from "../part/steps.js";
import { storeResult } from "../part/steps.js";
import type { WindowSpec } from "../part/strip.js";
import { copiesStrip, makeStrip, rowBlocks, stripRows } from "../part/strip.js";
import type { Factors } from "../part/team-product.js";
import { gridProduct, windowRow } from "../part/team-product.js";
import { mostThreads } from "../part/tile.js";
import { addedFactors, windowFactors } from "./added.js";
import type { Source } from "#schedule/schedule.js";
import {
  byteColumns,
  scratchElement,
  stepsAfter,
  sumsBytes,
  sumsTwoRows,
  wordColumns,
  wordRows,
} from "./byte-sum.js";
import type { Context, Ports, StageOf } from "./context.js";
import { portsOf, sourceOf, stageOf, windowOf, rowsOf } from "./context.js";

interface Convolution extends Ports {
  readonly of: StageOf<"conv2d">;
  readonly weight: Source;
  readonly window: WindowSpec;
  readonly groups: number;
  readonly epilogue: Steps;
  readonly added?: Factors;
}

function convolutionOf(c: Context): Convolution {
  const ports = portsOf(c);
  const of = stageOf(c, 0, "conv2d");
  const epilogue = stepsAfter(c, of);
  const added = addedFactors(c, of.stage, ports.y);
  return {
    ...ports,
    of,
    weight: sourceOf(of.stage, 1),
    window: windowOf(of),
    groups: of.node.attributes.groups,
    epilogue,
    ...given({ added }),
  };
}

/** An item computes a tile of pixels and output channels; convolutions with groups are computed by rows. */
export function convolutionByTiles(c: Context): Body {
  const convolution = convolutionOf(c);
  const { of, x, y, prologue, weight, window, groups, epilogue, added } = convolution;
  if (groups > 1) return byRows(c, convolution);
  const [samples = 1, height = 1, width = 1] = y.shape;
  return gridProduct(c.k, c.tile, {
    rows: samples * height * width,
    ...(sumsBytes(c, of)
      ? wordFactors(c, of, convolution)
      : windowFactors(c, x, y.shape, weight, window, prologue)),
    ...given({ added }),
    finish: (sum, row, column) => storeResult(c.k, y, sum, { pixel: row, channel: column }, epilogue),
  });
}

/** The factors of a convolution of bytes: the windows of the result's pixels in words, and its weights. */
function wordFactors(c: Context, of: StageOf<"conv2d">, { x, y, window, prologue }: Convolution): Factors {
  const length = channels(x.shape);
  return {
    counts: window.kernel,
    length,
    row: windowRow(c.k, x, window, y.shape, prologue, wordRows(c, of)),
    columns: wordColumns(c, of, window.kernel[0] * window.kernel[1] * length),
  };
}

/** A block computes some output rows from a strip of input rows. */
export function convolutionByRows(c: Context): Body {
  return byRows(c, convolutionOf(c));
}

function byRows(c: Context, convolution: Convolution): Body {
  const { k, tile } = c;
  const { of, x, y, prologue, weight, window, groups, epilogue, added } = convolution;
  if (added) return bug("only blocks with many items add products");
  const [samples = 1, height = 1, width = 1, filters = 1] = y.shape;
  const rows = rowsOf(c) ?? stripRows(tile, window, height, x.shape);
  const perGroup = channels(x.shape) / groups;
  const columns = filters / groups;
  const taps = window.kernel[0] * window.kernel[1];
  const isRead = x.wide && (prologue?.wide ?? true) ? { run: perGroup } : {};
  // Taps of a window row that are adjacent in memory form one run.
  const areBeside = (pixelStride: number): boolean =>
    groups === 1 && window.dilation[1] === 1 && pixelStride === perGroup;
  const element = scratchElement(c, of);
  const inRow = areBeside(copiesStrip(window, prologue) ? perGroup * groups : x.stride)
    ? window.kernel[1]
    : 1;
  const columnsOf = sumsBytes(c, of)
    ? byteColumns(c, of, { runs: taps / inRow, length: inRow * perGroup, columns, groups })
    : weightColumns(c, weight, {
        depth: taps * perGroup,
        columns,
        groups,
        twoRows: sumsTwoRows(c, of),
        ...isRead,
      });
  const strips = rowBlocks(k, rows, { samples, height });
  // Each block copies its strip, even if several blocks need the same one, so there are no more blocks than a few threads need.
  const wanted = groups === 1 ? Math.ceil(Math.min(tile.blocks, mostThreads) / strips.count) : 1;
  const parts = columnParts(k, tile, columnsOf(0), wanted);
  // A group's channels are vecs of the result only if all groups begin at multiples of the lanes.
  const target = { ...y, wide: y.wide && (groups === 1 || columns % k.lanes === 0) };
  return {
    blocks: strips.count * parts,
    write: (block) => {
      const { row0, first, within } = strips.at(int("div", block, parts));
      const part = k.letInt("part", int("rem", block, parts));
      const strip = makeStrip(k, x, window, rows, first, {
        fill: of.node.attributes.zero,
        limit: tile.scratch,
        ...given({ prologue, element }),
      });
      const across = window.stride[1] * strip.pixelStride;
      const { border } = strip;
      const isInPlace = !copiesStrip(window, prologue);
      const pairs = joinStrip(k, tile, columnsOf(0), strip, {
        window,
        rows,
        width,
        across,
        ...(within && isInPlace
          ? { within: { first: mulInt(first.row, window.stride[0]), height: x.shape[1] ?? 1 } }
          : {}),
      });
      const joined = !border && areBeside(strip.pixelStride);
      const product = (group: Int): Parameters<typeof emitMatmul>[2] => ({
        lines: rows,
        ...given({ within }),
        rows: width,
        runs: {
          counts: joined ? [window.kernel[0]] : window.kernel,
          length: joined ? window.kernel[1] * perGroup : perGroup,
          rows: ([ty = 0, tx = 0], line, row) => {
            const inStrip = addInt(
              mulInt(group, perGroup),
              mulInt(addInt(mulInt(line, window.stride[0]), mulInt(ty, window.dilation[0])), strip.rowStride),
              mulInt(tx, window.dilation[1] * strip.pixelStride),
              mulInt(row, across),
            );
            return {
              place: strip.place,
              start: addInt(strip.base, inStrip),
              rowStride: across,
              ...(pairs ? { pairs: pairs(inStrip) } : {}),
              ...(border
                ? {
                    taps: {
                      border,
                      channel: mulInt(group, perGroup),
                      at: (r: number) =>
                        tapAt(
                          k,
                          border,
                          addInt(mulInt(line, window.stride[0]), mulInt(ty, window.dilation[0])),
                          addInt(mulInt(addInt(row, r), window.stride[1]), mulInt(tx, window.dilation[1])),
                        ),
                    },
                  }
                : {}),
            };
          },
        },
        columns: columnsOf(group),
        ...(parts > 1 ? { part: { index: part, count: parts } } : {}),
        finish: (sum, line, row, column) => {
          const pixel = addInt(mulInt(addInt(row0, line), width), row);
          const channel = addInt(mulInt(group, columns), column);
          storeResult(k, target, sum, { pixel, channel }, epilogue);
        },
      });
      if (groups === 1) emitMatmul(k, tile, product(0));
      else k.items(["group"], [groups], (group) => emitMatmul(k, tile, product(group ?? 0), k.nest));
    },
  };
}
