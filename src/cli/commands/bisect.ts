// `cleave bisect`: finds the pass, the rule or the kernel that changes results, and a small case that shows it.

import type { Command } from "commander";
import { Option } from "commander";
import type { BisectOptions } from "../actions/bisect.js";
import { withImageOptions } from "../options/image.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { countOption, ratioFrom0, seedOption } from "../options/numbers.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

export function addBisect(root: Command, session: Session): void {
  const command = withPassOptions(withModelOptions(root.command("bisect")))
    .description("find the pass, the rule or the kernel that changes results, and a small case that shows it")
    .argument("<model>", modelHelp)
    .argument(
      "[inputs...]",
      "images (.png, .jpg, .webp, .avif, .gif), .npy or .json files; for a net with several inputs, name=file. Without files, the inputs are random, from several distributions",
    );
  withImageOptions(command)
    .option("--seed <number>", "seed of random inputs", seedOption, 1)
    .addOption(
      new Option(
        "--drift <ratio>",
        "largest allowed change of an output by --split, --approx and --weights, relative to its greatest value (default: 1)",
      ).argParser(ratioFrom0),
    )
    .option("--seconds <n>", "the most seconds for making the case smaller", countOption, 60)
    .option("-o, --output <file>", "write the small case as a .net file, with what it needs beside it")
    .option("--json", "print the result as JSON")
    .action(async (path: string, files: string[], options: BisectOptions) => {
      const { bisectModel } = await import("../actions/bisect.js");
      await bisectModel(path, files, options, session);
    });
}
