// The keys of an ONNX model's metadata that tell of pictures and classes.

import type { Preprocess } from "#ir/preprocess.js";

/** Keys and values of ONNX's MetadataProps; they hold for all inputs that are images, and are read in any case of letters. */
export const imageKeys = { format: "Image.BitmapPixelFormat", range: "Image.NominalPixelRange" } as const;

/** The channels of each pixel format, in order. */
export const pixelFormats = {
  Gray8: { depth: 1, order: "rgb" },
  Rgb8: { depth: 3, order: "rgb" },
  Bgr8: { depth: 3, order: "bgr" },
  Rgba8: { depth: 4, order: "rgb" },
  Bgra8: { depth: 4, order: "bgr" },
} as const;

/** What becomes of bytes in each range. The first one holds where none is given. */
export const pixelRanges = {
  NominalRange_0_255: { scale: 1, mean: [0], std: [1] },
  Normalized_0_1: { scale: 1 / 255, mean: [0], std: [1] },
  Normalized_1_1: { scale: 1 / 127.5, mean: [1], std: [1] },
  NominalRange_16_235: { scale: 219 / 255, mean: [-16], std: [1] },
} as const satisfies Readonly<Record<string, Pick<Preprocess, "scale" | "mean" | "std">>>;

/** Our own keys, which say all that the language can; followed by the name of an input or an output. Their values are JSON. */
export const ownKeys = { preprocess: "cleave.preprocess.", labels: "cleave.labels." } as const;
