// The options of reading samples.

import type { Command } from "commander";
import type { ImageOptions } from "./image.js";
import { withImageOptions } from "./image.js";
import { countOption, seedOption } from "./numbers.js";

export interface SampleOptions extends ImageOptions {
  /** A folder or a file. */
  readonly calibrate?: string;
  /** How many samples to take; `mostSamples` at most if it is not said. */
  readonly samples?: number;
  readonly seed: number;
}

/** Samples that are taken if nothing is said: covariances of 400 and 2,000 give the same within noise. */
export const mostSamples = 400;

/** Adds the options by which samples are read. */
export function withSampleOptions(command: Command): Command {
  return withImageOptions(command)
    .option(
      "--calibrate <path>",
      "samples of the inputs, without labels: a folder of .png, .jpg, .npy or .json files, a .npy file [count, ...input shape] (of bytes: pixels), or a .safetensors file with such a tensor for each input",
    )
    .option(
      "--samples <n>",
      `how many samples to take, drawn by the seed (default: ${mostSamples} at most)`,
      countOption,
    )
    .option("--seed <number>", "seed of all that is drawn", seedOption, 0);
}
