// `cleave export`: a model, as written or after passes, as an ONNX file.

import { lineText } from "#diagnostic/escape.js";
import type { Command } from "commander";
import { Option } from "commander";
import { defaultOpset, exportOpsets } from "#export/onnx/export-onnx.js";
import { bytesText, plural } from "#ir/units.js";
import { writeOnnxSteps } from "#node/write-onnx.js";
import { interruptible } from "./interruptible.js";
import { jsonText } from "./json.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { modelHelp, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, moduleAfter } from "./model.js";
import type { Session } from "./session.js";
import { report } from "./terminal.js";

interface ExportOptions extends ModelOptions, PassOptions {
  readonly output?: string;
  readonly after?: string;
  readonly opset: string;
  readonly nchw?: boolean;
  readonly json?: boolean;
}

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
    .action((path: string, options: ExportOptions) => exportModel(path, options, session));
}

async function exportModel(path: string, options: ExportOptions, session: Session): Promise<void> {
  const { terminal, progress } = session;
  const model = loadModel(path, options, session);
  // Options such as `--split` ask for passes, and would be without effect otherwise.
  const after = options.after ?? (asksForPasses(options) ? "all" : undefined);
  const module = model && moduleAfter(model, after, options, session);
  if (!model || !module) return;
  progress.show("writing");
  const steps = writeOnnxSteps(module, options.output ?? path.replace(/\.\w+$/, ".onnx"), {
    opset: Number(options.opset),
    nchw: options.nchw ?? false,
    inputs: model.files,
    onWritten: (done, all) => progress.show("writing", done / all),
  });
  const written = await interruptible(steps);
  session.code = Math.max(session.code, report(terminal, written.diagnostics, model.sources));
  if (!written.value) return;
  const { nodes, bytes, path: file } = written.value;
  if (options.json) {
    terminal.out(jsonText({ name: model.graph.name, nodes, bytes, files: [file] }));
    return;
  }
  terminal.out(
    `${lineText(model.graph.name)}: ${plural(nodes, "ONNX node")}\nwrote ${lineText(file)} (${bytesText(bytes)})\n`,
  );
}

/** Whether options are given that have no meaning without passes. */
function asksForPasses({ passes, stopAfter, split, approx, without, rules }: PassOptions): boolean {
  return (
    [passes, stopAfter, split, approx].some((one) => one !== undefined) || without.length + rules.length > 0
  );
}
