// `cleave split`: a trained model with its convolutions split, fitted to samples, as a .net file with its weights beside it.

import { extname, join } from "node:path";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { fileNameOf } from "#backend/artifact.js";
import { lineText } from "#diagnostic/escape.js";
import { bytesText } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import type { FittedReport } from "#report/fitted.js";
import { fittedText } from "#report/fitted.js";
import { fittedPage, fittedPicture } from "#report/fitted-page.js";
import type { Model } from "#node/read-model.js";
import { clashOf, unwritable, writeFileAtomically } from "#node/write-file.js";
import { writeNetSteps } from "#node/write-net.js";
import { fitModel, prepareFit, withFitOptions, withTried } from "./fit-split.js";
import { interruptible, resumable } from "./interruptible.js";
import { jsonText } from "./json.js";
import { modelHelp, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel } from "./model.js";
import type { Session } from "./session.js";
import type { SplitOptions, Work } from "./split-report.js";
import { readJudged, reportOn, splitWith } from "./split-report.js";
import { exit, report } from "./terminal.js";

interface WriteOptions extends SplitOptions {
  readonly output: string;
  readonly report: readonly string[];
  readonly json?: boolean;
}

export function addSplit(root: Command, session: Session): void {
  withFitOptions(withPassOptions(withModelOptions(root.command("split"))))
    .description(
      "split the convolutions of a trained model with the help of samples, and write it as a .net file with its weights beside it",
    )
    .argument("<model>", modelHelp)
    .option("-o, --output <dir>", "where the files go", ".")
    .option(
      "--test <path>",
      "other samples, of the same kinds, on which to compare the outputs before and after",
    )
    .option(
      "--labels <file>",
      "the classes of the samples of --test, or of --calibrate without it, for the accuracy before and after: indices from 0 in a .npy or .json file, or a text with one a line",
    )
    .option("--sweep", "also what other limits would give: the curve of loss against MACs and time")
    .option("--measure", "also how long the layers take on this machine, before and after")
    .option(
      "--report <file>",
      "write the report: all of it as .json or .html, the curve alone as .svg (repeatable)",
      reportFile,
      [],
    )
    .option("--json", "print the report as JSON")
    .action((path: string, options: WriteOptions) => splitModel(path, options, session));
}

/** What a report is written as, by the ending of its file. */
const formats: Readonly<Record<string, (report: FittedReport) => string>> = {
  ".json": jsonText,
  ".html": fittedPage,
  ".svg": fittedPicture,
};

function reportFile(path: string, all: readonly string[]): string[] {
  if (!Object.hasOwn(formats, extname(path)))
    throw new InvalidArgumentError("it ends in .json, .html or .svg.");
  return [...all, path];
}

async function splitModel(path: string, options: WriteOptions, session: Session): Promise<void> {
  const { calibrate } = options;
  if (calibrate === undefined || options.split === undefined) {
    session.terminal.err(
      "error: `cleave split` takes samples and a limit: --calibrate PATH --split macs=0.5\n",
    );
    session.code = exit.wrongUsage;
    return;
  }
  const model = loadModel(path, options, session);
  const outputs = model && outputsOf(model, options, session);
  const fitting = outputs && (await prepareFit(model, { ...options, calibrate }, session));
  const judged = fitting && (await readJudged(fitting, options, session));
  if (!model || !judged) return;
  const made = await resumable(session, () =>
    withTried(fitting, session, (tried) => makeSplit({ ...fitting, model, tried, judged }, options, session)),
  );
  if (made) await writeSplit(model, made, outputs, options, session);
}

/** What is written. */
interface Made {
  readonly after: Module;
  readonly told: FittedReport;
}

/** The net split within the limit, and the report on it; undefined after errors. */
async function makeSplit(work: Work, options: WriteOptions, session: Session): Promise<Made | undefined> {
  const plan = await fitModel(work.tried, work.limit, options, session);
  const after = plan && splitWith(work.model, plan, options, session);
  const told = after && (await reportOn(work, plan, after, options, session));
  return told && { after, told };
}

/** The file of the net; undefined, and an error told, if one of those that will be written is an input or cannot be written. */
function outputsOf(model: Model, options: WriteOptions, session: Session): Outputs | undefined {
  const net = join(options.output, `${fileNameOf(model.graph.name)}.net`);
  const given = [options.calibrate, options.test, options.labels].flatMap((path) => path ?? []);
  const inputs = [...model.files, ...given];
  const weights = net.replace(/\.net$/, ".safetensors");
  const wrong =
    clashOf([net, weights], inputs) ??
    clashOf(options.report, inputs, "file") ??
    [net, weights, ...options.report].map(unwritable).find((one) => one);
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
  for (const path of options.report) {
    const text = formats[extname(path)]?.(told) ?? "";
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
