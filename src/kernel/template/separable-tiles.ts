// Depthwise → pointwise, and depthwise → pointwise → pointwise, by tiles of pixels.

import { bug } from "#diagnostic/diagnostic.js";
import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, compare, int, load, mulInt } from "../ir/expressions.js";
import { weightColumns } from "../part/columns.js";
import { sumsOf } from "../part/depthwise.js";
import type { Place, Value } from "../ir/ir.js";
import type { Columns } from "../part/matmul.js";
import type { Build, Operand } from "../part/operands.js";
import { vectors } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import { eachLane, storeResult } from "../part/steps.js";
import { eachVector, pixelAt, pixelTaps } from "../part/team.js";
import { emitBlockProduct, plainRow } from "../part/team-product.js";
import type { Context } from "./context.js";
import { biasedEpilogueOf, portsOf, sourceOf, stageOf, rowsOf } from "./context.js";
import type { Middle } from "./middle.js";
import { middleOf } from "./middle.js";

/** One product of the depthwise results. */
export function separableByTiles(c: Context): Body {
  const { x, y } = portsOf(c);
  const { stage } = stageOf(c, 1, "conv2d");
  const epilogue = biasedEpilogueOf(c, stage);
  const middle = middleOf(c, stageOf(c, 0, "depthwise_conv2d"));
  const { inputs, multiplier } = middle;
  const size = { depth: inputs * multiplier, columns: channels(y.shape), branches: multiplier, run: inputs };
  const columns = weightColumns(c, sourceOf(stage, 1), size)(0);
  return byTiles(c, x, y, { middle, columns, epilogue });
}

/** A second product, of the results of the first after its steps. */
export function separablePointwiseByTiles(c: Context): Body {
  const { k } = c;
  const { x, y } = portsOf(c);
  const first = stageOf(c, 1, "conv2d");
  const { stage } = stageOf(c, 2, "conv2d");
  const between = biasedEpilogueOf(c, first.stage);
  const epilogue = biasedEpilogueOf(c, stage);
  const middle = middleOf(c, stageOf(c, 0, "depthwise_conv2d"));
  const { inputs, multiplier } = middle;
  const width = channels(first.node.type.shape);
  const size = { depth: inputs * multiplier, columns: width, branches: multiplier };
  const columns = weightColumns(c, sourceOf(first.stage, 1), size)(0);
  const second = weightColumns(c, sourceOf(stage, 1), { depth: width, columns: channels(y.shape) })(0);
  return byTiles(c, x, y, {
    middle,
    columns,
    last: { between, stride: k.roundUp(width), columns: second },
    epilogue,
  });
}

/**
 * Tiles of pixels, in the order of memory: first, each item computes a vec of the depthwise result; then each item computes a tile of the
 * product. Nothing is computed twice. The last tile may have fewer pixels.
 */
function byTiles(
  c: Context,
  x: Operand,
  y: Operand,
  of: {
    readonly middle: Middle;
    readonly columns: Columns;
    readonly last?: { readonly between: Steps; readonly stride: number; readonly columns: Columns };
    readonly epilogue: Steps;
  },
): Body {
  const { k, tile, group } = c;
  const { middle, columns, last, epilogue } = of;
  const { window, multiplier, branchStride, pixelStride } = middle;
  const filters = "taps" in middle.filters ? bug("bytes are summed by rows") : middle.filters;
  const most = Math.max(1, Math.floor(tile.scratch / (pixelStride + (last?.stride ?? 0))));
  const total = vectors(y.shape);
  const wanted = group.plan.pixels || (rowsOf(c) ?? 1) * (y.shape[2] ?? 1);
  const pixels = Math.min(wanted, most, total);
  const inputs = channels(x.shape);
  const scratch: Place = { kind: "scratch" };
  return {
    blocks: Math.ceil(total / pixels),
    write: (block) => {
      const base = k.scratch(pixels * pixelStride);
      const kept = last ? k.scratch(pixels * last.stride) : 0;
      const first = k.letInt("first", mulInt(block, pixels));
      // Also if no tile has fewer, so that kernels of more sizes have the same form.
      const valid = k.letInt("valid", int("min", int("sub", total, first), pixels));
      const work = {
        depth: inputs,
        wide: x.wide && filters.wide,
        pixels,
        items: (count: number, body: (item: Int) => void) =>
          k.items(["item"], [count], (item = 0) => body(item)),
      };
      eachVector(k, work, (at, channel, size) => {
        const make = (): void => {
          const pixel = k.letInt("pixel", addInt(first, at));
          const taps = pixelTaps(k, x, window, pixelAt(k, pixel, y.shape), { fill: 0 });
          const reads = { taps: taps(channel, size), pixels: 1 };
          for (let branch = 0; branch < multiplier; branch += 1) {
            const output = addInt(channel, branch * branchStride);
            for (const sum of sumsOf(k, reads, filters, output, size, undefined))
              middle.store(sum, {
                pixel,
                channel,
                branch,
                to: addInt(mulInt(at, pixelStride), output, base),
              });
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
          storeBetween(k, { stride: last.stride, base: kept, steps: last.between }, sum, row, at);
        },
      });
      if (!last) return;
      emitBlockProduct(k, tile, {
        rows: pixels,
        valid,
        counts: [],
        length: last.columns.depth,
        row: plainRow(k, { place: scratch, stride: last.stride }, kept),
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
