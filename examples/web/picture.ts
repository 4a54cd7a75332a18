// Makes the nets' input of an image file: 28×28 gray pixels, in the same way as `cleave run`.

import { pixelValues } from "../../src/runtime/pixels.js";
import { pixelsOf, readBitmap } from "./opening.js";

/** Width and height of the nets' input, in pixels. */
export const side = 28;

/** A picture as the nets see it. */
export interface Picture {
  /** 28×28 values from 0 to 255. */
  readonly gray: Uint8Array;
  readonly isInverted: boolean;
}

/**
 * Reads an image file as 28×28 gray values from 0 to 255. A picture with a light background is inverted, because the training images are
 * white on black. Transparent parts count as white if the rest is dark, else as black. Throws an `Error` with a message for the user.
 */
export async function readPicture(file: Blob, name: string): Promise<Picture> {
  const bitmap = await readBitmap(file, name);
  const pixels = pixelsOf(bitmap);
  const gray = toGray(pixels, isDark(pixels) ? 255 : 0);
  bitmap.close();
  const isInverted = hasLightGround(gray);
  return { gray: isInverted ? gray.map((value) => 255 - value) : gray, isInverted };
}

/** The input of the nets: pixels from 0 to 1, as `cleave run` scales them. */
export function toInput(gray: Uint8Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(gray, (value) => value * (1 / 255));
}

/** A picture stretched to 28×28 gray pixels, as an input with the scale 1 has it; `pad` is the gray behind transparent parts. */
function toGray(picture: ImageData, pad: number): Uint8Array {
  const { width, height } = picture;
  const values = new Float32Array(side * side);
  const gray = { name: "image", height: side, width: side, depth: 1, isFirst: false, isBgr: false };
  const plain = { fit: "stretch", crop: 1, pad, scale: 1, mean: [0], std: [1] } as const;
  pixelValues(picture, { x: 0, y: 0, width, height }, { ...gray, ...plain }, values, 0);
  return Uint8Array.from(values);
}

/** Whether what is not transparent is dark on average. */
function isDark({ data }: ImageData): boolean {
  let [light, opaque] = [0, 0];
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3] ?? 0;
    light += (alpha * ((data[at] ?? 0) + (data[at + 1] ?? 0) + (data[at + 2] ?? 0))) / 3;
    opaque += alpha;
  }
  return light < 127.5 * opaque;
}

/** Whether the pixels along the border are light on average. */
function hasLightGround(gray: Uint8Array): boolean {
  const border = gray.filter((_, pixel) => {
    const [x, y] = [pixel % side, Math.floor(pixel / side)];
    return x === 0 || y === 0 || x === side - 1 || y === side - 1;
  });
  return border.reduce((sum, value) => sum + value, 0) > 127.5 * border.length;
}
