// Maps that nets make of pictures: the peaks of heat maps, and masks as pictures.

import { expectNumber, expectNumbers, largest } from "./numbers.js";

/** The size of a map; its values lie in rows, and if it has channels, those of one place lie one after another. */
export interface MapSize {
  readonly width: number;
  readonly height: number;
  /** 1 by default. */
  readonly channels?: number;
  /** Whether each channel is a map of its own, one after another (`[channels, height, width]`); false by default. */
  readonly channelsFirst?: boolean;
}

/** A place in a heat map. */
export interface Peak {
  readonly x: number;
  readonly y: number;
  readonly channel: number;
  readonly value: number;
}

/** What `peaks` takes. */
export interface PeakOptions {
  /** Places with a value up to this are left out; 0 by default. */
  readonly value?: number;
  /** How far around a place all values must be smaller, in places; 1 by default. */
  readonly radius?: number;
  /** The largest number of peaks of each channel; all by default. */
  readonly most?: number;
}

/** The places of a heat map whose value is the largest around, largest first. Of equal values close to each other, the first one counts. */
export function peaks(
  map: ArrayLike<number>,
  size: MapSize,
  { value: least = 0, radius = 1, most = Number.POSITIVE_INFINITY }: PeakOptions = {},
): Peak[] {
  const { width, height } = size;
  const { channels, at } = placesOf(map, size);
  expectNumber("peaks: radius", radius, 0, "whole");
  const found: Peak[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const own: Peak[] = [];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = at(x, y, channel);
        if (value > least && isPeak(x, y, value, channel)) own.push({ x, y, channel, value });
      }
    for (const one of own.sort(byValue).slice(0, most)) found.push(one);
  }
  return found.sort(byValue);

  function isPeak(x: number, y: number, value: number, channel: number): boolean {
    for (let v = Math.max(0, y - radius); v <= Math.min(height - 1, y + radius); v++)
      for (let u = Math.max(0, x - radius); u <= Math.min(width - 1, x + radius); u++) {
        const other = at(u, v, channel);
        const isBefore = v < y || (v === y && u < x);
        if (other > value || (isBefore && other === value)) return false;
      }
    return true;
  }
}

function byValue(a: Peak, b: Peak): number {
  return b.value - a.value;
}

/** Red, green, blue, each from 0 to 255, and opacity from 0 to 1 (1 by default). */
export type Color = readonly [red: number, green: number, blue: number, opacity?: number];

/** Pixels like an ImageData, which it is where the engine has that class. */
export interface MaskImage {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly colorSpace?: string;
}

/**
 * A mask as pixels to draw over a picture. A mask with one channel has the first color, as opaque as its values say, from 0 to 1. Of several
 * channels, each place has the color of the one with the largest value; a channel without a color is transparent.
 */
export function maskToImageData(
  mask: ArrayLike<number>,
  size: MapSize,
  colors: readonly (Color | undefined)[] = [[255, 0, 0]],
): MaskImage {
  const { width, height } = size;
  const { channels, at } = placesOf(mask, size);
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to += 4) {
      const color = colors[largest(channels, (channel) => at(x, y, channel))];
      if (!color) continue;
      const [red, green, blue, opacity = 1] = color;
      data.set([red, green, blue, 255 * opacity * (channels === 1 ? at(x, y, 0) : 1)], to);
    }
  const { ImageData: Image } = globalThis as unknown as {
    readonly ImageData?: new (data: Uint8ClampedArray, width: number, height: number) => MaskImage;
  };
  return Image ? new Image(data, width, height) : { data, width, height };
}

/** The number of channels, and the value at a place. Throws if the map has another number of values. */
export function placesOf(
  map: ArrayLike<number>,
  { width, height, channels = 1, channelsFirst = false }: MapSize,
): { readonly channels: number; readonly at: (x: number, y: number, channel: number) => number } {
  expectNumbers("the map", map);
  for (const [what, extent] of Object.entries({ width, height, channels }))
    expectNumber(`${what} of the map`, extent, 0, "whole");
  if (map.length !== width * height * channels)
    throw new RangeError(`${map.length} values are not a map of ${width} × ${height}, ${channels} channels`);
  const [step, next] = channelsFirst ? [1, width * height] : [channels, 1];
  return { channels, at: (x, y, channel) => map[(y * width + x) * step + channel * next] ?? 0 };
}
