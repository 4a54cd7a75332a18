// The values of nodes for one input, for a film: statistics of all elements, and small images of channels.

import { openProbes } from "#calibrate/probes.js";
import type { Sample } from "#calibrate/samples.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { channelsFirst } from "#ops/layout.js";
import type { ChannelImages, ValueRow } from "./data.js";

/** Values of a graph, and the steps that they belong to. */
export interface ValueRequest {
  readonly module: Module;
  readonly nodes: readonly NodeId[];
  readonly born: number;
  readonly died: number;
}

export interface FilmValues {
  readonly rows: readonly ValueRow[];
  readonly codes: Uint8Array;
  /** How much of the images was left out, if anything. */
  readonly omitted: readonly string[];
}

/** The values for a sample, or the reason why they cannot be computed. */
export async function valuesOf(
  requests: readonly ValueRequest[],
  sample: Sample,
): Promise<Result<FilmValues>> {
  const planes = requests.map(({ module: { graph }, nodes }) => {
    const moved = channelsFirst(graph);
    return new Map(nodes.map((id) => [id, planesOf(nodeOf(graph, id).type.shape, moved.has(id))]));
  });
  const size = sizeFor(planes.flatMap((one) => [...one.values()]));
  const rows: ValueRow[] = [];
  const images: Uint8Array[] = [];
  const diagnostics: Diagnostic[] = [];
  let at = 0;
  for (const [index, { module, nodes, born, died }] of requests.entries()) {
    if (nodes.length === 0) continue;
    const { value: probes, diagnostics: wrong } = await openProbes(module, nodes);
    if (!probes) return { diagnostics: wrong };
    const values = await probes.run(sample);
    for (const [id, data] of values) {
      const { shape } = nodeOf(module.graph, id).type;
      const { image, codes } = imagesOf(planes[index]?.get(id) ?? planesOf(shape), data, size, at);
      at += codes.length;
      images.push(codes);
      rows.push({ node: id, shape, born, died, ...statistics(data), image });
    }
    probes.dispose();
  }
  const codes = new Uint8Array(at);
  let place = 0;
  for (const one of images) {
    codes.set(one, place);
    place += one.length;
  }
  const omitted =
    size.channels === Number.POSITIVE_INFINITY && size.edge === Number.POSITIVE_INFINITY
      ? []
      : [
          `Images show at most ${size.channels} channels of a value, of at most ${size.edge}×${size.edge} pixels.`,
        ];
  return { value: { rows, codes, omitted }, diagnostics };
}

/** The nodes of a graph whose values a film shows. */
export function shownNodes({ nodes }: Graph): NodeId[] {
  return [...nodes.values()].flatMap(({ id, op }) => (op === "constant" ? [] : [id]));
}

interface ImageSize {
  readonly channels: number;
  readonly edge: number;
}

/** The most bytes of all images. */
const mostBytes = 3 * 2 ** 20;

/** Sizes of images, the best first. */
const sizes: readonly ImageSize[] = [
  { channels: Number.POSITIVE_INFINITY, edge: Number.POSITIVE_INFINITY },
  { channels: 64, edge: 64 },
  { channels: 32, edge: 48 },
  { channels: 16, edge: 48 },
  { channels: 12, edge: 32 },
  { channels: 8, edge: 24 },
  { channels: 5, edge: 16 },
];

/** The best size with which the images of all values have no more than `mostBytes`. */
function sizeFor(values: readonly Planes[]): ImageSize {
  const fits = (size: ImageSize): boolean =>
    values.reduce((sum, planes) => {
      const { height, width, channels } = shownExtents(planes, size);
      return sum + height * width * channels;
    }, 0) <= mostBytes;
  return sizes.find(fits) ?? { channels: 1, edge: 8 };
}

/** A value as images of channels: how many rows, columns and channels there are, and how far apart in the data. */
interface Planes {
  readonly of: readonly [height: number, width: number, channels: number];
  readonly strides: readonly [y: number, x: number, channel: number];
}

/** The channels of an image, the rows of a matrix, or one long row. */
function planesOf(shape: Shape, isChannelsFirst = false): Planes {
  const inner = shape[0] === 1 ? shape.slice(1) : shape;
  const [a = 1, b = 1, c = 1] = inner;
  if (inner.length === 3 && isChannelsFirst) return { of: [b, c, a], strides: [c, 1, b * c] };
  if (inner.length === 3) return { of: [a, b, c], strides: [b * c, c, 1] };
  if (inner.length === 2) return { of: [a, b, 1], strides: [b, 1, 0] };
  return { of: [1, elements(shape), 1], strides: [0, 1, 0] };
}

/** Most elements of a row that is shown as a strip. */
const mostWidth = 1024;

function shownExtents(
  { of: [height, width, channels] }: Planes,
  { channels: mostChannels, edge }: ImageSize,
) {
  const longest = height === 1 ? mostWidth : edge;
  const factor = Math.max(1, Math.ceil(height / longest), Math.ceil(width / longest));
  return {
    factor,
    height: Math.max(1, Math.floor(height / factor)),
    width: Math.max(1, Math.floor(width / factor)),
    channels: Math.min(channels, mostChannels),
  };
}

/** The images of the first channels; where they are smaller than the value, each pixel is the mean of a square. */
function imagesOf(
  planes: Planes,
  data: Float32Array,
  size: ImageSize,
  at: number,
): { readonly image: ChannelImages; readonly codes: Uint8Array } {
  const {
    of,
    strides: [down, right, next],
  } = planes;
  const { factor, height, width, channels } = shownExtents(planes, size);
  const codes = new Uint8Array(height * width * channels);
  const low: number[] = [];
  const high: number[] = [];
  const plane = new Float64Array(height * width);
  const tall = height === 1 && of[0] === 1 ? 1 : factor;
  for (let channel = 0; channel < channels; channel += 1) {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        let sum = 0;
        for (let dy = 0; dy < tall; dy += 1) {
          for (let dx = 0; dx < factor; dx += 1) {
            sum += data[(y * tall + dy) * down + (x * factor + dx) * right + channel * next] ?? 0;
          }
        }
        const mean = sum / (tall * factor);
        plane[y * width + x] = mean;
        if (!Number.isFinite(mean)) continue;
        least = Math.min(least, mean);
        most = Math.max(most, mean);
      }
    }
    if (least > most) [least, most] = [0, 0];
    low.push(rounded(least));
    high.push(rounded(most));
    const scale = most > least ? 255 / (most - least) : 0;
    for (const [element, value] of plane.entries())
      codes[channel * height * width + element] = Math.round(
        (Math.min(most, Math.max(least, Number.isNaN(value) ? least : value)) - least) * scale,
      );
  }
  return { image: { at, height, width, low, high, of }, codes };
}

/** Parts of the range in a histogram. */
const parts = 32;

function statistics(data: Float32Array) {
  let [min, max, sum, squares, zeros, nonFinite] = [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0,
    0,
    0,
    0,
  ];
  for (const value of data) {
    if (!Number.isFinite(value)) {
      nonFinite += 1;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === 0) zeros += 1;
    sum += value;
    squares += value * value;
  }
  const count = Math.max(1, data.length - nonFinite);
  if (min > max) [min, max] = [0, 0];
  const mean = sum / count;
  const histogram = Array.from({ length: parts }, () => 0);
  const scale = max > min ? parts / (max - min) : 0;
  for (const value of data) {
    if (!Number.isFinite(value)) continue;
    const part = Math.min(parts - 1, Math.floor((value - min) * scale));
    histogram[part] = (histogram[part] ?? 0) + 1;
  }
  return {
    min: rounded(min),
    max: rounded(max),
    mean: rounded(mean),
    deviation: rounded(Math.sqrt(Math.max(0, squares / count - mean * mean))),
    zeros: Number((zeros / count).toPrecision(4)),
    nonFinite,
    histogram,
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
