// Anchors of detectors: the places and sizes to which their boxes are relative.

import { checkOptions } from "#runtime/options.js";
import { describe } from "#runtime/ports.js";
import { expectNumber, tasks } from "./numbers.js";

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
  checkOptions(tasks, "ssdAnchors", options, anchorKinds);
  const { size, strides, minScale = 0.2, maxScale = 0.95, ratios = [1] } = options;
  const { interpolatedRatio = 1, reduceLowestLayer = false, fixedSize = false, offset = 0.5 } = options;
  const [width = 0, height = 0] = Array.isArray(size) ? (size as number[]) : [size as number, size as number];
  expectStrides("ssdAnchors", strides);
  for (const pixels of [width, height]) expectNumber("ssdAnchors: a size", pixels, 1, "whole");
  for (const ratio of ratios) expectNumber("ssdAnchors: a ratio", ratio, 0, "any");
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

const anchorKinds = {
  size: "",
  strides: "",
  minScale: "number",
  maxScale: "number",
  ratios: "Array",
  interpolatedRatio: "number",
  reduceLowestLayer: "boolean",
  fixedSize: "boolean",
  offset: "number",
};

/** Throws unless these are strides: whole numbers of pixels. */
export function expectStrides(call: string, strides: unknown): void {
  if (!Array.isArray(strides))
    throw new TypeError(`${call}: strides must be a list, not ${describe(strides)}`);
  for (const stride of strides) expectNumber(`${call}: a stride`, stride, 1, "whole");
}
