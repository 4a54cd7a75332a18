// Images as inputs: decoded and resized by sharp, then scaled and normalized.

import sharp from "sharp";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";

/** How pixels become numbers: (pixel · scale − mean) / std, per channel, with pixels from 0 to 255. */
export interface ImageOptions {
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** An image for an input `[1, h, w, c]` with 1, 3 or 4 channels; resized if it has another size. */
export async function readImage(
  path: string,
  shape: readonly number[],
  options: ImageOptions,
): Promise<Result<Float32Array>> {
  const [batch, height, width, depth] = shape;
  if (shape.length !== 4 || batch !== 1 || !height || !width || (depth !== 1 && depth !== 3 && depth !== 4)) {
    return {
      diagnostics: [
        error(
          "wrong-input",
          `${path}: an image fits an input [1, h, w, 1, 3 or 4], but this one is [${shape.join(", ")}]`,
        ),
      ],
    };
  }
  let pixels: Uint8Array;
  try {
    const image = sharp(path, { failOn: "error", limitInputPixels: 2 ** 28 }).resize(width, height, {
      fit: "fill",
    });
    const colored =
      depth === 1
        ? image.removeAlpha().toColourspace("b-w")
        : depth === 3
          ? image.removeAlpha().toColourspace("srgb")
          : image.ensureAlpha();
    pixels = await colored.raw().toBuffer();
  } catch (cause) {
    return {
      diagnostics: [error("bad-image", `cannot read the image ${path}: ${(cause as Error).message}`)],
    };
  }
  if (pixels.length !== height * width * depth) {
    return { diagnostics: [error("bad-image", `${path} does not have ${depth} channels`)] };
  }
  const per = (values: readonly number[], channel: number): number =>
    values[values.length === 1 ? 0 : channel] ?? 0;
  const data = Float32Array.from(pixels, (pixel, index) => {
    const channel = index % depth;
    return (pixel * options.scale - per(options.mean, channel)) / per(options.std, channel);
  });
  return { value: data, diagnostics: [] };
}
