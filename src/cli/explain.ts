// `cleave explain`: shapes, parameters and MACs per layer, before and after the passes, or the kernels with their costs.

import { given } from "#diagnostic/given.js";
import type { Command } from "commander";
import { scheduleModule } from "#compile/schedule-module.js";
import type { Optimized } from "#compile/optimize.js";
import { targetOf } from "#compile/targets.js";
import { lineTexts } from "#diagnostic/line-text.js";
import { lower } from "#kernel/lower.js";
import { tiles } from "#kernel/part/tile.js";
import type { Model } from "#node/read-model.js";
import { explainSchedule, explainScheduleText } from "#report/explain-schedule.js";
import type { ExplainReport } from "#report/explain.js";
import { explain, explainKernels, explainText } from "#report/explain.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { modelHelp, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import type { Session } from "./session.js";
import { splitText } from "./split-text.js";
import { readDevices } from "./devices.js";
import { jsonText } from "./json.js";

interface ExplainOptions extends ModelOptions, PassOptions {
  readonly schedule?: boolean;
  readonly json?: boolean;
}

export function addExplain(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("explain")))
    .description("show shapes, parameters, MACs and bytes per layer, before and after the passes")
    .argument("<model>", modelHelp)
    .option(
      "--schedule",
      "the kernels instead: ops, template, tile, modelled costs, and why they are fused or not",
    )
    .option("--json", "print the tables as JSON")
    .action((path: string, options: ExplainOptions) => {
      const model = loadModel(path, options, session);
      const optimized = model && optimizeModel(model, options, session);
      if (!model || !optimized) return;
      if (options.schedule) return printSchedule(model, optimized, options, session);
      session.progress.show("adding up");
      const report: ExplainReport = {
        name: model.graph.name,
        before: explain(model),
        after: explainKernels(optimized.module),
      };
      if (options.json)
        session.terminal.out(jsonText({ ...report, ...(optimized.split ? { split: optimized.split } : {}) }));
      else {
        session.terminal.out(explainText(report));
        if (optimized.split) session.terminal.out(`\n${splitText(optimized.split)}\n`);
      }
    });
}

function printSchedule(
  model: Model,
  { module, fused }: Optimized,
  { json = false, ...options }: ExplainOptions,
  session: Session,
): void {
  const devices = readDevices(options, session);
  if (!devices) return;
  const { target } = targetOf(options.target, devices);
  const schedule = scheduleModule(module, target);
  const tile = tiles[target.name];
  const report = explainSchedule({
    schedule,
    program: lower(schedule, tile),
    tile,
    lineOf: lineTexts(model.sources),
    ...given({ fused }),
  });
  session.terminal.out(json ? jsonText(report) : explainScheduleText(report, schedule));
}
