// Draws values as images: one for each channel, in colours from low to high; three channels of an input as one picture.

import { greatest, least } from "#diagnostic/extremes.js";
import type { ChannelImages, Film, NodeVersion, StepNumber, ValueRow } from "../data.js";
import { contextOf } from "./dom.js";

export interface Images {
  /** The value of a node in a step; undefined if the film has none for its shape. */
  valueOf(node: NodeVersion, step: StepNumber): ValueRow | undefined;
  /** The first channels side by side. */
  strip(node: NodeVersion, step: StepNumber): HTMLCanvasElement | undefined;
  /** One channel. */
  channel(image: ChannelImages, index: number): HTMLCanvasElement;
  /** An input's channels as red, green and blue, if it looks like a picture. */
  picture(node: NodeVersion, step: StepNumber): HTMLCanvasElement | undefined;
  /** The number that an element of a channel stands for. */
  number(image: ChannelImages, channel: number, y: number, x: number): number;
}

/** Channels of a strip. */
const mostChannels = 5;

export function createImages({ values }: Film, codes: Uint8Array): Images {
  const rows = new Map<number, ValueRow[]>();
  for (const row of values?.rows ?? []) rows.set(row.node, [...(rows.get(row.node) ?? []), row]);
  const strips = new Map<ValueRow, HTMLCanvasElement>();

  const valueOf = ({ id, shape }: NodeVersion, step: StepNumber): ValueRow | undefined => {
    const own = (rows.get(id) ?? []).filter((row) => row.shape.join() === shape.join());
    return own.find(({ born, died }) => born <= step && step < died) ?? own[0];
  };
  const code = (image: ChannelImages, channel: number, element: number): number =>
    codes[image.at + channel * image.height * image.width + element] ?? 0;

  const channel = (image: ChannelImages, index: number): HTMLCanvasElement =>
    pixels(image.height, image.width, (element) => colours[code(image, index, element)] ?? colours[0]);

  const picture = (node: NodeVersion, step: StepNumber): HTMLCanvasElement | undefined => {
    const image = valueOf(node, step)?.image;
    if (node.op !== "input" || image?.low.length !== 3 || image.of[2] !== 3) return undefined;
    // One range for all three, so that colours stay what they are.
    const low = least(image.low);
    const high = greatest(image.high);
    const level = (index: number, element: number): number => {
      const [from = 0, to = 0] = [image.low[index], image.high[index]];
      const value = from + (code(image, index, element) / 255) * (to - from);
      return high > low ? Math.round(((value - low) / (high - low)) * 255) : 0;
    };
    return pixels(image.height, image.width, (element) => [
      level(0, element),
      level(1, element),
      level(2, element),
    ]);
  };

  const strip = (node: NodeVersion, step: StepNumber): HTMLCanvasElement | undefined => {
    const row = valueOf(node, step);
    if (!row) return undefined;
    const known = strips.get(row);
    if (known) return known;
    const made = picture(node, step) ?? channelStrip(row.image, channel);
    strips.set(row, made);
    return made;
  };

  const number = (image: ChannelImages, index: number, y: number, x: number): number => {
    const [from = 0, to = 0] = [image.low[index], image.high[index]];
    return from + (code(image, index, y * image.width + x) / 255) * (to - from);
  };

  return { valueOf, strip, channel, picture, number };
}

function channelStrip(
  image: ChannelImages,
  channel: (image: ChannelImages, index: number) => HTMLCanvasElement,
): HTMLCanvasElement {
  const count = Math.min(mostChannels, image.low.length);
  const canvas = document.createElement("canvas");
  const gap = count > 1 ? Math.max(1, Math.round(image.width / 16)) : 0;
  canvas.width = count * image.width + (count - 1) * gap;
  canvas.height = image.height;
  const context = contextOf(canvas);
  for (let at = 0; at < count; at += 1) context.drawImage(channel(image, at), at * (image.width + gap), 0);
  return canvas;
}

type Colour = readonly [red: number, green: number, blue: number];

function pixels(
  height: number,
  width: number,
  colour: (element: number) => Colour | undefined,
): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const data = new ImageData(width, height);
  for (let element = 0; element < width * height; element += 1)
    data.data.set([...(colour(element) ?? [0, 0, 0]), 255], 4 * element);
  contextOf(canvas).putImageData(data, 0, 0);
  return canvas;
}

/** Points of the colour map viridis (Smith and van der Walt, 2015), from dark to light. */
const viridis: readonly Colour[] = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
  [253, 231, 37],
];

/** The colour of each code. */
const colours: readonly Colour[] = Array.from({ length: 256 }, (_, code): Colour => {
  const place = (code / 255) * (viridis.length - 1);
  const [from, to] = [viridis[Math.floor(place)], viridis[Math.ceil(place)]];
  const mix = (axis: 0 | 1 | 2): number =>
    Math.round((from?.[axis] ?? 0) + (place % 1) * ((to?.[axis] ?? 0) - (from?.[axis] ?? 0)));
  return [mix(0), mix(1), mix(2)];
});
