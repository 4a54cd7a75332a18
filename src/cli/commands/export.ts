// `cleave export`: a model, as written or after passes, as an ONNX file.

import type { Command } from "commander";
import { Option } from "commander";
import { defaultOpset, exportOpsets } from "#export/onnx/opsets.js";
import type { ExportOptions } from "../actions/export.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

export function addExport(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("export")))
    .description("write a model as an ONNX file, as written or after passes")
    .argument("<model>", modelHelp)
    .option("-o, --output <file>", "the .onnx file; the model's name with that ending if left out")
    .option("--after <pass>", "the graph after this pass, or after `all`; as written if left out")
    .addOption(
      new Option("--opset <number>", "version of the operators")
        .choices(exportOpsets.map(String))
        .default(String(defaultOpset)),
    )
    .option("--nchw", "images have their channels first outside too, so that no transpose is needed")
    .option("--json", "print what was written as JSON")
    .action(async (path: string, options: ExportOptions) => {
      const { exportModel } = await import("../actions/export.js");
      await exportModel(path, options, session);
    });
}
