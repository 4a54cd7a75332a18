// The action of `cleave explain`: shows shapes, parameters and MACs per layer, before and after the passes, or the kernels with their costs.

import type { Optimized } from "#compile/optimize.js";
import { lowerModule } from "#compile/lower-module.js";
import { targetOf } from "#compile/targets.js";
import { given } from "#diagnostic/given.js";
import { lineTexts } from "#diagnostic/line-text.js";
import { tiles } from "#kernel/part/tile.js";
import { compactText } from "#report/compact.js";
import { countsOf } from "#report/counts.js";
import type { ScheduleSources } from "#report/explain-schedule.js";
import { explainSchedule, explainScheduleText } from "#report/explain-schedule.js";
import type { ExplainReport } from "#report/explain.js";
import { explain, explainKernels, explainText } from "#report/explain.js";
import type { Model } from "#node/read-model.js";
import { readDevices } from "../model/devices.js";
import { loadModel } from "../model/load.js";
import { hasKernels, optimizeModel } from "../model/optimize.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import type { Session } from "../session/session.js";
import { splitText } from "../split/text.js";

export interface ExplainOptions extends ModelOptions, PassOptions {
  readonly schedule?: boolean;
  readonly json?: boolean;
}

export function explainModel(path: string, options: ExplainOptions, session: Session): void {
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (!model || !optimized || !hasKernels(optimized.module, model, options.target, session)) return;
  session.progress.show("adding up");
  const scheduled = scheduleFor(optimized, options, session);
  if (!scheduled) return;
  if (options.schedule) return printSchedule(model, optimized, scheduled, options, session);
  const report: ExplainReport = {
    name: model.graph.name,
    before: explain(model),
    after: explainKernels(optimized.module),
    counts: countsOf(model.graph, {
      kernels: scheduled.program.launches.length,
      setup: scheduled.program.setup.length,
    }),
  };
  if (options.json)
    return session.terminal.out(
      jsonText({ ...report, ...given({ split: optimized.split, compact: optimized.compact }) }),
    );
  session.terminal.out(explainText(report));
  if (optimized.compact) session.terminal.out(`\n${compactText(optimized.compact)}\n`);
  if (optimized.split) session.terminal.out(`\n${splitText(optimized.split)}\n`);
}

/** The schedule and program of the target, with the tile of its kernels. */
type Scheduled = Pick<ScheduleSources, "schedule" | "program" | "tile">;

function scheduleFor(
  { module }: Optimized,
  options: ExplainOptions,
  session: Session,
): Scheduled | undefined {
  const devices = readDevices(options, session);
  if (!devices) return undefined;
  const { target } = targetOf(options.target, devices);
  return { ...lowerModule(module, target, { verify: options.verify ?? false }), tile: tiles[target.name] };
}

function printSchedule(
  model: Model,
  { fused }: Optimized,
  scheduled: Scheduled,
  { json = false }: ExplainOptions,
  session: Session,
): void {
  const report = explainSchedule({
    ...scheduled,
    written: model.graph,
    lineOf: lineTexts(model.sources),
    ...given({ fused }),
  });
  session.terminal.out(json ? jsonText(report) : explainScheduleText(report, scheduled.schedule));
}
