// Boxes of detectors: anchors, boxes relative to them, the best of those that overlap, and their places in a picture.

import type { Picture } from "#runtime/pictures.js";
import { pictureRegion } from "#runtime/pictures.js";
import type { PictureInput } from "#runtime/pixels.js";
import { placing } from "#runtime/pixels.js";

/** How a detector's anchors lie: the options of MediaPipe's SsdAnchorsCalculator, with its defaults. */
export interface AnchorOptions {
  /** Width and height of the input in pixels, or both if they are equal. */
  readonly size: number | readonly [width: number, height: number];
  /** Pixels between anchors, one for each layer. Layers one after another with the same stride share their places. */
  readonly strides: readonly number[];
  /** Sizes of anchors relative to the input, of the first and of the last layer. */
  readonly minScale?: number;
  readonly maxScale?: number;
  /** Width divided by height. */
  readonly ratios?: readonly number[];
  /** The ratio of one more anchor of each layer, between its scale and the next one's; 0 for none. */
  readonly interpolatedRatio?: number;
  /** Whether the first layer has only the ratios 1 (with the scale 0.1), 2 and 1/2. */
  readonly reduceLowestLayer?: boolean;
  /** Whether all anchors have the width and the height 1. */
  readonly fixedSize?: boolean;
  /** Where in its cell an anchor is. */
  readonly offset?: number;
}

/**
 * The anchors of an SSD detector, rows of center x, center y, width and height, all relative to the input (0 to 1). They are in the order
 * of MediaPipe: by layer, row, column, and then anchors of one place. Throws unless sizes and strides are whole numbers of pixels.
 */
export function ssdAnchors(options: AnchorOptions): Float32Array {
  const { size, strides, minScale = 0.2, maxScale = 0.95, ratios = [1] } = options;
  const { interpolatedRatio = 1, reduceLowestLayer = false, fixedSize = false, offset = 0.5 } = options;
  const [width, height] = typeof size === "number" ? [size, size] : size;
  for (const [what, pixels] of [
    ["size", width],
    ["size", height],
    ...strides.map((one) => ["stride", one] as const),
  ] as const)
    if (!(Number.isSafeInteger(pixels) && pixels > 0))
      throw new RangeError(`ssdAnchors: a ${what} must be a whole number of pixels from 1 up, not ${pixels}`);
  const scaleOf = (layer: number): number =>
    strides.length === 1
      ? (minScale + maxScale) / 2
      : minScale + ((maxScale - minScale) * layer) / (strides.length - 1);
  /** Width and height of the anchors of one place. */
  const sizesOf = (layer: number): (readonly [number, number])[] => {
    const scale = scaleOf(layer);
    const next = layer === strides.length - 1 ? 1 : scaleOf(layer + 1);
    const scales: (readonly [scale: number, ratio: number])[] =
      layer === 0 && reduceLowestLayer
        ? [
            [0.1, 1],
            [scale, 2],
            [scale, 0.5],
          ]
        : [
            ...ratios.map((ratio) => [scale, ratio] as const),
            ...(interpolatedRatio > 0 ? [[Math.sqrt(scale * next), interpolatedRatio] as const] : []),
          ];
    return scales.map(([one, ratio]) =>
      fixedSize ? [1, 1] : [one * Math.sqrt(ratio), one / Math.sqrt(ratio)],
    );
  };
  const anchors: number[] = [];
  for (let layer = 0; layer < strides.length;) {
    const stride = strides[layer] ?? 1;
    const sizes: (readonly [number, number])[] = [];
    for (; layer < strides.length && strides[layer] === stride; layer++)
      for (const one of sizesOf(layer)) sizes.push(one);
    const [columns, rows] = [Math.ceil(width / stride), Math.ceil(height / stride)];
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++)
        for (const [w, h] of sizes) anchors.push((x + offset) / columns, (y + offset) / rows, w, h);
  }
  return Float32Array.from(anchors);
}

/** How boxes are written relative to anchors. */
export interface BoxOptions {
  /** By what a net's numbers are divided: one number, or one each for x, y, width and height. MediaPipe's nets have their size here. */
  readonly scale?: number | readonly [x: number, y: number, width: number, height: number];
  /** Whether width and height are exponents, as in TensorFlow's object detection (with the scale [10, 10, 5, 5]). */
  readonly exponential?: boolean;
  /** Whether y comes before x, and height before width. */
  readonly yFirst?: boolean;
}

/**
 * The boxes of an SSD detector, rows of left, top, right and bottom relative to the input (0 to 1). `raw` has a row for each anchor, which
 * begins with the center and the size; what follows in it (key points, say) is left out.
 */
export function ssdBoxes(
  raw: ArrayLike<number>,
  anchors: ArrayLike<number>,
  { scale = 1, exponential = false, yFirst = false }: BoxOptions = {},
): Float32Array {
  const count = anchors.length / 4;
  const length = raw.length / count;
  if (!Number.isInteger(length) || length < 4)
    throw new RangeError(`${raw.length} numbers are not at least 4 for each of ${count} anchors`);
  const divisors = typeof scale === "number" ? [scale, scale, scale, scale] : scale;
  const order = yFirst ? [1, 0, 3, 2] : [0, 1, 2, 3];
  const boxes = new Float32Array(4 * count);
  for (let at = 0; at < count; at++) {
    const number = (index: number): number =>
      (raw[at * length + (order[index] ?? 0)] ?? 0) / (divisors[index] ?? 1);
    const anchor = (index: number): number => anchors[4 * at + index] ?? 0;
    for (const axis of [0, 1]) {
      const center = number(axis) * anchor(2 + axis) + anchor(axis);
      const relative = number(2 + axis);
      const extent = anchor(2 + axis) * (exponential ? Math.exp(relative) : relative);
      boxes[4 * at + axis] = center - extent / 2;
      boxes[4 * at + 2 + axis] = center + extent / 2;
    }
  }
  return boxes;
}

/** A box that was found. */
export interface Detection {
  /** The number of the box among those given. */
  readonly index: number;
  readonly score: number;
  /** Its left and top end, in the units of the boxes given. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What `nms` takes. */
export interface NmsOptions {
  /** Boxes with a score up to this are left out; 0 by default. */
  readonly score?: number;
  /** Of boxes whose intersection is more than this part of their union, only the best stays; 0.5 by default. */
  readonly overlap?: number;
  /** The largest number of boxes; all by default. */
  readonly most?: number;
  /** The class of each box: boxes of different classes may overlap. */
  readonly classes?: ArrayLike<number>;
}

/**
 * Non-maximum suppression: the boxes with the highest scores that do not overlap, best first, as ONNX's NonMaxSuppression selects them.
 * `boxes` has rows of left, top, right and bottom, in any units. Boxes with coordinates that are not finite are left out.
 */
export function nms(
  boxes: ArrayLike<number>,
  scores: ArrayLike<number>,
  { score: least = 0, overlap = 0.5, most = Number.POSITIVE_INFINITY, classes }: NmsOptions = {},
): Detection[] {
  if (boxes.length !== 4 * scores.length)
    throw new RangeError(`${boxes.length} numbers are not 4 for each of ${scores.length} scores`);
  const of = (index: number): number => scores[index] ?? 0;
  const order = Array.from({ length: scores.length }, (_, index) => index)
    .filter((index) => of(index) > least)
    .sort((a, b) => of(b) - of(a) || a - b);
  const found: Detection[] = [];
  for (const index of order) {
    if (found.length >= most) break;
    const [left = 0, top = 0, right = 0, bottom = 0] = [0, 1, 2, 3].map((at) => boxes[4 * index + at]);
    const [x, y] = [Math.min(left, right), Math.min(top, bottom)];
    const [width, height] = [Math.abs(right - left), Math.abs(bottom - top)];
    // A box that is nowhere overlaps no other.
    if (![x, y, width, height].every(Number.isFinite)) continue;
    const own = { index, score: of(index), x, y, width, height };
    const isLess = found.some(
      (other) => (!classes || classes[other.index] === classes[index]) && overlapOf(own, other) > overlap,
    );
    if (!isLess) found.push(own);
  }
  return found;
}

/** The intersection of two boxes divided by their union; 0 if they have no area. */
function overlapOf(a: Detection, b: Detection): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (a.width * a.height + b.width * b.height - both);
}

/**
 * Points of an input (x and y in turn, 0 to 1; boxes are two points) as pixels of the picture that it was made from, whatever part of it
 * became the input. `input` is `net.pictures.NAME`. Throws a TypeError if the picture or the input is none.
 */
export function inPicture(points: ArrayLike<number>, picture: Picture, input: PictureInput): Float32Array {
  if (typeof (input as unknown) !== "object" || input === null)
    throw new TypeError(`inPicture: the input must be net.pictures.NAME, not ${String(input)}`);
  const { from, width, height } = placing(pictureRegion(picture, "inPicture: the picture"), input);
  const left = (input.width - width) >> 1;
  const top = (input.height - height) >> 1;
  return Float32Array.from(points, (point, at) =>
    at % 2 === 0
      ? from.x + ((point * input.width - left) * from.width) / width
      : from.y + ((point * input.height - top) * from.height) / height,
  );
}
