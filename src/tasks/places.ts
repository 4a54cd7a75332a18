// Places of an input as places of the picture that it was made from.

import type { Picture } from "#runtime/pictures.js";
import { pictureRegion } from "#runtime/pictures.js";
import type { PictureInput, Rectangle } from "#runtime/pixels.js";
import { placing } from "#runtime/pixels.js";
import { expectNumbers } from "./numbers.js";

/**
 * Points of an input (x and y in turn, 0 to 1; boxes are two points) as pixels of the picture that it was made from, whatever part of it
 * became the input. `input` is `net.pictures.NAME`. Throws a TypeError if the picture or the input is none.
 */
export function inPicture(points: ArrayLike<number>, picture: Picture, input: PictureInput): Float32Array {
  if (typeof (input as unknown) !== "object" || input === null)
    throw new TypeError(`inPicture: the input must be net.pictures.NAME, not ${String(input)}`);
  expectNumbers("inPicture: the points", points);
  return placesIn(pictureRegion(picture, "inPicture: the picture"), input)(points);
}

/** What turns points of an input into pixels of a picture. */
export type ToPixels = (points: ArrayLike<number>) => Float32Array;

/** How points of an input become pixels of the part of a picture that it was made from. */
export function placesIn(region: Rectangle, input: PictureInput): ToPixels {
  const { from, width, height } = placing(region, input);
  const left = (input.width - width) >> 1;
  const top = (input.height - height) >> 1;
  return (points) =>
    Float32Array.from(points, (point, at) =>
      at % 2 === 0
        ? from.x + ((point * input.width - left) * from.width) / width
        : from.y + ((point * input.height - top) * from.height) / height,
    );
}
