// How pictures become values of an input: the facts that a model, a text or an option states, and their defaults.

import { greatest, least } from "#diagnostic/extremes.js";
import type { TensorType } from "./type.js";
import { integerRanges, isInteger } from "./type.js";

/** The order of the axes of pictures: `[batch, height, width, channels]` or `[batch, channels, height, width]`. */
export type Layout = "nhwc" | "nchw";

export const layouts: readonly Layout[] = ["nhwc", "nchw"];
export const fits = ["stretch", "cover", "contain"] as const;
export const orders = ["rgb", "bgr"] as const;

/**
 * How pictures become values of an input. The central part of a picture (`crop`) is fitted into the input's width and height; each byte
 * of a pixel, from 0 to 255, becomes (byte · scale − mean) / std.
 */
export interface Preprocess {
  readonly scale: number;
  /** One number, or one for each channel in the order of the input. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly order: (typeof orders)[number];
  /** `stretch`: to width and height, whatever its proportions; `cover`: its middle, as large as fits; `contain`: all of it, with borders. */
  readonly fit: (typeof fits)[number];
  /** The part of width and height that is used, from the middle: more than 0, at most 1. */
  readonly crop: number;
  /** The gray, 0 to 255, of borders and behind transparent pixels. */
  readonly pad: number;
  readonly layout: Layout;
}

type Normalization = Pick<Preprocess, "scale" | "mean" | "std">;

/** What holds where nothing is said. */
export function defaultPreprocess(type: TensorType): Preprocess {
  return {
    // Pixels of an input of integers stay integers.
    scale: isInteger(type.dtype) ? 1 : 1 / 255,
    mean: [0],
    std: [1],
    order: "rgb",
    fit: "stretch",
    crop: 1,
    pad: 0,
    layout: usualLayout(type.shape),
  };
}

/** The layout that a shape suggests: the axis with 1, 3 or 4 extents is that of channels, and if both may be, the last one. */
function usualLayout(shape: readonly number[]): Layout {
  return shape.length === 4 && !isDepth(shape[3]) && isDepth(shape[1]) ? "nchw" : "nhwc";
}

/** The sizes of pictures in an input of this shape; undefined if it takes none. */
export function pictureSize(
  shape: readonly number[],
  layout: Layout,
): { readonly height: number; readonly width: number; readonly depth: number } | undefined {
  const axes = layout === "nhwc" ? [1, 2, 3] : [2, 3, 1];
  const [height = 0, width = 0, depth = 0] = axes.map((axis) => shape[axis]);
  return shape.length === 4 && isDepth(depth) && height > 0 && width > 0
    ? { height, width, depth }
    : undefined;
}

/** What an object from elsewhere says, such as that of a file; undefined if it is none, or a part of it is of another kind. */
export function readPreprocess(value: unknown): Partial<Preprocess> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const isNumber = (one: unknown): boolean => typeof one === "number";
  const kinds: { readonly [K in keyof Preprocess]: (one: unknown) => boolean } = {
    scale: isNumber,
    mean: (one) => Array.isArray(one) && one.every(isNumber),
    std: (one) => Array.isArray(one) && one.every(isNumber),
    order: (one) => (orders as readonly unknown[]).includes(one),
    fit: (one) => (fits as readonly unknown[]).includes(one),
    crop: isNumber,
    pad: isNumber,
    layout: (one) => (layouts as readonly unknown[]).includes(one),
  };
  const entries = Object.entries(value).filter(([key]) => Object.hasOwn(kinds, key));
  const isRight = entries.every(([key, one]) => kinds[key as keyof Preprocess](one));
  return isRight ? Object.fromEntries(entries) : undefined;
}

/** Why pictures cannot become values of an input in this way; undefined if they can. */
export function preprocessProblem(preprocess: Preprocess, { shape }: TensorType): string | undefined {
  const { crop, pad, layout } = preprocess;
  const size = pictureSize(shape, layout);
  if (!size) {
    const wanted = layout === "nhwc" ? "[n, height, width, 1, 3 or 4]" : "[n, 1, 3 or 4, height, width]";
    return `pictures fit an input ${wanted}, but this one is [${shape.join(", ")}]`;
  }
  const wrong = normalizationProblem(preprocess, size.depth);
  if (wrong !== undefined) return wrong;
  if (!(crop > 0 && crop <= 1)) return "crop must be more than 0 and at most 1";
  const isGray = Number.isInteger(pad) && pad >= 0 && pad <= 255;
  return isGray ? undefined : "pad must be a gray, a whole number from 0 to 255";
}

/** Why values of pixels cannot all be elements of an input of integers; undefined if they can. */
export function rangeProblem(preprocess: Preprocess, { dtype }: TensorType): string | undefined {
  if (!isInteger(dtype)) return undefined;
  const [from, to] = integerRanges[dtype];
  const rangeOf = (mean: readonly number[]): number[] =>
    valueRange({ ...preprocess, mean }).map((value) => Math.round(value));
  const fits = ([low = 0, high = 0]: readonly number[]): boolean => low >= from && high <= to;
  const range = rangeOf(preprocess.mean);
  if (fits(range)) return undefined;
  const [low = 0, high = 0] = range;
  const wrong = `pixels become ${low} to ${high}, but the input is ${dtype}: integers from ${from} to ${to}`;
  // What moves the least value to the least integer.
  const mean = (preprocess.mean[0] ?? 0) + (low - from) * (preprocess.std[0] ?? 1);
  return fits(rangeOf([mean])) ? `${wrong}; a mean of ${mean} makes them fit` : wrong;
}

/** The least and the greatest value of pixels. */
export function valueRange(preprocess: Normalization): readonly [number, number] {
  const ends = channelEnds(preprocess).flat();
  return [least(ends), greatest(ends)];
}

/** The values of the bytes 0 and 255 in each channel. */
function channelEnds({ scale, mean, std }: Normalization): (readonly [number, number])[] {
  const of = (values: readonly number[], c: number): number => values[values.length === 1 ? 0 : c] ?? 0;
  return Array.from({ length: Math.max(mean.length, std.length) }, (_, c) => {
    const valueOf = (byte: number): number => (byte * scale - of(mean, c)) / of(std, c);
    return [valueOf(0), valueOf(255)];
  });
}

/** Why bytes of `depth` channels cannot become numbers in this way; undefined if they can. */
export function normalizationProblem({ scale, mean, std }: Normalization, depth: number): string | undefined {
  for (const [name, values] of [
    ["mean", mean],
    ["std", std],
  ] as const) {
    if (values.length !== 1 && values.length !== depth)
      return `${name} has ${values.length} numbers, but the input has ${depth === 1 ? "one channel" : `${depth} channels`}`;
  }
  if (![scale, ...mean, ...std].every(Number.isFinite)) return "scale, mean and std must be finite numbers";
  if (std.includes(0)) return "std must not be 0";
  for (const ends of channelEnds({ scale, mean, std })) {
    const [black = 0, white = 0] = ends.map(Math.fround);
    if (!Number.isFinite(black) || !Number.isFinite(white))
      return `pixels become ${ends.join(" to ")} by scale, mean and std, which are beyond the numbers of f32`;
    if (black === white) return `all pixels become ${black} by scale, mean and std`;
  }
  return undefined;
}

/** Why names of classes do not fit an output; undefined if they do. The output has one value for each, along its last axis. */
export function labelsProblem(labels: readonly string[], { shape }: TensorType): string | undefined {
  const classes = classesOf(shape);
  const has = `there ${labels.length === 1 ? "is 1 label" : `are ${labels.length} labels`}`;
  if (classes === undefined)
    return `${has}, but the output is [${shape.join(", ")}], which has no axis of classes`;
  return labels.length === classes ? undefined : `${has}, but the output has ${classes} values`;
}

/** The number of classes of an output `[n, classes]`, where axes with one extent do not count; undefined if it has further axes. */
export function classesOf(shape: readonly number[]): number | undefined {
  const wide = shape.slice(1).filter((extent) => extent !== 1);
  return shape.length < 2 || wide.length > 1 ? undefined : (wide[0] ?? 1);
}

function isDepth(extent: number | undefined): boolean {
  return extent === 1 || extent === 3 || extent === 4;
}
