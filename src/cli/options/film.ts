// The options of the page of `cleave inspect --html`.

import type { Command } from "commander";
import { exit } from "../output/terminal.js";
import type { ImageOptions } from "./image.js";
import { withImageOptions } from "./image.js";
import { collect, list } from "./lists.js";
import { seedOption } from "./numbers.js";

export interface PageOptions extends ImageOptions {
  /** The file of the page; absent if there is none. */
  readonly html?: string;
  /** Files for the inputs of the net, each perhaps with the name of its input, or `random`. */
  readonly input: readonly string[];
  readonly seed: number;
  readonly profile?: boolean;
}

/** Adds the options of a page, which only have a meaning together with `--html`. */
export function withPageOptions(command: Command): Command {
  const own = command
    .hook("preAction", () => {
      const wrong = wrongOptions(command);
      if (wrong !== undefined) command.error(`error: ${wrong}`, { exitCode: exit.wrongUsage });
    })
    .option(
      "--html <file>",
      "write a page that shows the graph after each pass and each application of a rule, with its kernels; with --diff, both graphs side by side",
    )
    .addOption(
      list(
        "--input <file>",
        "for --html: show the values for this input, a file as for `cleave run`, name=file for one of several inputs (repeatable), or random",
        collect,
      ),
    )
    .option("--profile", "for --html: measure the kernels, and show their times")
    .option("--seed <number>", "for --html: seed of random inputs", seedOption, 0);
  return withImageOptions(own);
}

function wrongOptions(command: Command): string | undefined {
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) === "cli";
  if (isGiven("html")) {
    const other = ["format", "json", "output"].find(isGiven);
    return other && `--html writes a page: leave out --${other}`;
  }
  const lone = ["input", "profile", "seed"].find(isGiven);
  return lone && `--${lone} is for the page of --html`;
}
