// The options of splitting with samples.

import type { Command } from "commander";
import { withGroup } from "./group.js";
import { countOption, threadCount } from "./numbers.js";
import type { PassOptions } from "./passes.js";
import type { SampleOptions } from "./samples.js";
import { sampleHeading, withSampleOptions } from "./samples.js";

export interface FitOptions extends PassOptions, SampleOptions {
  readonly threads?: number;
  readonly distill?: number;
  readonly fresh?: boolean;
}

/** Most threads by default: layers do not have enough work for more. */
export const mostThreads = 8;

/** Adds the options of splitting with samples. */
export function withFitOptions(command: Command): Command {
  return withGroup(command, sampleHeading, () =>
    withSampleOptions(command)
      .option(
        "--threads <n>",
        `number of threads that calibrate (default: the number of cores, at most ${mostThreads})`,
        threadCount,
      )
      .option(
        "--distill <steps>",
        "then improve the split layers by this many gradient steps (a few hundred), so that inner values and outputs on the samples become closer to those of the model; a tenth of the samples is used for validation",
        countOption,
      )
      .option(
        "--fresh",
        "start from the beginning, even if an interrupted run of the same command could be continued",
      ),
  );
}

/** Adds the options of samples on which the model is compared before and after. */
export function withTestOptions(command: Command): Command {
  return withGroup(command, sampleHeading, () =>
    command
      .option(
        "--test <path>",
        "other samples, of the same kinds, on which the outputs before and after are compared",
      )
      .option(
        "--labels <file>",
        "the classes of the samples of --test, or without it of --calibrate, to measure accuracy before and after: indices from 0 in a .npy or .json file, or in a text with one per line",
      ),
  );
}
