// The picture on the page, with what was found drawn over it.

import type { Source } from "./detector.js";
import type { Found, Size } from "./finding.js";

/** The canvas has at most as many pixels along a side. */
const largestSide = 1280;

/** The size of a picture in pixels. */
export function sizeOf(picture: Source): Size {
  return picture instanceof HTMLImageElement
    ? { width: picture.naturalWidth, height: picture.naturalHeight }
    : { width: picture.width, height: picture.height };
}

/** A dark line under a light one is seen on every ground. */
const dark = "#00000090";
const light = "#4de0c2";

/** Draws a picture, with outlines and points over it. */
export function draw(canvas: HTMLCanvasElement, picture: Source, found: readonly Found[]): void {
  const { width, height } = sizeOf(picture);
  const scale = Math.min(1, largestSide / Math.max(width, height));
  const wanted = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))] as const;
  // A canvas loses its content when its size is set, even to the same one.
  if (canvas.width !== wanted[0]) canvas.width = wanted[0];
  if (canvas.height !== wanted[1]) canvas.height = wanted[1];
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  context.clearRect(0, 0, ...wanted);
  context.drawImage(picture, 0, 0, ...wanted);
  context.lineJoin = "round";
  const thick = Math.max(2, Math.max(...wanted) / 240);
  for (const { corners, points = [] } of found) {
    context.beginPath();
    for (const [x, y] of corners) context.lineTo(x * scale, y * scale);
    context.closePath();
    for (const [color, line] of [
      [dark, 2 * thick],
      [light, thick],
    ] as const) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.stroke();
    }
    for (const [x, y] of points) {
      for (const [color, radius] of [
        [dark, 1.6 * thick],
        [light, 1.1 * thick],
      ] as const) {
        context.fillStyle = color;
        context.beginPath();
        context.arc(x * scale, y * scale, radius, 0, 2 * Math.PI);
        context.fill();
      }
    }
  }
}
