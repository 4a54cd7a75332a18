// The 60,000 training and 10,000 test images of Fashion-MNIST, from Debian's package `dataset-fashion-mnist`.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const folder = "/usr/share/datasets/fashion-mnist";

/** Pixels in 0 … 1, 784 per image, and the labels. */
export function testImages(): { images: Float32Array; labels: Uint8Array; count: number } {
  const pixels = gunzipSync(readFileSync(`${folder}/t10k-images-idx3-ubyte.gz`)).subarray(16);
  const labels = gunzipSync(readFileSync(`${folder}/t10k-labels-idx1-ubyte.gz`)).subarray(8);
  return { images: Float32Array.from(pixels, (pixel) => pixel / 255), labels, count: labels.length };
}

/** The training images, without labels: samples for calibration. */
export function trainingImages(): Float32Array {
  const pixels = gunzipSync(readFileSync(`${folder}/train-images-idx3-ubyte.gz`)).subarray(16);
  return Float32Array.from(pixels, (pixel) => pixel / 255);
}

/** The index of the largest value. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index += 1) {
    if ((values[index] ?? 0) > (values[best] ?? 0)) best = index;
  }
  return best;
}
