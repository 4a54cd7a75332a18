// Depthwise convolutions that are not fused.

import { given } from "#diagnostic/given.js";
import { channels } from "#ir/type.js";
import type { Body } from "../ir/body.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, compare, int, laneOf, mulInt, widen } from "../ir/expressions.js";
import { addIntegers, loadIntegers, toFloats, toIntegers } from "../ir/integer-vecs.js";
import type { Filters } from "../part/depthwise.js";
import { emitDepthwise, plainFilters, sumsOf } from "../part/depthwise.js";
import type { Place, Value } from "../ir/ir.js";
import type { Build } from "../part/operands.js";
import type { Steps } from "../part/steps.js";
import { eachLane, storeResult } from "../part/steps.js";
import type { WindowSpec } from "../part/strip.js";
import { makeStrip, rowBlocks, stripRows } from "../part/strip.js";
import { eachVectorOfGrid, pixelAt, pixelTaps, teamBlocks, vectorItems } from "../part/team.js";
import { emitByteDepthwise } from "../part/byte-depthwise.js";
import { byteFilters, depthwiseBytes, scratchElement, stepsAfter, sumsBytes } from "./byte-sum.js";
import type { Context, Ports, StageOf } from "./context.js";
import { epilogueOf, portsOf, sourceOf, stageOf, windowOf, rowsOf } from "./context.js";

/** What both forms use. */
interface Depthwise extends Ports {
  readonly window: WindowSpec;
  readonly filters: Filters;
  readonly inputs: number;
  readonly multiplier: number;
  readonly epilogue: Steps;
}

function depthwiseOf(c: Context): Depthwise {
  const ports = portsOf(c);
  const of = stageOf(c, 0, "depthwise_conv2d");
  const window = windowOf(of);
  const epilogue = stepsAfter(c, of);
  const [inputs, outputs] = [channels(ports.x.shape), channels(ports.y.shape)];
  const filters = plainFilters(c.k, sourceOf(of.stage, 1), window, outputs);
  return { ...ports, window, filters, inputs, multiplier: outputs / inputs, epilogue };
}

/** A block computes a few output rows, with any multiplier. */
export function depthwiseByRows(c: Context): Body {
  const { k, tile } = c;
  const of = stageOf(c, 0, "depthwise_conv2d");
  if (sumsBytes(c, of)) return byteDepthwiseByRows(c, of);
  const { x, y, prologue, window, filters, inputs, multiplier, epilogue } = depthwiseOf(c);
  const [samples = 1, height = 1, width = 1] = y.shape;
  const rows = rowsOf(c) ?? stripRows(tile, window, height, x.shape);
  const blocks = rowBlocks(k, rows, { samples, height });
  return {
    blocks: blocks.count,
    write: (block) => {
      const { row0: firstRow, first, within } = blocks.at(block);
      const strip = makeStrip(k, x, window, rows, first, {
        fill: of.node.attributes.zero,
        aligned: true,
        limit: tile.scratch,
        ...given({ prologue, element: scratchElement(c, of) }),
      });
      const work = { strip, window, filters, rows, width, inputs, ...given({ within }) };
      emitDepthwise(k, tile, work, (at, from, size) => {
        const pixel = (column: number): Int =>
          addInt(mulInt(addInt(firstRow, at.row), width), at.column, column);
        const store = (value: Value, column: number, channel: Int): void =>
          storeResult(k, y, value, { pixel: pixel(column), channel }, epilogue);
        spread(k, { multiplier, channel: at.channel, size }, (output, lanes) => {
          for (const [column, sum] of sumsOf(k, from, filters, output, size, lanes).entries())
            store(sum, column, output);
        });
      });
    },
  };
}

/** The same for bytes. */
function byteDepthwiseByRows(c: Context, of: StageOf<"depthwise_conv2d">): Body {
  const { k, tile } = c;
  const { x, y, prologue } = portsOf(c);
  const window = windowOf(of);
  const filters = byteFilters(c, of, window.kernel);
  const epilogue = epilogueOf(c, of.stage);
  const inputs = channels(x.shape);
  const multiplier = channels(y.shape) / inputs;
  const [samples = 1, height = 1, width = 1] = y.shape;
  const rows = rowsOf(c) ?? stripRows(tile, window, height, x.shape);
  const blocks = rowBlocks(k, rows, { samples, height });
  return {
    blocks: blocks.count,
    write: (block) => {
      const { row0: firstRow, first, within } = blocks.at(block);
      const strip = makeStrip(k, x, window, rows, first, {
        fill: of.node.attributes.zero,
        aligned: true,
        limit: tile.scratch,
        ...given({ prologue, element: scratchElement(c, of) }),
      });
      const size = { strip, window, filters, rows, width, inputs, multiplier };
      const work = { ...size, pixels: tile.byteDepthwisePixels, ...given({ within }) };
      emitByteDepthwise(k, work, (sum, at, branch) => {
        const pixel = addInt(mulInt(addInt(firstRow, at.row), width), at.column);
        if (multiplier === 1) return storeResult(k, y, sum, { pixel, channel: at.channel }, epilogue);
        eachLane(k, sum, { pixel, channel: at.channel }, (value, { channel }) =>
          storeResult(k, y, value, { pixel, channel: addInt(mulInt(channel, multiplier), branch) }, epilogue),
        );
      });
    },
  };
}

/** An item computes a vec of channels of a pixel. */
export function depthwiseByPixels(c: Context): Body {
  const { k } = c;
  const of = stageOf(c, 0, "depthwise_conv2d");
  if (sumsBytes(c, of)) return byteDepthwiseByPixels(c, of);
  const { x, y, prologue, window, filters, inputs, multiplier, epilogue } = depthwiseOf(c);
  const [samples = 1, height = 1, width = 1] = y.shape;
  const wide = x.wide && filters.wide && (prologue?.wide ?? true);
  const pixels = samples * height * width;
  return {
    blocks: teamBlocks(k, vectorItems(k, pixels, inputs, wide)),
    write: (block) =>
      eachVectorOfGrid(k, block, { depth: inputs, wide, pixels }, (pixel, channel, size) => {
        const taps = pixelTaps(k, x, window, pixelAt(k, pixel, y.shape), {
          fill: 0,
          ...given({ prologue }),
        });
        const reads = { taps: taps(channel, size), pixels: 1 };
        spread(k, { multiplier, channel, size }, (output, lanes) => {
          for (const sum of sumsOf(k, reads, filters, output, size, lanes))
            storeResult(k, y, sum, { pixel, channel: output }, epilogue);
        });
      }),
  };
}

/** The same for bytes, whose products and sums of them are exact as f32; a bias may not be. */
function byteDepthwiseByPixels(c: Context, of: StageOf<"depthwise_conv2d">): Body {
  const { k } = c;
  const { x, y, prologue } = portsOf(c);
  const window = windowOf(of);
  const { filters, bias } = depthwiseBytes(c, of, window.kernel);
  const epilogue = epilogueOf(c, of.stage);
  const [samples = 1, height = 1, width = 1, depth = 1] = y.shape;
  const wide = x.wide && (prologue?.wide ?? true);
  const pixels = samples * height * width;
  return {
    blocks: teamBlocks(k, vectorItems(k, pixels, depth, wide)),
    write: (block) =>
      eachVectorOfGrid(k, block, { depth, wide, pixels }, (pixel, channel, size) => {
        const taps = pixelTaps(k, x, window, pixelAt(k, pixel, y.shape), {
          fill: of.node.attributes.zero,
          ...given({ prologue }),
        });
        const reads = { taps: taps(channel, size), pixels: 1 };
        for (const sum of sumsOf(k, reads, filters, channel, size, undefined)) {
          const whole = bias ? biased(k, sum, bias, channel) : sum;
          storeResult(k, y, whole, { pixel, channel }, epilogue);
        }
      }),
  };
}

/** A sum of whole numbers and a bias of i32, added in integers; of one channel, in all lanes with the bias of its neighbours. */
function biased(k: Build, sum: Value, bias: Place, channel: Int): Value {
  const add = (at: Int): Value =>
    toFloats(addIntegers(toIntegers(widen(sum, "vec")), loadIntegers("i32x4", bias, address(at))));
  if (sum.type === "vec") return add(channel);
  const lane = k.letInt("lane", int("and", channel, 3));
  const all = k.let("all", add(k.letInt("near", int("sub", channel, lane))));
  const pick = (value: Value, at: number): Value => ({
    kind: "select",
    type: "f32",
    if: compare("eq", lane, at),
    then: laneOf(all, at),
    otherwise: value,
  });
  return [1, 2, 3].reduce(pick, laneOf(all, 0));
}

/**
 * Calls `each` for the outputs of an input channel (or vec of them), which are at c·m, c·m + 1, …: with lanes, output vec v holds the input
 * lanes ⌊(lanes·v + i)/m⌋.
 */
function spread(
  k: Build,
  of: { readonly multiplier: number; readonly channel: Int; readonly size: Width },
  each: (output: Int, lanes: readonly number[] | undefined) => void,
): void {
  const { multiplier, channel, size } = of;
  if (multiplier === 1) return each(channel, undefined);
  const first = k.letInt("co", mulInt(channel, multiplier));
  for (let part = 0; part < multiplier; part += 1) {
    if (size === "f32") each(int("add", first, part), undefined);
    else
      each(
        int("add", first, part * k.lanes),
        Array.from({ length: k.lanes }, (_, lane) => Math.floor((part * k.lanes + lane) / multiplier)),
      );
  }
}
