// Random choices that several ops share in `sample`.

import type { Padding, Size } from "./attributes.js";
import type { Random } from "./random.js";

/** Channel counts, multiples of the size of a vec and others. */
export function sampleChannels(random: Random): number {
  return random.pick([1, 2, 3, 4, 5, 8, 12, 17]);
}

/** Mostly one sample, since modules are compiled for one. */
export function sampleBatch(random: Random): number {
  return random.pick([1, 1, 1, 2]);
}

/** A shape of rank 0 to 4, small, mostly rank 4. */
export function sampleShape(random: Random): number[] {
  const rank = random.pick([0, 1, 2, 3, 4, 4, 4, 4]);
  const shape = Array.from({ length: rank }, () => random.int(1, 5));
  if (rank > 0) shape[rank - 1] = sampleChannels(random);
  if (rank === 4) shape[0] = sampleBatch(random);
  return shape;
}

/** A random input and window: the input has room for the (dilated) window, with any padding. */
export function sampleWindow(random: Random): {
  height: number;
  width: number;
  kernel: Size;
  stride: Size;
  dilation: Size;
  padding: Padding;
} {
  const kernel: Size = random.pick([
    [1, 1],
    [3, 3],
    [3, 3],
    [2, 2],
    [5, 5],
    [1, 3],
    [3, 1],
    [4, 4],
    [2, 3],
  ]);
  const stride: Size = random.pick([
    [1, 1],
    [1, 1],
    [2, 2],
    [1, 2],
    [3, 2],
  ]);
  const dilation: Size = random.pick([
    [1, 1],
    [1, 1],
    [1, 1],
    [2, 2],
    [1, 2],
  ]);
  const padding: Padding = random.pick([
    [0, 0, 0, 0],
    [1, 1, 1, 1],
    [0, 1, 0, 1],
    [2, 0, 1, 2],
  ]);
  const room = (axis: 0 | 1): number => (kernel[axis] - 1) * dilation[axis] + 1;
  return {
    height: room(0) + random.int(0, 6),
    width: room(1) + random.int(0, 6),
    kernel,
    stride,
    dilation,
    padding,
  };
}
