// `cleave check`: reports all errors of files without compiling them. Rules are tried on random operands.

import type { Command } from "commander";
import type { CheckOptions } from "../actions/check.js";
import { withModelOptions } from "../options/model.js";
import { rulesAtOption } from "../options/passes.js";
import type { Session } from "../session/session.js";

export function addCheck(root: Command, session: Session): void {
  withModelOptions(root.command("check"))
    .description(
      "report all errors of .net files (nets, rules and fusions; rules are tried on random operands) and of ONNX and TensorFlow.js models",
    )
    .argument("<files...>", "the files; - reads stdin")
    .addOption(rulesAtOption())
    .option("--json", "print the diagnostics of each file as JSON")
    .option("--short", "print each diagnostic on one line, as compilers do: FILE:LINE:COLUMN: error: MESSAGE")
    .option("--stdin-filename <file>", "the name of what stdin has; paths in it are relative to its folder")
    .action(async (files: string[], options: CheckOptions) => {
      const { checkFiles } = await import("../actions/check.js");
      await checkFiles(files, options, session);
    });
}
