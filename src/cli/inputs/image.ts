// Images as inputs: decoded by sharp, then resized and normalized as an emitted module does it.

import { pictureInput } from "#backend/pictures.js";
import type { SampleInput } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Preprocess } from "#ir/preprocess.js";
import { normalizationProblem, pictureSize, preprocessProblem } from "#ir/preprocess.js";
import { elements } from "#ir/type.js";
import { readBytes } from "#node/read-file.js";
import { loadSharp } from "#node/sharp.js";
import { pixelValues } from "#runtime/pixels.js";

/** The endings of files that are read as images; of an animation, the first picture. */
export const imageEndings = [".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif"];

/** The same for messages. */
export const imageFiles = "images (.png, .jpg, .webp, .avif, .gif)";

/** Reads an image file for an input with a batch of 1. The image is rotated as its EXIF data says. */
export async function readImage(
  path: string,
  { name, shape, dtype = "f32" }: SampleInput,
  preprocess: Preprocess,
): Promise<Result<Float32Array>> {
  const problem =
    shape[0] === 1
      ? preprocessProblem(preprocess, { shape, dtype })
      : `an image fits an input of one sample, but this one is [${shape.join(", ")}]`;
  if (problem !== undefined) return { diagnostics: [error("wrong-input", `${path}: ${problem}`)] };
  const bytes = readBytes(path);
  if (!bytes.value) return { diagnostics: bytes.diagnostics };
  if (bytes.value.length === 0)
    return { diagnostics: [error("bad-image", `cannot read the image ${path}: the file is empty`)] };
  const { value: sharp, diagnostics } = await loadSharp("reading images");
  if (!sharp) return { diagnostics };
  try {
    const image = sharp(bytes.value, { failOn: "error", limitInputPixels: 2 ** 28 })
      .autoOrient()
      .toColourspace("srgb");
    const { data, info } = await image.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const values = new Float32Array(elements(shape));
    const input = pictureInput(name, preprocess, shape, dtype);
    pixelValues({ data, width, height }, { x: 0, y: 0, width, height }, input, values, 0);
    return { value: values, diagnostics: [] };
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
            help: ["is it a PNG, JPEG, WebP, AVIF or GIF file, and complete?"],
          },
        ),
      ],
    };
  }
}

/** Converts bytes of an array to values of an input of this shape, like the pixels of an image. */
export function normalizePixels(
  path: string,
  pixels: Float32Array,
  shape: readonly number[],
  preprocess: Preprocess,
): Result<Float32Array> {
  const { layout, scale, mean, std } = preprocess;
  const depth = pictureSize(shape, layout)?.depth ?? 1;
  const problem = normalizationProblem(preprocess, depth);
  if (problem !== undefined) return { diagnostics: [error("wrong-input", `${path}: ${problem}`)] };
  // Channels alternate every `plane` values: 1 if they are the last axis.
  const plane = layout === "nchw" ? elements(shape) / depth : 1;
  const per = (values: readonly number[], channel: number): number =>
    values[values.length === 1 ? 0 : channel] ?? 0;
  const value = Float32Array.from(pixels, (pixel, index) => {
    const channel = Math.floor(index / plane) % depth;
    return (pixel * scale - per(mean, channel)) / per(std, channel);
  });
  return { value, diagnostics: [] };
}
