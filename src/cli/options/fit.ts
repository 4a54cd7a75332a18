// The options of splitting with samples.

import type { Command } from "commander";
import { countOption, threadCount } from "./numbers.js";
import type { PassOptions } from "./passes.js";
import type { SampleOptions } from "./samples.js";
import { withSampleOptions } from "./samples.js";

export interface FitOptions extends PassOptions, SampleOptions {
  readonly threads?: number;
  readonly distill?: number;
  readonly fresh?: boolean;
}

/** Layers have no more work to divide. */
export const mostThreads = 8;

/** Adds the options of splitting with samples. */
export function withFitOptions(command: Command): Command {
  return withSampleOptions(command)
    .option(
      "--threads <n>",
      `how many threads calibrate (default: as many as there are cores, ${mostThreads} at most)`,
      threadCount,
    )
    .option(
      "--distill <steps>",
      "then as many gradient steps, a few hundred, on the layers that are split, so that values and outputs on the samples come nearer to the model's; a tenth of the samples judges",
      countOption,
    )
    .option("--fresh", "begin anew where an interrupted run of the same command could be gone on with");
}
