// `cleave export`: writes a model, as written or after passes, as an ONNX file.

import type { Command } from "commander";
import { Option } from "commander";
import { defaultOpset, exportOpsets } from "#export/onnx/opsets.js";
import type { ExportOptions } from "../actions/export.js";
import { withImageOptions, withPictureOptions } from "../options/image.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

export function addExport(root: Command, session: Session): void {
  withPictureOptions(withImageOptions(withPassOptions(withModelOptions(root.command("export")))))
    .description("write a model as an ONNX file, as written or after passes")
    .argument("<model>", modelHelp)
    .option("-o, --output <file>", "the .onnx file; by default the model's name with that extension")
    .option("--after <pass>", "the graph after this pass, or after `all`; by default as written")
    .addOption(
      new Option("--opset <number>", "version of the ONNX operators")
        .choices(exportOpsets.map(String))
        .default(String(defaultOpset)),
    )
    .option(
      "--nchw",
      "inputs and outputs that are images have their channels first, so no transpose is needed",
    )
    .option("--json", "print the written file as JSON")
    .action(async (path: string, options: ExportOptions) => {
      const { exportModel } = await import("../actions/export.js");
      await exportModel(path, options, session);
    });
}
