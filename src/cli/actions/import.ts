// The action of `cleave import`: writes a model of another format as a `.net` file and a weight file.

import { lineText } from "#diagnostic/escape.js";
import { bytesText, plural } from "#ir/units.js";
import { isImported, withoutEnding } from "#node/import-file.js";
import { writeNetSteps } from "#node/write-net.js";
import { picturesText } from "#report/pictures.js";
import { loadModel } from "../model/load.js";
import { withPictures } from "../model/pictures.js";
import type { PictureOptions } from "../options/image.js";
import type { ModelOptions } from "../options/model.js";
import { importHelp } from "../options/model.js";
import { jsonText } from "../output/json.js";
import { exit, report } from "../output/terminal.js";
import { interruptible } from "../session/interruptible.js";
import type { Session } from "../session/session.js";

export interface ImportOptions extends Omit<ModelOptions, "net" | "weights">, PictureOptions {
  readonly output?: string;
  readonly json?: boolean;
}

export async function importModel(path: string, options: ImportOptions, session: Session): Promise<void> {
  const { terminal, progress } = session;
  if (!isImported(path)) {
    terminal.err(
      `error: ${path} is not ${importHelp}\n  = help: ${path.endsWith(".net") ? "a .net file needs no import: the other commands take it as it is" : "a model is known by the ending of its name"}\n`,
    );
    session.code = exit.wrongUsage;
    return;
  }
  const read = loadModel(path, options, session);
  const model = read && withPictures(read, options, session);
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
  terminal.out(picturesText(model.graph));
  for (const file of written.value) terminal.out(`wrote ${lineText(file.path)} (${bytesText(file.bytes)})\n`);
}
