// The action of `cleave quantize`: makes a net of integers from a trained model with samples, and writes it as a .net file and a weight file.

import { join } from "node:path";
import { fileNameOf } from "#backend/artifact.js";
import { given } from "#diagnostic/given.js";
import { lineText } from "#diagnostic/escape.js";
import { bytesText } from "#ir/units.js";
import { writeNetSteps } from "#node/write-net.js";
import { clashOf, unwritable } from "#node/write-file.js";
import { quantizedText } from "#report/quantized.js";
import { compareOutputs } from "#split/compare-outputs.js";
import { loadModel } from "../model/load.js";
import type { ModelOptions } from "../options/model.js";
import type { WithQuantize } from "../options/quantize.js";
import { jsonText } from "../output/json.js";
import { calibrating } from "../output/progress.js";
import { exit, report } from "../output/terminal.js";
import { prepareQuantize, quantizeBase } from "../quantize/quantize.js";
import { interruptible } from "../session/interruptible.js";
import type { Session } from "../session/session.js";
import { readJudged } from "../split/report.js";

export interface WriteOptions extends ModelOptions, WithQuantize {
  readonly output: string;
  readonly test?: string;
  readonly labels?: string;
  readonly json?: boolean;
}

export async function quantizeModel(path: string, options: WriteOptions, session: Session): Promise<void> {
  const { terminal, progress } = session;
  const { calibrate, weights, output, test, labels } = options;
  const misused = (text: string): void => {
    terminal.err(`error: ${text}\n`);
    session.code = exit.wrongUsage;
  };
  if (weights?.type !== undefined)
    return misused(
      `\`cleave quantize\` writes weights as it rounds them; give --weights ${weights.type} to \`cleave compile\``,
    );
  const model = loadModel(path, options, session);
  if (!model) return;
  const net = join(output, `${fileNameOf(model.graph.name)}.net`);
  const inputs = [...model.files, ...[calibrate, test, labels].flatMap((one) => one ?? [])];
  const files = [net, net.replace(/\.net$/, ".safetensors")];
  const wrong = clashOf(files, inputs) ?? files.map(unwritable).find((one) => one);
  if (wrong) {
    session.code = Math.max(session.code, report(terminal, wrong.diagnostics, new Map()));
    return;
  }
  const prepared = await prepareQuantize(model, options, session);
  if (!prepared) return;
  const { base, read } = prepared;
  const judged = read || test !== undefined ? await readJudged(model, read, options, session) : undefined;
  if (!judged && (read || test !== undefined)) return;
  const quantized = await quantizeBase(model, prepared, options, session);
  if (!quantized) return;
  const { value: outputs, diagnostics } = judged
    ? await compareOutputs(base, quantized.module, judged.samples, {
        onProgress: calibrating(progress),
        ...given({ threads: options.threads, labels: judged.labels }),
      })
    : { value: [], diagnostics: [] };
  session.code = Math.max(session.code, report(terminal, diagnostics, model.sources));
  if (!outputs) return;
  const steps = writeNetSteps(quantized.module, net, {
    inputs,
    onWeight: (done, all) => progress.show("writing weights", done / Math.max(all, 1)),
  });
  const written = await interruptible(steps);
  session.code = Math.max(session.code, report(terminal, written.diagnostics, model.sources));
  if (!written.value) return;
  if (options.json) {
    const paths = written.value.map((file) => file.path);
    terminal.out(jsonText({ ...quantized.report, outputs, files: paths }));
    return;
  }
  terminal.out(quantizedText(quantized.report, outputs));
  for (const { path: file, bytes } of written.value)
    terminal.out(`wrote ${lineText(file)} (${bytesText(bytes)})\n`);
}
