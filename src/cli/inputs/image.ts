// Images as inputs: decoded and resized by sharp, then scaled and normalized.

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { elements } from "#ir/type.js";
import { readBytes } from "#node/read-file.js";
import { loadSharp } from "#node/sharp.js";
import type { ImageOptions } from "../options/image.js";

/**
 * Reads an image file for an input `[1, h, w, c]` with 1, 3 or 4 channels, or `[1, c, h, w]` as in ONNX. The image is rotated as its EXIF
 * data says, and stretched to h × w if it has another size. Transparency is dropped unless the input has a fourth channel.
 */
export async function readImage(
  path: string,
  shape: readonly number[],
  options: ImageOptions,
): Promise<Result<Float32Array>> {
  const isFirst = isChannelsFirst(shape);
  const [batch, height, width, depth = 0] = isFirst ? [0, 2, 3, 1].map((axis) => shape[axis]) : shape;
  if (shape.length !== 4 || batch !== 1 || !height || !width || !isDepth(depth)) {
    const message = `${path}: an image fits an input [1, h, w, 1, 3 or 4] or [1, 1, 3 or 4, h, w], but this one is [${shape.join(", ")}]`;
    return { diagnostics: [error("wrong-input", message)] };
  }
  const problem = wrongOptions(options, depth);
  if (problem !== undefined) return { diagnostics: [error("wrong-input", `${path}: ${problem}`)] };
  const bytes = readBytes(path);
  if (!bytes.value) return { diagnostics: bytes.diagnostics };
  if (bytes.value.length === 0)
    return { diagnostics: [error("bad-image", `cannot read the image ${path}: the file is empty`)] };
  const { value: sharp, diagnostics } = await loadSharp("reading images");
  if (!sharp) return { diagnostics };
  let pixels: Uint8Array;
  try {
    const image = sharp(bytes.value, { failOn: "error", limitInputPixels: 2 ** 28 })
      .autoOrient()
      .resize(width, height, { fit: "fill" })
      .toColourspace("srgb");
    const channels = depth === 4 ? image.ensureAlpha() : image.removeAlpha();
    pixels = await channels.raw().toBuffer();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return {
      diagnostics: [
        error(
          "bad-image",
          `cannot read the image ${path}: ${why
            .trim()
            .replace(/^Input buffer contains/, "it has an")
            .replace(/:$/, "")}`,
          {
            help: ["is it a PNG or JPEG file, and complete?"],
          },
        ),
      ],
    };
  }
  const values = normalize(depth === 1 ? toGray(pixels) : pixels, depth, options);
  return { value: isFirst ? channelsFirst(values, depth) : values, diagnostics: [] };
}

/** Converts bytes of an array to values of an input of this shape, like the pixels of an image. */
export function normalizePixels(
  path: string,
  pixels: Float32Array,
  shape: readonly number[],
  options: ImageOptions,
): Result<Float32Array> {
  const isFirst = isChannelsFirst(shape);
  const depth = isFirst ? (shape[1] ?? 1) : isDepth(shape.at(-1)) ? (shape.at(-1) ?? 1) : 1;
  const problem = wrongOptions(options, depth);
  if (problem !== undefined) return { diagnostics: [error("wrong-input", `${path}: ${problem}`)] };
  const plane = isFirst ? elements(shape) / depth : 1;
  return { value: normalize(pixels, depth, options, plane), diagnostics: [] };
}

function isDepth(extent: number | undefined): boolean {
  return extent === 1 || extent === 3 || extent === 4;
}

function isChannelsFirst(shape: readonly number[]): boolean {
  return shape.length === 4 && !isDepth(shape[3]) && isDepth(shape[1]);
}

/** Normalizes channels, which alternate every `plane` values: 1 if they are the last axis. */
function normalize(
  pixels: Uint8Array | Float32Array,
  depth: number,
  { scale, mean, std }: ImageOptions,
  plane = 1,
): Float32Array {
  const per = (values: readonly number[], channel: number): number =>
    values[values.length === 1 ? 0 : channel] ?? 0;
  return Float32Array.from(pixels, (pixel, index) => {
    const channel = Math.floor(index / plane) % depth;
    return (pixel * scale - per(mean, channel)) / per(std, channel);
  });
}

/** [h · w, c] → [c, h · w]. */
function channelsFirst(values: Float32Array, depth: number): Float32Array {
  const pixels = values.length / depth;
  return Float32Array.from(values, (_, at) => values[(at % pixels) * depth + Math.floor(at / pixels)] ?? 0);
}

/**
 * Luma of ITU-R BT.601 in the fixed-point form of Pillow, with which most grayscale networks were trained. The
 * weights sum to 2¹⁶, so a gray pixel does not change.
 */
function toGray(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = rgb.subarray(3 * pixel, 3 * pixel + 3);
    return (19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16;
  });
}

function wrongOptions({ scale, mean, std }: ImageOptions, depth: number): string | undefined {
  for (const [name, values] of [
    ["mean", mean],
    ["std", std],
  ] as const) {
    if (values.length !== 1 && values.length !== depth)
      return `${name} has ${values.length} numbers, but the input has ${depth === 1 ? "one channel" : `${depth} channels`}`;
  }
  if (![scale, ...mean, ...std].every(Number.isFinite)) return "scale, mean and std must be finite numbers";
  return std.includes(0) ? "std must not be 0" : undefined;
}
