// Nets whose outputs are given, for tests of detectors.

import type { PictureNet } from "../../src/tasks/index.js";

/** Of the input, which shows the whole picture. */
export const size = { width: 64, height: 32 };

const input = {
  name: "image",
  ...size,
  depth: 3,
  isFirst: false,
  isBgr: false,
  fit: "contain",
  crop: 1,
  pad: 0,
  scale: 1,
  mean: [0],
  std: [1],
} as const;

interface Output {
  readonly shape: readonly (number | string)[];
  readonly values: Iterable<number>;
}

/** A net with an input `image` that has computed its outputs already. */
export function netOf(outputs: Readonly<Record<string, Output>>): PictureNet {
  const entries = Object.entries(outputs);
  return {
    name: "small",
    pictures: { image: input },
    outputs: Object.fromEntries(entries.map(([name, { shape }]) => [name, shape])),
    run: async () =>
      Object.fromEntries(entries.map(([name, { values }]) => [name, Float32Array.from(values)])),
  };
}
