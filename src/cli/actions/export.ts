// The action of `cleave export`: writes a model, as written or after passes, as an ONNX file.

import { lineText } from "#diagnostic/escape.js";
import { bytesText, plural } from "#ir/units.js";
import { forF32Kernels } from "#passes/index.js";
import { writeOnnxSteps } from "#node/write-onnx.js";
import { loadModel } from "../model/load.js";
import { moduleAfter } from "../model/optimize.js";
import { withPictures } from "../model/pictures.js";
import type { PictureOptions } from "../options/image.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { report } from "../output/terminal.js";
import { interruptible } from "../session/interruptible.js";
import type { Session } from "../session/session.js";

export interface ExportOptions extends ModelOptions, PassOptions, PictureOptions {
  readonly output?: string;
  readonly after?: string;
  readonly opset: string;
  readonly nchw?: boolean;
  readonly json?: boolean;
}

export async function exportModel(path: string, options: ExportOptions, session: Session): Promise<void> {
  const { terminal, progress } = session;
  const read = loadModel(path, options, session);
  const model = read && withPictures(read, options, session);
  // Options such as `--split` need the passes, so they imply `--after all`.
  const after = options.after ?? (asksForPasses(options) ? "all" : undefined);
  const asked = [after, options.from, options.stopAfter, ...(options.passes ?? [])];
  const without = [...options.without, ...forF32Kernels.filter((name) => !asked.includes(name))];
  const module = model && moduleAfter(model, after, { ...options, without }, session);
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

/** Whether options are given that only passes use. */
function asksForPasses(options: PassOptions): boolean {
  const { passes, from, stopAfter, split, approx, without, rules, weights } = options;
  return (
    [passes, from, stopAfter, split, approx, weights?.type].some((one) => one !== undefined) ||
    without.length + rules.length > 0
  );
}
