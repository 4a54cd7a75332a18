// Regions of images brought to one size: boxes that are cropped and resized, and features that are averaged over boxes.

import { elements } from "#ir/type.js";
import { placeLimit } from "#ops/gather.js";
import { keepBatch } from "#import/batch.js";
import { smallLimit } from "#import/builder.js";
import { bool, int64 } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { map, numbersOf, scalar, valueOf } from "#import/lowering.js";
import { needsConstant, refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import { combine } from "./broadcast.js";
import { picked } from "./gather.js";
import { reduced } from "./reduce.js";
import { reshaped } from "./reshape.js";
import type { Taps } from "./sampling.js";
import { channelsBehind, channelsSecond, clipped, crossed, rowsAt, tapsAt, weighed } from "./sampling.js";

/** Regions of images: four numbers for each, and the index of its image. */
interface Regions {
  /** [regions, 4]. */
  readonly boxes: Value;
  /** [regions], counted from 0. */
  readonly images: Value;
}

type Size = readonly [height: number, width: number];

function checkRegions(ctx: Lowering, x: Value, { boxes, images }: Regions, size: Size): void {
  const [count = 0, numbers] = boxes.shape;
  if (x.shape.length !== 4 || boxes.shape.length !== 2 || numbers !== 4 || images.shape.length !== 1)
    refuse(
      "shape-mismatch",
      `the boxes [${boxes.shape.join(", ")}] do not fit the images [${x.shape.join(", ")}]`,
    );
  if (images.shape[0] !== count)
    refuse("shape-mismatch", `${count} boxes have ${images.shape[0]} indices of images`);
  if (count === 0) refuse("shape-mismatch", "the list of boxes is empty");
  if (!size.every((extent) => Number.isInteger(extent) && extent >= 1 && extent <= smallLimit))
    refuse("bad-model", `regions cannot have the size [${size.join(", ")}]`);
  keepBatch(ctx, x, 0, "it takes regions of single samples");
  if (elements(x.shape) > placeLimit * (x.shape[3] ?? 1))
    refuse("too-large", `places in [${x.shape.join(", ")}] are not exact in f32, which holds up to 2^24`);
  if (images.ref.kind !== "constant") return;
  const given = numbersOf(images, "the images of the regions");
  const wrong = given.find((at) => !Number.isInteger(at) || at < 0 || at >= (x.shape[0] ?? 1));
  if (wrong !== undefined) refuse("bad-model", `a region is in image ${wrong} of ${x.shape[0] ?? 1}`);
}

/** One of the four numbers of each box, [regions, 1]. */
function column(ctx: Lowering, boxes: Value, at: number): Value {
  return picked(ctx, boxes, 1, [at]);
}

/** The taps along both axes as places in all images [n, h, w, c], merged into one axis: [regions, height · width, taps]. */
function tapsOf(ctx: Lowering, x: Value, images: Value, [rows, columns]: readonly [Taps, Taps]): Taps {
  const [, h = 1, w = 1] = x.shape;
  const [count = 1, height = 1, down = 1] = rows.places.shape;
  const [, width = 1, across = 1] = columns.places.shape;
  const spread = ({ places, weights }: Taps, lead: readonly number[]): Taps => ({
    places: reshaped(ctx, places, lead),
    weights: weights && reshaped(ctx, weights, lead),
  });
  const { places, weights } = crossed(
    ctx,
    [spread(rows, [count, height, 1, down]), spread(columns, [count, 1, width, across])],
    [h, w],
  );
  const shape = [count, height * width, down * across];
  const first = combine(ctx, "mul", [reshaped(ctx, images, [count, 1, 1, 1]), scalar(ctx, h * w)]);
  const all = combine(ctx, "add", [places, first], { type: int64 });
  return { places: reshaped(ctx, all, shape), weights: weights && reshaped(ctx, weights, shape) };
}

/** The images [n, h, w, c] as rows [n · h · w, c]. */
function rowsOf(ctx: Lowering, x: Value): Value {
  const [n = 1, h = 1, w = 1, c = 1] = x.shape;
  return reshaped(ctx, x, [n * h * w, c]);
}

/** 1 where a number is between `low` and `high`, both included, else 0. */
function between(ctx: Lowering, at: Value, low: number, high: number): Value {
  const isFrom = combine(ctx, "less_equal", [scalar(ctx, low), at], { type: bool });
  const isTo = combine(ctx, "less_equal", [at, scalar(ctx, high)], { type: bool });
  return combine(ctx, "mul", [isFrom, isTo]);
}

/** The taps around coordinates [regions, points] within an axis: [regions, points, taps]. */
function tapsWithin(ctx: Lowering, at: Value, extent: number, isNearest: boolean): Taps {
  const inside = clipped(ctx, reshaped(ctx, at, [...at.shape, 1]), 0, extent - 1);
  // A coordinate in the middle between two elements takes the second one.
  if (isNearest)
    return {
      places: clipped(ctx, map(ctx, "floor", combine(ctx, "add", [inside, scalar(ctx, 0.5)])), 0, extent - 1),
      weights: undefined,
    };
  const { places, weights } = tapsAt(ctx, inside, "linear");
  return { places: clipped(ctx, places, 0, extent - 1), weights };
}

export interface CropOptions {
  readonly size: Size;
  readonly isNearest: boolean;
  /** The value of points outside the image. */
  readonly outside: number;
}

/**
 * Crops boxes [top, left, bottom, right] out of images [n, h, w, c] and resizes them, with their corners in place: [regions, height, width,
 * c]. In the boxes, 0 and 1 are the centres of the outermost elements. As TensorFlow's CropAndResize; a flipped box gives a flipped result.
 */
export function cropAndResize(
  ctx: Lowering,
  x: Value,
  regions: Regions,
  { size, isNearest, outside }: CropOptions,
): Value {
  checkRegions(ctx, x, regions, size);
  const [, h = 1, w = 1, c = 1] = x.shape;
  const { boxes, images } = regions;
  const count = boxes.shape[0] ?? 1;
  const along = ([h, w] as const).map((extent, axis) => {
    const points = size[axis] ?? 1;
    const parts = points === 1 ? [0.5] : natural(points).map((at) => at / (points - 1));
    const [low, high] = [column(ctx, boxes, axis), column(ctx, boxes, axis + 2)];
    // Both ends are exact, so rounding cannot move a box that ends at 1 over the border.
    const way = combine(ctx, "mul", [
      combine(ctx, "sub", [high, low]),
      valueOf(ctx.build.literal(parts, [1, points])),
    ]);
    const at = combine(ctx, "mul", [combine(ctx, "add", [low, way]), scalar(ctx, extent - 1)]);
    return { taps: tapsWithin(ctx, at, extent, isNearest), isInside: between(ctx, at, 0, extent - 1) };
  });
  const [rows, columns] = along;
  if (!rows || !columns) refuse("bad-model", "images without two axes");
  const values = weighed(ctx, rowsOf(ctx, x), tapsOf(ctx, x, images, [rows.taps, columns.taps]), false);
  const [height, width] = size;
  const isInside = combine(ctx, "mul", [
    reshaped(ctx, rows.isInside, [count, height, 1, 1]),
    reshaped(ctx, columns.isInside, [count, 1, width, 1]),
  ]);
  const result = reshaped(ctx, values, [count, height, width, c]);
  return combine(ctx, "where", [isInside, result, scalar(ctx, outside)], { type: x.type });
}

export interface AlignOptions {
  readonly size: Size;
  /** The factor from coordinates of boxes to elements. */
  readonly scale: number;
  /** Points of each cell along an axis; 0 takes one for each element that the cell covers. */
  readonly ratio: number;
  /** Whether integer coordinates are the edges of elements. Else they are the centres, and each box is at least one element large. */
  readonly isHalfPixel: boolean;
  readonly ofGreatest: boolean;
}

/**
 * Divides boxes [left, top, right, bottom] of images [n, c, h, w] into cells, samples points in each cell and averages them (He et al.
 * 2017, Mask R-CNN): [regions, c, height, width]. `ofGreatest` takes the greatest product of a neighbour and its weight instead, as
 * onnxruntime does.
 */
export function roiAlign(ctx: Lowering, given: Value, regions: Regions, options: AlignOptions): Value {
  if (given.shape.length !== 4)
    refuse("shape-mismatch", `the images of regions have four axes, not [${given.shape.join(", ")}]`);
  const x = channelsBehind(ctx, given);
  const { size, ofGreatest } = options;
  checkRegions(ctx, x, regions, size);
  const [, h = 1, w = 1, c = 1] = x.shape;
  const count = regions.boxes.shape[0] ?? 1;
  const rows = cellTaps(ctx, regions.boxes, 1, h, size[0], options);
  const columns = cellTaps(ctx, regions.boxes, 0, w, size[1], options);
  const taps = tapsOf(ctx, x, regions.images, [rows, columns]);
  const flat = rowsOf(ctx, x);
  const [height, width] = size;
  const weights = taps.weights ?? scalar(ctx, 1);
  const values = ofGreatest
    ? reduced(
        ctx,
        "reduce_max",
        combine(ctx, "mul", [
          rowsAt(ctx, flat, taps.places, false),
          reshaped(ctx, weights, [...weights.shape, 1]),
        ]),
        [2],
        false,
      )
    : weighed(ctx, flat, taps, false);
  return channelsSecond(ctx, reshaped(ctx, values, [count, height, width, c]));
}

/** The taps of the points of all cells along one axis, [regions, cells, points · 2]. */
function cellTaps(
  ctx: Lowering,
  boxes: Value,
  from: number,
  extent: number,
  cells: number,
  { scale, ratio, isHalfPixel, ofGreatest }: AlignOptions,
): Taps {
  const count = boxes.shape[0] ?? 1;
  const edge = (at: number): Value => {
    const scaled = combine(ctx, "mul", [column(ctx, boxes, at), scalar(ctx, scale)]);
    return isHalfPixel ? combine(ctx, "sub", [scaled, scalar(ctx, 0.5)]) : scaled;
  };
  const [start, end] = [edge(from), edge(from + 2)];
  const span = combine(ctx, "sub", [end, start]);
  const length = isHalfPixel ? span : combine(ctx, "max", [span, scalar(ctx, 1)]);
  const points = pointsOf(length, cells, ratio);
  const most = points.reduce((greatest, own) => Math.max(greatest, own), 1);
  if (points.length * cells * most > smallLimit)
    refuse("too-large", `${points.length} regions with ${cells} cells of ${most} points each are too many`);
  // A region with fewer points than others repeats its last point, with weight 0.
  const parts = points.flatMap((own) =>
    natural(cells * most).map((at) => {
      const [cell, point] = [Math.floor(at / most), Math.min(at % most, Math.max(0, own - 1))];
      return (cell + (point + 0.5) / Math.max(1, own)) / cells;
    }),
  );
  const shares = points.flatMap((own) =>
    natural(cells * most).map((at) => {
      if (ofGreatest) return own === 0 ? 0 : 1;
      return at % most < own ? 1 / own : 0;
    }),
  );
  const table = (numbers: readonly number[]): Value =>
    valueOf(ctx.build.literal(numbers, [points.length, cells * most]));
  const at = combine(ctx, "add", [start, combine(ctx, "mul", [length, table(parts)])]);
  const { places, weights } = tapsWithin(ctx, at, extent, false);
  // Points more than one element outside the image are 0.
  const factors = combine(ctx, "mul", [between(ctx, at, -1, extent), table(shares)]);
  const all = combine(ctx, "mul", [
    weights ?? scalar(ctx, 1),
    reshaped(ctx, factors, [count, cells * most, 1]),
  ]);
  const shape = [count, cells, most * 2];
  return { places: reshaped(ctx, places, shape), weights: reshaped(ctx, all, shape) };
}

/** The number of points of a cell along an axis: one number for all regions, or one for each. */
function pointsOf(length: Value, cells: number, ratio: number): readonly number[] {
  if (ratio > 0) return [ratio];
  if (length.ref.kind !== "constant")
    needsConstant(
      "the number of points of a region is its size, which is computed",
      [length.ref],
      "export the model with a `sampling_ratio` above 0",
    );
  const lengths = numbersOf(length, "the sizes of the regions");
  if (!lengths.every(Number.isFinite)) refuse("bad-model", "regions without a size");
  return lengths.map((one) => Math.max(0, Math.ceil(Math.fround(one / cells))));
}
