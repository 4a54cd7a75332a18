// The options for reading samples.

import type { Command } from "commander";
import type { ImageOptions } from "./image.js";
import { withImageOptions } from "./image.js";
import { withGroup } from "./group.js";
import { countOption, seedOption } from "./numbers.js";

export interface SampleOptions extends ImageOptions {
  /** A folder or a file. */
  readonly calibrate?: string;
  /** The number of samples to take; by default at most `mostSamples`. */
  readonly samples?: number;
  readonly seed: number;
}

/** Most samples by default: the covariances of 400 and of 2,000 samples give the same results within noise. */
export const mostSamples = 400;

/** The heading of options of samples in the help. */
export const sampleHeading = "Samples:";

/** Adds the options for reading samples. */
export function withSampleOptions(command: Command): Command {
  return withGroup(command, sampleHeading, () =>
    withImageOptions(command)
      .option(
        "--calibrate <path>",
        "samples of the inputs, without labels: a folder of images (.png, .jpg, .webp, .avif, .gif), .npy or .json files, a .npy file [count, ...input shape] (of bytes: pixels), or a .safetensors file with such a tensor for each input",
      )
      .option(
        "--samples <n>",
        `number of samples to take, drawn with the seed (default: at most ${mostSamples})`,
        countOption,
      )
      .option("--seed <number>", "seed of all random choices", seedOption, 0),
  );
}
