// `cleave quantize`: makes a net of integers from a trained model with samples, and writes it as a .net file and a weight file.

import type { Command } from "commander";
import type { WriteOptions } from "../actions/quantize.js";
import { withFitOptions, withTestOptions } from "../options/fit.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import { withQuantizeOption } from "../options/quantize.js";
import type { Session } from "../session/session.js";

export function addQuantize(root: Command, session: Session): void {
  withTestOptions(
    withQuantizeOption(withFitOptions(withPassOptions(withModelOptions(root.command("quantize")))), {
      type: "int8",
    })
      .description(
        "make a net of 8-bit integers from a trained model with samples, and write it as a .net file, with its weights in the same folder",
      )
      .argument("<model>", modelHelp)
      .option("-o, --output <dir>", "folder for the files", "."),
  )
    .option("--json", "print the report as JSON")
    .action(async (path: string, options: WriteOptions) => {
      const { quantizeModel } = await import("../actions/quantize.js");
      await quantizeModel(path, options, session);
    });
}
