// Kernels of dense products: pointwise and direct convolutions (with groups), dense layers, products of two values.

import { bug } from "#diagnostic/diagnostic.js";
import type { Shape } from "#ir/type.js";
import { channels, elements } from "#ir/type.js";
import type { Source } from "#schedule/schedule.js";
import { tapAt } from "./border.js";
import type { Body } from "./body.js";
import type { Int } from "./build.js";
import { addInt, int, mulInt } from "./build.js";
import type { Columns, Runs } from "./matmul.js";
import { columnParts, emitMatmul, panelWidths } from "./matmul.js";
import type { Build, Operand } from "./operands.js";
import { reads, stridesOf, vectors, weightParameter } from "./operands.js";
import { panelPacking, plainPacking } from "./pack.js";
import type { Steps } from "./steps.js";
import { storeResult } from "./steps.js";
import type { WindowSpec } from "./strip.js";
import { makeStrip, rowBlocks, stripRows } from "./strip.js";
import type { Factors, TeamProduct } from "./team.js";
import { emitGridProduct, plainRow, productItems, subgroupProduct, teamBlocks, windowRow } from "./team.js";
import type { Tile } from "./tile.js";
import { largeBlockSize, mostThreads } from "./tile.js";

/** Shorter sums are not worth being spread over the lanes, which are to be added up behind. */
const fewestDeep = 16;

/** The matrix of a dense product, per group: packed in panels, or where it lies if it is computed by the net. */
export function weightColumns(
  k: Build,
  tile: Tile,
  weight: Source,
  size: {
    readonly depth: number;
    readonly columns: number;
    readonly groups?: number;
    readonly branches?: number;
    /** Elements of a run, if rows of A are read as vecs where that is of use. */
    readonly run?: number;
  },
): (group: Int) => Columns {
  const { depth, columns, groups = 1, branches = 1, run } = size;
  if (weight.kind === "view") {
    const { place, stride, wide } = reads(k, "w", weight);
    const isWide = wide && (groups === 1 || columns % k.lanes === 0);
    return (group) => ({
      place,
      start: mulInt(group, columns),
      depth,
      count: columns,
      step: stride,
      wide: isWide,
    });
  }
  // Neighbouring items of a block read neighbouring columns: rows of the matrix are then read in order.
  if (k.team > 1 && groups === 1 && branches === 1 && columns % k.lanes === 0) {
    const place = weightParameter(k, "w", weight.weight, plainPacking(depth * columns));
    return () => ({ place, start: 0, depth, count: columns, step: columns, wide: true });
  }
  const groupSize = groups === 1 ? depth * columns : k.roundUp(depth * columns);
  const widths = panelWidths(k, tile, columns);
  const deep = k.team === 1 && run !== undefined && run % k.lanes === 0 && depth >= fewestDeep;
  const packing = panelPacking({
    depth,
    groups,
    columns,
    widths,
    groupSize,
    branches,
    deep: deep ? k.lanes : 1,
  });
  const place = weightParameter(k, "w", weight.weight, packing);
  return (group) => ({ place, start: mulInt(group, groupSize), depth, count: columns, wide: true, deep });
}

/** Rows of `[m, k] · [k, n]`: a 1×1 convolution over all pixels, or a dense layer. */
export function pointwiseBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  weight: Source,
  epilogue: Steps,
  added?: Factors,
): Body {
  const depth = channels(x.shape);
  const columns = channels(y.shape);
  const size = largeBlockSize(vectors(x.shape), tile.blockPixels, tile.rows);
  const pixelBlocks = vectors(x.shape) / size;
  const b = weightColumns(k, tile, weight, { depth, columns, ...(x.wide ? { run: depth } : {}) })(0);
  if (k.team > 1)
    return gridProduct(k, tile, {
      rows: vectors(x.shape),
      counts: [],
      length: depth,
      row: plainRow(k, x, 0),
      columns: b,
      ...(added ? { added } : {}),
      finish: (sum, row, column) => storeResult(k, y, sum, { pixel: row, channel: column }, epilogue),
    });
  if (added) return bug("only blocks with many items add products");
  const parts = columnParts(k, tile, b, Math.ceil(tile.blocks / pixelBlocks));
  return {
    blocks: pixelBlocks * parts,
    write: (block) => {
      const first = k.letInt("first", mulInt(int("div", block, parts), size));
      emitMatmul(k, tile, {
        lines: 1,
        rows: size,
        runs: plainRuns(x, depth, (row) => mulInt(addInt(first, row), x.stride)),
        columns: b,
        ...(parts > 1 ? { part: { index: k.letInt("part", int("rem", block, parts)), count: parts } } : {}),
        finish: (sum, _line, row, column) =>
          storeResult(k, y, sum, { pixel: addInt(first, row), channel: column }, epilogue),
      });
    },
  };
}

/** A product whose tiles are the items of all blocks; a tile a subgroup, where that is possible. */
function gridProduct(k: Build, tile: Tile, product: TeamProduct): Body {
  return {
    blocks: teamBlocks(k, productItems(k, tile, product)),
    write: (block) => emitGridProduct(k, tile, block, product),
    ...subgroupProduct(k, tile, product),
  };
}

/** One run per row of A, which begins at `start`. */
export function plainRuns(
  x: { readonly place: Operand["place"]; readonly stride: number },
  depth: number,
  start: (row: Int) => Int,
): Runs {
  return {
    counts: [],
    length: depth,
    rows: (_run, _line, row) => ({ place: x.place, start: start(row), rowStride: x.stride }),
  };
}

/** A convolution with any window and groups: a block computes some output rows from a strip of input rows. */
export function convolutionBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  weight: Source,
  convolution: {
    readonly window: WindowSpec;
    readonly groups: number;
    readonly rows?: number;
    readonly added?: Factors;
  },
  steps: { readonly prologue?: Steps; readonly epilogue: Steps },
): Body {
  const [samples = 1, height = 1, width = 1, filters = 1] = y.shape;
  const { window, groups, added } = convolution;
  const rows = convolution.rows ?? stripRows(tile, window, height, x.shape);
  const perGroup = channels(x.shape) / groups;
  const columns = filters / groups;
  if (k.team > 1 && groups === 1)
    return gridProduct(k, tile, {
      rows: samples * height * width,
      ...convolutionFactors(k, tile, x, y.shape, weight, window, steps.prologue),
      ...(added ? { added } : {}),
      finish: (sum, row, column) => storeResult(k, y, sum, { pixel: row, channel: column }, steps.epilogue),
    });
  if (added) return bug("only blocks with many items add products");
  const depth = window.kernel[0] * window.kernel[1] * perGroup;
  const isRead = x.wide && (steps.prologue?.wide ?? true) ? { run: perGroup } : {};
  const columnsOf = weightColumns(k, tile, weight, { depth, columns, groups, ...isRead });
  const strips = rowBlocks(k, rows, { samples, height });
  // Blocks that share a strip copy it each for itself, so there are no more of them than a few threads need.
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
        fill: 0,
        limit: tile.scratch,
        ...(steps.prologue ? { prologue: steps.prologue } : {}),
      });
      const across = window.stride[1] * strip.pixelStride;
      // Taps of a window row that lie side by side are one run.
      const { border } = strip;
      const joined = !border && groups === 1 && window.dilation[1] === 1 && strip.pixelStride === perGroup;
      const product = (group: Int): Parameters<typeof emitMatmul>[2] => ({
        lines: rows,
        ...(within ? { within } : {}),
        rows: width,
        runs: {
          counts: joined ? [window.kernel[0]] : window.kernel,
          length: joined ? window.kernel[1] * perGroup : perGroup,
          rows: ([ty = 0, tx = 0], line, row) => ({
            place: strip.place,
            start: addInt(
              strip.base,
              mulInt(group, perGroup),
              mulInt(addInt(mulInt(line, window.stride[0]), mulInt(ty, window.dilation[0])), strip.rowStride),
              mulInt(tx, window.dilation[1] * strip.pixelStride),
              mulInt(row, across),
            ),
            rowStride: across,
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
          }),
        },
        columns: columnsOf(group),
        ...(parts > 1 ? { part: { index: part, count: parts } } : {}),
        finish: (sum, line, row, column) => {
          const pixel = addInt(mulInt(addInt(row0, line), width), row);
          const channel = addInt(mulInt(group, columns), column);
          storeResult(k, target, sum, { pixel, channel }, steps.epilogue);
        },
      });
      if (groups === 1) emitMatmul(k, tile, product(0));
      else k.items(["group"], [groups], (group) => emitMatmul(k, tile, product(group ?? 0), k.nest));
    },
  };
}

/** What meets in a convolution without groups whose result has a shape: the windows of its pixels, and its weights. */
export function convolutionFactors(
  k: Build,
  tile: Tile,
  x: Operand,
  shape: Shape,
  weight: Source,
  window: WindowSpec,
  prologue?: Steps,
): Factors {
  const length = channels(x.shape);
  const depth = window.kernel[0] * window.kernel[1] * length;
  return {
    counts: window.kernel,
    length,
    row: windowRow(k, x, window, shape, prologue),
    columns: weightColumns(k, tile, weight, { depth, columns: channels(shape) })(0),
  };
}

/** The product of two values, `[..., n, k] · [..., k, m]`, with broadcasting axes before: a block computes one product. */
export function matmulBody(k: Build, tile: Tile, a: Operand, b: Operand, y: Operand, epilogue: Steps): Body {
  const lead = y.shape.slice(0, -2);
  const [rows = 1, columns = 1] = y.shape.slice(-2);
  const strides = [stridesOf(a.shape, a.stride), stridesOf(b.shape, b.stride)];
  return {
    blocks: elements(lead),
    write: (block) => {
      const index: Int[] = [];
      let rest: Int = block;
      for (const extent of lead.toReversed()) {
        index.unshift(extent === 1 ? 0 : k.letInt("i", int("rem", rest, extent)));
        rest = extent === 1 ? rest : k.letInt("rest", int("div", rest, extent));
      }
      const [startA = 0, startB = 0] = [a, b].map((operand, which) => {
        const before = operand.shape.length - 2;
        return k.letInt(
          which === 0 ? "p" : "q",
          addInt(
            ...operand.shape
              .slice(0, -2)
              .map((extent, axis) =>
                extent === 1
                  ? 0
                  : mulInt(index[axis + lead.length - before] ?? 0, strides[which]?.[axis] ?? 0),
              ),
          ),
        );
      });
      const at = (row: Int, column: Int): Parameters<Steps["apply"]>[1] => ({
        pixel: addInt(mulInt(block, rows), row),
        channel: column,
        index: [...index, row, column],
      });
      emitMatmul(k, tile, {
        lines: 1,
        rows,
        runs: plainRuns(a, channels(a.shape), (row) => addInt(startA, mulInt(row, a.stride))),
        columns: {
          place: b.place,
          start: startB,
          depth: channels(a.shape),
          count: columns,
          step: b.stride,
          wide: b.wide,
        },
        finish: (sum, _line, row, column) => storeResult(k, y, sum, at(row, column), epilogue),
      });
    },
  };
}
