// Images as inputs: decoded and resized by sharp, then scaled and normalized.

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { readBytes } from "../node.js";

/** How pixels become numbers: (pixel · scale − mean) / std, with pixels from 0 to 255; one mean and std, or one a channel. */
export interface ImageOptions {
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * An image file for an input `[1, h, w, c]` with 1, 3 or 4 channels: turned upright as its EXIF data says, and stretched
 * to h × w if it has another size. Transparency is dropped unless the input has it as its fourth channel.
 */
export async function readImage(
  path: string,
  shape: readonly number[],
  options: ImageOptions,
): Promise<Result<Float32Array>> {
  const [batch, height, width, depth] = shape;
  if (shape.length !== 4 || batch !== 1 || !height || !width || (depth !== 1 && depth !== 3 && depth !== 4)) {
    const message = `${path}: an image fits an input [1, h, w, 1, 3 or 4], but this one is [${shape.join(", ")}]`;
    return { diagnostics: [error("wrong-input", message)] };
  }
  const problem = wrongOptions(options, depth);
  if (problem !== undefined) return { diagnostics: [error("wrong-input", `${path}: ${problem}`)] };
  const bytes = readBytes(path);
  if (!bytes.value) return { diagnostics: bytes.diagnostics };
  if (bytes.value.length === 0)
    return { diagnostics: [error("bad-image", `cannot read the image ${path}: the file is empty`)] };
  // Loaded at the first image, since it takes 20 MB of memory.
  const { default: sharp } = await import("sharp");
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
  return { value: normalize(depth === 1 ? toGray(pixels) : pixels, depth, options), diagnostics: [] };
}

function normalize(pixels: Uint8Array, depth: number, { scale, mean, std }: ImageOptions): Float32Array {
  const per = (values: readonly number[], channel: number): number =>
    values[values.length === 1 ? 0 : channel] ?? 0;
  return Float32Array.from(pixels, (pixel, index) => {
    const channel = index % depth;
    return (pixel * scale - per(mean, channel)) / per(std, channel);
  });
}

/**
 * Luma of ITU-R BT.601 in the fixed point that Pillow uses, since that is what most grayscale networks were trained on. The
 * weights sum to 2¹⁶, so a gray pixel stays what it is.
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
