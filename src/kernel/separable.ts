// Kernels of several stages: depthwise → pointwise, and pointwise → depthwise → pointwise, by strips of rows.

import { channels } from "#ir/type.js";
import type { Source, Step } from "#schedule/schedule.js";
import type { Int } from "./build.js";
import { address, addInt, compare, int, load, mulInt } from "./build.js";
import type { Body } from "./body.js";
import { plainRuns, weightColumns } from "./convolution.js";
import type { Filters } from "./depthwise.js";
import { branchFilters, emitDepthwise, sumsOf } from "./depthwise.js";
import type { Place, Value } from "./ir.js";
import type { Columns } from "./matmul.js";
import { emitMatmul } from "./matmul.js";
import type { Build, Operand } from "./operands.js";
import { vectors } from "./operands.js";
import type { Steps } from "./steps.js";
import { branchSteps, eachLane, elementwiseSteps, storeResult } from "./steps.js";
import type { SampleRow, Strip, WindowSpec } from "./strip.js";
import { fillStrip, makeStrip, splitRow } from "./strip.js";
import { eachVector, emitBlockProduct, pixelAt, pixelTaps, plainRow } from "./team.js";
import type { Tile } from "./tile.js";

/** A depthwise convolution in the middle of a fused kernel. */
export interface MiddleStage {
  readonly weight: Source;
  readonly window: WindowSpec;
  readonly inputs: number;
  readonly multiplier: number;
  /** Its bias and the elementwise steps behind it. */
  readonly steps: readonly Step[];
}

/** A pointwise product in front of the depthwise convolution: a few rows of its result are the strip. */
export interface ExpandStage {
  readonly weight: Source;
  readonly epilogue: Steps;
}

/**
 * A few rows of the depthwise result stand in scratch and are never written to memory. With `expand`, so do the rows of the
 * widened value that the window reads; rows that two strips share are computed twice.
 */
export function separableBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  stages: {
    readonly expand?: ExpandStage;
    readonly depthwise: MiddleStage;
    readonly pointwise: Source;
    /** A second product, of the results of the first after its steps; for blocks of many items alone. */
    readonly last?: { readonly weight: Source; readonly between: Steps; readonly columns: number };
    /** Output rows of a strip. */
    readonly rows: number;
    /** Pixels of a tile, for blocks of many items. */
    readonly pixels?: number;
  },
  steps: { readonly prologue?: Steps; readonly epilogue: Steps },
): Body {
  const [samples = 1, height = 1, width = 1, columns = 1] = y.shape;
  const { depthwise, expand, rows } = stages;
  const { window, inputs, multiplier } = depthwise;
  const branchStride = multiplier === 1 && inputs < k.lanes ? inputs : k.roundUp(inputs);
  const filters = branchFilters(k, depthwise.weight, window, { inputs, multiplier, branchStride });
  const between = middleSteps(k, depthwise, branchStride);
  const expanding = expand && weightColumns(k, tile, expand.weight, expandSize(x, inputs))(0);
  const { last } = stages;
  const projecting = weightColumns(k, tile, stages.pointwise, {
    depth: inputs * multiplier,
    columns: last?.columns ?? columns,
    branches: multiplier,
    ...(stages.last ? {} : { run: inputs }),
  })(0);
  const pixelStride = multiplier * branchStride;
  const scratch: Place = { kind: "scratch" };
  if ((k.team > 1 && !expand) || last) {
    const middleStride = last ? k.roundUp(last.columns) : 0;
    const most = Math.max(1, Math.floor(tile.scratch / (pixelStride + middleStride)));
    return tileBody(k, tile, x, y, {
      pixels: Math.min(stages.pixels ?? rows * width, most),
      window,
      filters,
      multiplier,
      branchStride,
      between,
      columns: projecting,
      ...(last
        ? {
            last: {
              between: last.between,
              stride: middleStride,
              columns: weightColumns(k, tile, last.weight, { depth: last.columns, columns })(0),
            },
          }
        : {}),
      ...steps,
    });
  }

  return {
    blocks: (samples * height) / rows,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(block, rows));
      const first = splitRow(k, firstRow, samples, height);
      const base = k.scratch(rows * width * pixelStride);
      const strip =
        expand && expanding
          ? expandedStrip(k, tile, x, { window, rows, first, inputs, expand, columns: expanding })
          : makeStrip(k, x, window, rows, first, {
              fill: 0,
              aligned: true,
              limit: tile.scratch,
              ...(steps.prologue ? { prologue: steps.prologue } : {}),
            });
      const firstPixel = k.letInt("first", mulInt(firstRow, width));
      emitDepthwise(k, tile, { strip, window, filters, rows, width, inputs }, (at, taps, size) => {
        for (let branch = 0; branch < multiplier; branch += 1) {
          const output = addInt(at.channel, branch * branchStride);
          const sums = sumsOf(k, taps, filters, output, size, undefined);
          for (const [column, sum] of sums.entries()) {
            const pixel = addInt(mulInt(at.row, width), at.column, column);
            between(sum, {
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
        columns: projecting,
        finish: (sum, _line, row, column) =>
          storeResult(k, y, sum, { pixel: addInt(firstPixel, row), channel: column }, steps.epilogue),
      });
    },
  };
}

/**
 * Tiles of pixels, in the order of memory: first items that each make a vec of the depthwise result, then items that each make a tile
 * of the product. Nothing is computed twice. The last tile may have fewer pixels.
 */
function tileBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  of: {
    readonly pixels: number;
    readonly window: WindowSpec;
    readonly filters: Filters;
    readonly multiplier: number;
    readonly branchStride: number;
    readonly between: ReturnType<typeof middleSteps>;
    readonly columns: Columns;
    readonly last?: { readonly between: Steps; readonly stride: number; readonly columns: Columns };
    readonly prologue?: Steps;
    readonly epilogue: Steps;
  },
): Body {
  const { window, filters, multiplier, branchStride, between, columns, last, prologue, epilogue } = of;
  const total = vectors(y.shape);
  const pixels = Math.min(of.pixels, total);
  const inputs = channels(x.shape);
  const pixelStride = multiplier * branchStride;
  const scratch: Place = { kind: "scratch" };
  return {
    blocks: Math.ceil(total / pixels),
    write: (block) => {
      const base = k.scratch(pixels * pixelStride);
      const middle = last ? k.scratch(pixels * last.stride) : 0;
      const first = k.letInt("first", mulInt(block, pixels));
      // Also where no tile has fewer: kernels of more sizes then have one form.
      const valid = k.letInt("valid", int("min", int("sub", total, first), pixels));
      const work = {
        depth: inputs,
        wide: x.wide && filters.wide && (prologue?.wide ?? true),
        pixels,
        items: (count: number, body: (item: Int) => void) =>
          k.items(["item"], [count], (item = 0) => body(item)),
      };
      eachVector(k, work, (at, channel, size) => {
        const make = (): void => {
          const pixel = k.letInt("pixel", addInt(first, at));
          const options = { fill: 0, ...(prologue ? { prologue } : {}) };
          const taps = pixelTaps(k, x, window, pixelAt(k, pixel, y.shape), options);
          const reads = { taps: taps(channel, size), pixels: 1 };
          for (let branch = 0; branch < multiplier; branch += 1) {
            const output = addInt(channel, branch * branchStride);
            for (const sum of sumsOf(k, reads, filters, output, size, undefined))
              between(sum, { pixel, channel, branch, to: addInt(mulInt(at, pixelStride), output, base) });
          }
        };
        k.guard(compare("lt", at, valid), make);
      });
      emitBlockProduct(k, tile, {
        rows: pixels,
        valid,
        counts: multiplier > 1 ? [multiplier] : [],
        length: inputs,
        row: (row) => {
          const start = k.letInt("a", addInt(mulInt(row, pixelStride), base));
          return ([branch = 0]) => {
            const a = k.letInt("from", addInt(start, mulInt(branch, branchStride)));
            return (c) => load(scratch, address(addInt(a, c)));
          };
        },
        columns,
        finish: (sum, row, column) => {
          const at = { pixel: addInt(first, row), channel: column };
          if (!last) return storeResult(k, y, sum, at, epilogue);
          storeBetween(k, { stride: last.stride, base: middle, steps: last.between }, sum, row, at);
        },
      });
      if (!last) return;
      emitBlockProduct(k, tile, {
        rows: pixels,
        valid,
        counts: [],
        length: last.columns.depth,
        row: plainRow(k, { place: scratch, stride: last.stride }, middle),
        columns: last.columns,
        finish: (sum, row, column) =>
          storeResult(k, y, sum, { pixel: addInt(first, row), channel: column }, epilogue),
      });
    },
  };
}

/** Stores a result of the first of two products in scratch, for the second one. */
function storeBetween(
  k: Build,
  to: { readonly stride: number; readonly base: number; readonly steps: Steps },
  sum: Value,
  row: Int,
  at: { readonly pixel: Int; readonly channel: Int },
): void {
  const { stride, base, steps } = to;
  const store = (value: Value, where: typeof at): void =>
    k.store(
      { kind: "scratch" },
      address(addInt(mulInt(row, stride), where.channel, base)),
      steps.apply(value, where),
    );
  if (steps.wide) store(sum, at);
  else eachLane(k, sum, at, store);
}

function expandSize(x: Operand, columns: number): { depth: number; columns: number } {
  return { depth: channels(x.shape), columns };
}

interface MiddlePosition {
  readonly pixel: Int;
  /** Of the input. */
  readonly channel: Int;
  readonly branch: number;
  /** Where in scratch the value goes. */
  readonly to: Int;
}

/** Stores a depthwise result in scratch after the steps behind it, branch by branch. */
function middleSteps(
  k: Build,
  { inputs, multiplier, steps }: MiddleStage,
  branchStride: number,
): (sum: Value, at: MiddlePosition) => void {
  const scratch: Place = { kind: "scratch" };
  const store = (value: Value, to: Int): void => k.store(scratch, address(to), value);
  const inBranches =
    multiplier === 1
      ? elementwiseSteps(k, steps)
      : branchSteps(k, steps, { inputs, multiplier, stride: branchStride });
  if (inBranches?.wide)
    return (sum, { pixel, channel, branch, to }) =>
      store(inBranches.apply(sum, { pixel, channel: addInt(channel, branch * branchStride) }), to);
  // Operands of the steps lie channel by channel as the graph has them: c·m + j.
  const plain = inBranches && multiplier === 1 ? inBranches : elementwiseSteps(k, steps);
  return (sum, { pixel, channel, branch, to }) =>
    eachLane(k, sum, { pixel, channel }, (value, at, lane) => {
      const output = addInt(mulInt(at.channel, multiplier), branch);
      store(plain.apply(value, { pixel, channel: output }), addInt(to, lane));
    });
}

/** The widened rows that a window reads, in scratch, with zeros around the image. */
function expandedStrip(
  k: Build,
  tile: Tile,
  x: Operand,
  of: {
    readonly window: WindowSpec;
    readonly rows: number;
    readonly first: SampleRow;
    readonly inputs: number;
    readonly expand: ExpandStage;
    readonly columns: ReturnType<ReturnType<typeof weightColumns>>;
  },
): Strip {
  const [samples = 1, height = 1, width = 1] = x.shape;
  const { window, rows, first, inputs, expand, columns } = of;
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
        storeInStrip(k, target, to, sum, { pixel, channel: column, image: addInt(pixel0, pixel) }, expand);
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
  { epilogue }: ExpandStage,
): void {
  const start = addInt(to, mulInt(at.pixel, strip.stride));
  const position = { pixel: at.image, channel: at.channel };
  const store = (value: Value, where: typeof position): void =>
    k.store(strip.place, address(addInt(start, where.channel)), epilogue.apply(value, where));
  if (strip.wide && epilogue.wide) store(sum, position);
  else eachLane(k, sum, position, store);
}
