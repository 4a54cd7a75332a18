// `cleave split`: splits the convolutions of a trained model with samples, and writes it as a .net file and a weight file.

import { extname } from "node:path";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { ReportEnding, ReportFile, WriteOptions } from "../actions/split.js";
import { withFitOptions, withTestOptions } from "../options/fit.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

/** The file extensions of reports. */
const reportEndings: readonly ReportEnding[] = [".json", ".html", ".svg"];

export function addSplit(root: Command, session: Session): void {
  withTestOptions(
    withFitOptions(withPassOptions(withModelOptions(root.command("split"))))
      .description(
        "split the convolutions of a trained model with samples, and write it as a .net file, with its weights in the same folder",
      )
      .argument("<model>", modelHelp)
      .option("-o, --output <dir>", "folder for the files", "."),
  )
    .option("--sweep", "also try other limits: the curve of loss against MACs and time")
    .option("--measure", "also measure the times of the layers on this machine, before and after")
    .option(
      "--report <file>",
      "write the report: complete as .json or .html, only the curve as .svg (repeatable)",
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
  if (!ending) throw new InvalidArgumentError("it must end in .json, .html or .svg.");
  return [...all, { path, ending }];
}
