// `cleave import`: a model of another format as a `.net` file with its weights beside it.

import { lineText } from "#diagnostic/escape.js";
import type { Command } from "commander";
import { plural, bytesText } from "#ir/units.js";
import { importHelp, isImported, withoutEnding } from "#node/import-file.js";
import { writeNetSteps } from "#node/write-net.js";
import { interruptible } from "./interruptible.js";
import { jsonText } from "./json.js";
import { loadModel } from "./model.js";
import type { ModelOptions } from "./model-options.js";
import { withImportOptions } from "./model-options.js";
import type { Session } from "./session.js";
import { exit, report } from "./terminal.js";

interface ImportOptions extends Omit<ModelOptions, "net" | "weights"> {
  readonly output?: string;
  readonly json?: boolean;
}

export function addImport(root: Command, session: Session): void {
  withImportOptions(root.command("import"))
    .description(
      "write an ONNX or TensorFlow.js model in the language: a .net file, and its weights as safetensors beside it",
    )
    .argument("<model>", importHelp)
    .option("-o, --output <file>", "the .net file; the model's name with that ending if left out")
    .option("--json", "print what was written as JSON")
    .action((path: string, options: ImportOptions) => importModel(path, options, session));
}

async function importModel(path: string, options: ImportOptions, session: Session): Promise<void> {
  const { terminal, progress } = session;
  if (!isImported(path)) {
    terminal.err(
      `error: ${path} is not ${importHelp}\n  = help: ${path.endsWith(".net") ? "a .net file needs no import: the other commands take it as it is" : "a model is known by the ending of its name"}\n`,
    );
    session.code = exit.wrongUsage;
    return;
  }
  const model = loadModel(path, options, session);
  if (!model) return;
  const output = options.output ?? `${withoutEnding(path)}.net`;
  progress.show("writing weights");
  const steps = writeNetSteps(model, output, {
    inputs: model.files,
    onWeight: (done, all) => progress.show("writing weights", done / Math.max(all, 1)),
  });
  const written = await interruptible(steps);
  session.code = Math.max(session.code, report(terminal, written.diagnostics, model.sources));
  if (!written.value) return;
  const ops = [...model.graph.nodes.values()].filter(({ op }) => op !== "input" && op !== "constant").length;
  if (options.json) {
    terminal.out(jsonText({ name: model.name, ops, files: written.value.map((file) => file.path) }));
    return;
  }
  terminal.out(`${lineText(model.name)}: ${plural(ops, "op")}\n`);
  for (const file of written.value) terminal.out(`wrote ${lineText(file.path)} (${bytesText(file.bytes)})\n`);
}
