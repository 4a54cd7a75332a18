// `cleave split`: a trained model with its convolutions split, fitted to samples, as a .net file with its weights beside it.

import { join } from "node:path";
import type { Command } from "commander";
import { fileNameOf } from "#backend/artifact.js";
import { lineText } from "#diagnostic/escape.js";
import { totalCost } from "#inspect/cost.js";
import { bytesText } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import { findWhole } from "#passes/split/candidates.js";
import type { FittedLayer, FittedReport } from "#report/fitted.js";
import { fittedText } from "#report/fitted.js";
import { compareOutputs } from "#split/compare-outputs.js";
import type { SplitPlan } from "#split/split-network.js";
import { planCosts } from "#split/split-network.js";
import type { Model } from "../node.js";
import { writeNetSteps } from "../write-net.js";
import type { FitOptions, TriedModel } from "./fit-split.js";
import { fitModel, tryModel, withFitOptions } from "./fit-split.js";
import { interruptible } from "./interruptible.js";
import { jsonText } from "./json.js";
import type { ModelOptions } from "./model-options.js";
import { modelHelp, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import { calibrating } from "./progress.js";
import type { Session } from "./session.js";
import { limitText } from "./split-option.js";
import { exit, report } from "./terminal.js";

interface SplitOptions extends ModelOptions, FitOptions {
  readonly output: string;
  readonly json?: boolean;
}

export function addSplit(root: Command, session: Session): void {
  withFitOptions(withPassOptions(withModelOptions(root.command("split"))))
    .description(
      "split the convolutions of a trained model with the help of samples, and write it as a .net file",
    )
    .argument("<model>", modelHelp)
    .option("-o, --output <dir>", "where the files go", ".")
    .option("--json", "print the report as JSON")
    .action((path: string, options: SplitOptions) => splitModel(path, options, session));
}

async function splitModel(path: string, options: SplitOptions, session: Session): Promise<void> {
  const { calibrate } = options;
  if (calibrate === undefined || options.split === undefined) {
    session.terminal.err(
      "error: `cleave split` takes samples and a limit: --calibrate PATH --split macs=0.5\n",
    );
    session.code = exit.wrongUsage;
    return;
  }
  const model = loadModel(path, options, session);
  const tried = model && (await tryModel(model, { ...options, calibrate }, session));
  if (!model || !tried) return;
  try {
    await writeSplit(model, tried, options, session);
  } finally {
    tried.tried.dispose();
  }
}

async function writeSplit(
  model: Model,
  tried: TriedModel,
  options: SplitOptions,
  session: Session,
): Promise<void> {
  const { terminal, progress } = session;
  const plan = await fitModel(tried, tried.limit, session);
  const { layers } = plan ?? {};
  const after = layers && splitWith(model, layers, options, session);
  if (!plan || !after) return;
  const compared = await compareOutputs(tried.base, after, tried.samples, {
    threads: tried.threads,
    onProgress: calibrating(progress),
  });
  session.code = Math.max(session.code, report(terminal, compared.diagnostics, model.sources));
  if (!compared.value) return;
  const told: FittedReport = {
    name: model.graph.name,
    target: options.target,
    limit: limitText(tried.limit),
    samples: tried.samples.count,
    seed: options.seed,
    layers: plan.planned.map(layerOf),
    left: findWhole(tried.base),
    ...planCosts(plan.planned),
    net: { before: totalCost(tried.base), after: totalCost(after) },
    outputs: compared.value,
  };
  const output = join(options.output, `${fileNameOf(model.graph.name)}.net`);
  const steps = writeNetSteps(after, output, {
    inputs: model.files,
    onWeight: (done, all) => progress.show("writing weights", done / Math.max(all, 1)),
  });
  const written = await interruptible(steps);
  session.code = Math.max(session.code, report(terminal, written.diagnostics, model.sources));
  if (!written.value) return;
  if (options.json) {
    terminal.out(jsonText({ ...told, files: written.value.map((file) => file.path) }));
    return;
  }
  terminal.out(fittedText(told));
  for (const file of written.value) terminal.out(`wrote ${lineText(file.path)} (${bytesText(file.bytes)})\n`);
  terminal.out(`\`cleave export ${lineText(output)}\` makes an ONNX model of it\n`);
}

/** The model with layers split, up to the pass that does it. */
function splitWith(
  model: Model,
  layers: SplitPlan["layers"],
  options: SplitOptions,
  session: Session,
): Module | undefined {
  const how = { ...options, split: { mode: "factors", layers }, stopAfter: "split" } as const;
  return optimizeModel(model, how, session)?.module;
}

function layerOf({
  candidate: { node, shape, groups },
  whole,
  choice,
  responseError = 0,
  reason,
}: SplitPlan["planned"][number]): FittedLayer {
  return {
    name: node.name,
    shape,
    groups,
    before: whole.cost,
    after: choice.cost,
    ...(choice.split ? { split: { ...choice.split, responseError } } : {}),
    reason,
  };
}
