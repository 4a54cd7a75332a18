// `cleave run`: compiles a model in memory, runs it on files or random numbers, and prints the results.

import type { Command } from "commander";
import type { RunOptions } from "../actions/run.js";
import { withImageOptions } from "../options/image.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { countOption, seedOption, threadCount } from "../options/numbers.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

export function addRun(root: Command, session: Session): void {
  const command = withPassOptions(withModelOptions(root.command("run")))
    .description("compile a model in memory and run it")
    .argument("<model>", modelHelp)
    .argument(
      "[inputs...]",
      "images (.png, .jpg, .webp, .avif, .gif), .npy or .json files; for a net with several inputs, name=file. Each of several files for one input is a separate run. Without files, the inputs are random",
    )
    .option("--labels <file>", "text file with the names of the classes, one per line")
    .option("--top <k>", "number of values of each output to print", countOption, 5);
  withImageOptions(command)
    .option("--seed <number>", "seed of random inputs", seedOption, 0)
    .option("--threads <n>", "number of threads (target wasm)", threadCount, 1)
    .option("--json", "print all output values as JSON")
    .action(async (path: string, files: string[], options: RunOptions) => {
      const { runModel } = await import("../actions/run.js");
      await runModel(path, files, options, session);
    });
}
