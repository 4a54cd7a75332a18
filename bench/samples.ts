// The inputs of a network, the same values for all runtimes.

import { elements } from "../src/ir/type.js";
import type { Random } from "../src/ops/random.js";
import { seededRandom } from "../src/ops/random.js";
import type { Port, Values } from "./running.js";

/** The width of a stroke in pixels, for each sample. */
const strokes = [2, 3, 4];

/** Three sets of values for all inputs, in −1 … 1, as scaled pictures have. */
export function samples(inputs: readonly Port[]): Values[] {
  return strokes.map((stroke) => {
    const random = seededRandom(stroke);
    return Object.fromEntries(
      inputs.map(({ name, shape }) => [
        name,
        shape.length === 4 ? page(shape, stroke, random) : noise(shape, random),
      ]),
    );
  });
}

/**
 * Pictures of lines of writing, with the channels last or, if axis 1 is the short one, first. Noise would do for most networks, but a text
 * detector finds no text in it, and a sigmoid in f32 does not resolve probabilities of 10⁻⁵.
 */
function page(shape: readonly number[], stroke: number, random: Random): Float32Array {
  const [count = 1, ...rest] = shape;
  const isFirst = (rest[0] ?? 1) <= 4 && (rest[2] ?? 1) > 4;
  const [height = 1, width = 1, depth = 1] = isFirst ? [rest[1], rest[2], rest[0]] : rest;
  const values = new Float32Array(elements(shape));
  const pixels = height * width;
  for (let image = 0; image < count; image += 1) {
    const ink = inkOf(height, width, Math.min(stroke, Math.max(1, Math.floor(height / 12))), random);
    for (let channel = 0; channel < depth; channel += 1) {
      const [paper, writing] = [1 - 0.3 * random.next(), 0.3 * random.next() - 1];
      for (let pixel = 0; pixel < pixels; pixel += 1) {
        const at = isFirst ? channel * pixels + pixel : pixel * depth + channel;
        values[image * pixels * depth + at] = ink[pixel] ? writing : paper;
      }
    }
  }
  return values;
}

/** Which pixels have ink: lines of letters, each made of some of 5×7 dots. */
function inkOf(height: number, width: number, dot: number, random: Random): Uint8Array {
  const ink = new Uint8Array(height * width);
  const letter = (top: number, left: number): void => {
    for (let y = 0; y < 7; y += 1)
      for (let x = 0; x < 5; x += 1)
        if (random.next() < 0.5)
          for (let row = 0; row < dot; row += 1) {
            const start = (top + y * dot + row) * width + left + x * dot;
            ink.fill(1, start, start + dot);
          }
  };
  for (let top = 2 * dot; top + 8 * dot < height; top += 12 * dot)
    for (let left = dot; left + 6 * dot < width; left += 6 * dot)
      // Leaves space between words.
      if (random.next() > 0.15) letter(top, left);
  return ink;
}

function noise(shape: readonly number[], random: Random): Float32Array {
  return Float32Array.from({ length: elements(shape) }, () => 2 * random.next() - 1);
}
