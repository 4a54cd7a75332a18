// `cleave import`: a model of another format as a `.net` file with its weights beside it.

import type { Command } from "commander";
import type { ImportOptions } from "../actions/import.js";
import { importHelp, withImportOptions } from "../options/model.js";
import type { Session } from "../session/session.js";

export function addImport(root: Command, session: Session): void {
  withImportOptions(root.command("import"))
    .description(
      "write an ONNX or TensorFlow.js model in the language: a .net file, and its weights as safetensors beside it",
    )
    .argument("<model>", importHelp)
    .option("-o, --output <file>", "the .net file; the model's name with that ending if left out")
    .option("--json", "print what was written as JSON")
    .action(async (path: string, options: ImportOptions) => {
      const { importModel } = await import("../actions/import.js");
      await importModel(path, options, session);
    });
}
