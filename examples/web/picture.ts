// Pictures as the nets take them: 28×28 gray pixels, made from a file in the way that `cleave run` makes them.

/** Width and height of what the nets see, in pixels. */
export const side = 28;

/** A picture of this size is decoded as it is; of a larger one the browser makes a smaller copy first. */
const largestSide = 2048;

/**
 * Reads an image file: 28×28 gray values from 0 to 255, white on black where the picture has a light ground, since the
 * training images are so. Transparent parts count as black. Throws an `Error` with words for the user.
 */
export async function readPicture(
  file: Blob,
  name: string,
): Promise<{ gray: Uint8Array; isInverted: boolean }> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`Cannot read ${name} as a picture. Is it a PNG, JPEG or WebP file, and complete?`);
  });
  const shrink = Math.min(1, largestSide / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * shrink));
  const height = Math.max(1, Math.round(bitmap.height * shrink));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser gives no canvas to read the picture with.");
  context.imageSmoothingQuality = "high";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const gray = toGray(resize(context.getImageData(0, 0, width, height).data, width, height));
  const isInverted = hasLightGround(gray);
  return { gray: isInverted ? gray.map((value) => 255 - value) : gray, isInverted };
}

/** What the nets are given: pixels from 0 to 1, as `cleave run` scales them. */
export function toInput(gray: Uint8Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(gray, (value) => value * (1 / 255));
}

/** Stretches RGBA pixels to 28×28, which gives RGB: by Lanczos' window of three lobes, first along rows, then along columns. */
export function resize(rgba: Uint8ClampedArray, width: number, height: number): Uint8ClampedArray {
  const columns = taps(width);
  const narrow = new Float64Array(height * side * 3);
  for (let y = 0; y < height; y++) {
    columns.forEach(({ first, weights }, x) => {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        weights.forEach((weight, tap) => {
          sum += weight * (rgba[4 * (y * width + first + tap) + channel] ?? 0);
        });
        narrow[3 * (y * side + x) + channel] = sum;
      }
    });
  }
  const rgb = new Uint8ClampedArray(side * side * 3);
  taps(height).forEach(({ first, weights }, y) => {
    for (let at = 0; at < side * 3; at++) {
      let sum = 0;
      weights.forEach((weight, tap) => {
        sum += weight * (narrow[(first + tap) * side * 3 + at] ?? 0);
      });
      rgb[y * side * 3 + at] = sum; // rounds and clamps
    }
  });
  return rgb;
}

interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** The pixels, of `length`, that each of the 28 new ones is made of; their weights sum to 1. */
function taps(length: number): Taps[] {
  const scale = length / side;
  const stretch = Math.max(1, scale);
  return Array.from({ length: side }, (_, index) => {
    const center = (index + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(center - 3 * stretch));
    const last = Math.min(length - 1, Math.floor(center + 3 * stretch));
    const weights = Array.from({ length: last - first + 1 }, (_, tap) =>
      lanczos((first + tap - center) / stretch),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= 3) return 0;
  const angle = Math.PI * x;
  return (3 * Math.sin(angle) * Math.sin(angle / 3)) / angle ** 2;
}

/** Luma of ITU-R BT.601 in the fixed point of the command line, which leaves a gray pixel what it is. */
function toGray(rgb: Uint8ClampedArray): Uint8Array {
  return Uint8Array.from({ length: side * side }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = rgb.subarray(3 * pixel, 3 * pixel + 3);
    return (19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16;
  });
}

/** Whether the pixels along the border are light on the whole. */
function hasLightGround(gray: Uint8Array): boolean {
  const border = gray.filter((_, pixel) => {
    const [x, y] = [pixel % side, Math.floor(pixel / side)];
    return x === 0 || y === 0 || x === side - 1 || y === side - 1;
  });
  return border.reduce((sum, value) => sum + value, 0) > 127.5 * border.length;
}
