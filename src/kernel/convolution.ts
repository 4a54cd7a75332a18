// Kernels of dense products: pointwise and direct convolutions (with groups), dense layers.

import { channels, elements } from "#ir/type.js";
import type { WeightId } from "#ir/graph.js";
import { address, addInt, mulInt } from "./build.js";
import type { Build, Operand, Packing, Position, Steps } from "./operands.js";
import { weightParameter } from "./operands.js";
import type { Runs } from "./matmul.js";
import { emitMatmul, packPanels } from "./matmul.js";
import type { WindowSpec } from "./strip.js";
import { makeStrip, splitRow } from "./strip.js";
import type { Register, Value } from "./ir.js";
import type { Tile } from "./tile.js";
import { blockSize } from "./tile.js";

/** A template: how many blocks its grid has, and the body of one. */
export interface Body {
  readonly blocks: number;
  readonly write: (block: Register) => void;
}

/** Rows of `[m, k] · [k, n]`: a 1×1 convolution over all pixels, or a dense layer. */
export function pointwiseBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  weight: WeightId,
  epilogue: Steps,
): Body {
  const pixels = elements(x.shape) / channels(x.shape);
  const depth = channels(x.shape);
  const columns = channels(y.shape);
  const size = blockSize(pixels, tile.blockPixels);
  const place = weightParameter(k, "w", weight, panelPacking(depth, columns, tile.columns));
  return {
    blocks: pixels / size,
    write: (block) => {
      const first = k.letInt("first", mulInt(block, size));
      const runs: Runs = {
        counts: [],
        length: depth,
        rows: (_, row) => ({
          place: x.place,
          start: mulInt(addInt(first, row), x.stride),
          rowStride: x.stride,
        }),
      };
      emitMatmul(k, tile, size, runs, { place, start: 0, depth, columns }, (sum, row, column) =>
        storeResult(k, y, sum, { pixel: addInt(first, row), channel: column }, epilogue),
      );
    },
  };
}

/** A convolution with any window and groups: a block computes one output row from a strip of input rows. */
export function convolutionBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  weight: WeightId,
  window: WindowSpec,
  groups: number,
  steps: { readonly prologue?: Steps; readonly epilogue: Steps },
): Body {
  const [samples = 1, height = 1, width = 1, filters = 1] = y.shape;
  const perGroup = channels(x.shape) / groups;
  const columns = filters / groups;
  const depth = window.kernel[0] * window.kernel[1] * perGroup;
  const place = weightParameter(k, "w", weight, groupedPacking(depth, groups, columns, tile.columns));
  return {
    blocks: samples * height,
    write: (block) => {
      const options = { fill: 0, ...(steps.prologue ? { prologue: steps.prologue } : {}) };
      const strip = makeStrip(k, x, window, 1, splitRow(k, block, samples, height), options);
      const firstPixel = k.letInt("first", mulInt(block, width));
      for (let group = 0; group < groups; group += 1) {
        const runs: Runs = {
          counts: window.kernel,
          length: perGroup,
          rows: ([i = 0, j = 0], column) => ({
            place: strip.place,
            start: addInt(
              strip.base,
              group * perGroup,
              mulInt(i, window.dilation[0] * strip.rowStride),
              mulInt(j, window.dilation[1] * strip.pixelStride),
              mulInt(column, window.stride[1] * strip.pixelStride),
            ),
            rowStride: window.stride[1] * strip.pixelStride,
          }),
        };
        emitMatmul(
          k,
          tile,
          width,
          runs,
          { place, start: group * depth * columns, depth, columns },
          (sum, pixel, column) =>
            storeResult(
              k,
              y,
              sum,
              { pixel: addInt(firstPixel, pixel), channel: addInt(column, group * columns) },
              steps.epilogue,
            ),
        );
      }
    },
  };
}

/** Stores one element of a result, after its epilogue. */
export function storeResult(k: Build, y: Operand, value: Value, at: Position, epilogue: Steps): void {
  k.store(y.place, address(addInt(mulInt(at.pixel, y.stride), at.channel)), epilogue(value, at));
}

/** Panels of a `[depth, columns]` weight. */
export function panelPacking(depth: number, columns: number, width: number): Packing {
  return {
    key: `panels ${depth}x${columns} by ${width}`,
    elements: depth * columns,
    pack: (values) => packPanels(values, depth, columns, width),
  };
}

/** A `[depth, groups · columns]` weight as one set of panels per group. */
function groupedPacking(depth: number, groups: number, columns: number, width: number): Packing {
  if (groups === 1) return panelPacking(depth, columns, width);
  return {
    key: `panels ${groups} times ${depth}x${columns} by ${width}`,
    elements: depth * groups * columns,
    pack: (values) => {
      const packed = new Float32Array(values.length);
      const part = new Float32Array(depth * columns);
      for (let group = 0; group < groups; group += 1) {
        for (let row = 0; row < depth; row += 1) {
          const from = row * groups * columns + group * columns;
          part.set(values.subarray(from, from + columns), row * columns);
        }
        packed.set(packPanels(part, depth, columns, width), group * depth * columns);
      }
      return packed;
    },
  };
}
