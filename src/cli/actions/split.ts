// The action of `cleave split`: splits the convolutions of a trained model with samples, and writes it as a .net file and a weight file.

import { join } from "node:path";
import { fileNameOf } from "#backend/artifact.js";
import { lineText } from "#diagnostic/escape.js";
import { bytesText } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import { fittedPage, fittedPicture } from "#report/fitted-page.js";
import type { FittedReport } from "#report/fitted.js";
import { fittedText } from "#report/fitted.js";
import type { Model } from "#node/read-model.js";
import { writeNetSteps } from "#node/write-net.js";
import { clashOf, unwritable, writeFileAtomically } from "#node/write-file.js";
import { loadModel } from "../model/load.js";
import { jsonText } from "../output/json.js";
import { exit, report } from "../output/terminal.js";
import { interruptible, resumable } from "../session/interruptible.js";
import type { Session } from "../session/session.js";
import { fitModel, prepareFit, withTried } from "../split/fit.js";
import type { SplitOptions, Work } from "../split/report.js";
import { readJudged, reportOn, splitWith } from "../split/report.js";

export type ReportEnding = ".json" | ".html" | ".svg";

export interface ReportFile {
  readonly path: string;
  readonly ending: ReportEnding;
}

export interface WriteOptions extends SplitOptions {
  readonly output: string;
  readonly report: readonly ReportFile[];
  readonly json?: boolean;
}

/** The formats of reports, by the extension of the file. */
const formats: Readonly<Record<ReportEnding, (report: FittedReport) => string>> = {
  ".json": jsonText,
  ".html": fittedPage,
  ".svg": fittedPicture,
};

export async function splitModel(path: string, options: WriteOptions, session: Session): Promise<void> {
  const { calibrate } = options;
  if (calibrate === undefined || options.split === undefined) {
    session.terminal.err(
      "error: `cleave split` takes samples and a limit: --calibrate PATH --split macs=0.5\n",
    );
    session.code = exit.wrongUsage;
    return;
  }
  if (options.weights?.type !== undefined) {
    session.terminal.err(
      `error: \`cleave split\` writes weights as f32; give --weights ${options.weights.type} to \`cleave compile\`\n`,
    );
    session.code = exit.wrongUsage;
    return;
  }
  const model = loadModel(path, options, session);
  const outputs = model && outputsOf(model, options, session);
  const fitting = outputs && (await prepareFit(model, { ...options, calibrate }, session));
  if (!model || !fitting) return;
  const judged = await readJudged(model, fitting, options, session);
  if (!judged) return;
  const made = await resumable(session, () =>
    withTried(fitting, session, (tried) => makeSplit({ ...fitting, model, tried, judged }, options, session)),
  );
  if (made) await writeSplit(model, made, outputs, options, session);
}

/** The results to write. */
interface Made {
  readonly after: Module;
  readonly told: FittedReport;
}

/** The net that is split within the limit, and its report; undefined after errors. */
async function makeSplit(work: Work, options: WriteOptions, session: Session): Promise<Made | undefined> {
  const plan = await fitModel(work.tried, work.limit, options, session);
  const after = plan && splitWith(work.model, plan, options, session);
  const told = after && (await reportOn(work, plan, after, options, session));
  return told && { after, told };
}

/** The files to write; undefined, after an error, if one of them is an input or cannot be written. */
function outputsOf(model: Model, options: WriteOptions, session: Session): Outputs | undefined {
  const net = join(options.output, `${fileNameOf(model.graph.name)}.net`);
  const given = [options.calibrate, options.test, options.labels].flatMap((path) => path ?? []);
  const inputs = [...model.files, ...given];
  const weights = net.replace(/\.net$/, ".safetensors");
  const reports = options.report.map(({ path }) => path);
  const wrong =
    clashOf([net, weights], inputs) ??
    clashOf(reports, inputs, "file") ??
    [net, weights, ...reports].map(unwritable).find((one) => one);
  if (!wrong) return { net, inputs };
  session.code = Math.max(session.code, report(session.terminal, wrong.diagnostics, new Map()));
  return undefined;
}

interface Outputs {
  readonly net: string;
  /** Files that are never overwritten. */
  readonly inputs: readonly string[];
}

async function writeSplit(
  model: Model,
  { after, told }: Made,
  { net, inputs }: Outputs,
  options: WriteOptions,
  session: Session,
): Promise<void> {
  const { terminal, progress } = session;
  const steps = writeNetSteps(after, net, {
    inputs,
    onWeight: (done, all) => progress.show("writing weights", done / Math.max(all, 1)),
  });
  const written = await interruptible(steps);
  session.code = Math.max(session.code, report(terminal, written.diagnostics, model.sources));
  if (!written.value) return;
  const files = [...written.value];
  for (const { path, ending } of options.report) {
    const text = formats[ending](told);
    const saved = writeFileAtomically(path, text, inputs);
    session.code = Math.max(session.code, report(terminal, saved.diagnostics, new Map()));
    if (saved.value) files.push({ path, bytes: Buffer.byteLength(text) });
  }
  if (options.json) {
    terminal.out(jsonText({ ...told, files: files.map((file) => file.path) }));
    return;
  }
  terminal.out(fittedText(told));
  for (const { path, bytes } of files) terminal.out(`wrote ${lineText(path)} (${bytesText(bytes)})\n`);
  terminal.out(`\`cleave export ${lineText(net)}\` makes an ONNX model of it\n`);
}
