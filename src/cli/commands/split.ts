// `cleave split`: a trained model with its convolutions split, fitted to samples, as a .net file with its weights beside it.

import { extname } from "node:path";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { ReportEnding, ReportFile, WriteOptions } from "../actions/split.js";
import { withFitOptions } from "../options/fit.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

/** The endings of reports. */
const reportEndings: readonly ReportEnding[] = [".json", ".html", ".svg"];

export function addSplit(root: Command, session: Session): void {
  withFitOptions(withPassOptions(withModelOptions(root.command("split"))))
    .description(
      "split the convolutions of a trained model with the help of samples, and write it as a .net file with its weights beside it",
    )
    .argument("<model>", modelHelp)
    .option("-o, --output <dir>", "where the files go", ".")
    .option(
      "--test <path>",
      "other samples, of the same kinds, on which to compare the outputs before and after",
    )
    .option(
      "--labels <file>",
      "the classes of the samples of --test, or of --calibrate without it, for the accuracy before and after: indices from 0 in a .npy or .json file, or a text with one a line",
    )
    .option("--sweep", "also what other limits would give: the curve of loss against MACs and time")
    .option("--measure", "also how long the layers take on this machine, before and after")
    .option(
      "--report <file>",
      "write the report: all of it as .json or .html, the curve alone as .svg (repeatable)",
      reportFile,
      [],
    )
    .option("--json", "print the report as JSON")
    .action(async (path: string, options: WriteOptions) => {
      const { splitModel } = await import("../actions/split.js");
      await splitModel(path, options, session);
    });
}

function reportFile(path: string, all: readonly ReportFile[]): ReportFile[] {
  const ending = reportEndings.find((one) => one === extname(path));
  if (!ending) throw new InvalidArgumentError("it ends in .json, .html or .svg.");
  return [...all, { path, ending }];
}
