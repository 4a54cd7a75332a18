// `cleave import`: writes a model of another format as a `.net` file and a weight file.

import type { Command } from "commander";
import type { ImportOptions } from "../actions/import.js";
import { withImageOptions, withPictureOptions } from "../options/image.js";
import { importHelp, withImportOptions } from "../options/model.js";
import type { Session } from "../session/session.js";

export function addImport(root: Command, session: Session): void {
  withPictureOptions(withImageOptions(withImportOptions(root.command("import"))))
    .description(
      "write an ONNX or TensorFlow.js model in the language: a .net file, and its weights as a safetensors file in the same folder",
    )
    .argument("<model>", importHelp)
    .option("-o, --output <file>", "the .net file; by default the model's name with that extension")
    .option("--json", "print the written files as JSON")
    .action(async (path: string, options: ImportOptions) => {
      const { importModel } = await import("../actions/import.js");
      await importModel(path, options, session);
    });
}
