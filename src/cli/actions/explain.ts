// The action of `cleave explain`: shows shapes, parameters and MACs per layer, before and after the passes, or the kernels with their costs.

import type { Optimized } from "#compile/optimize.js";
import { lowerModule } from "#compile/lower-module.js";
import { targetOf } from "#compile/targets.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { lineTexts } from "#diagnostic/line-text.js";
import { didYouMean } from "#diagnostic/suggest.js";
import { fusions } from "#passes/rules/fusions.js";
import { ruleTexts } from "#passes/rules/index.js";
import { explainFusion, explainFusionText } from "#report/explain-fusion.js";
import { explainRule, explainRuleText } from "#report/explain-rule.js";
import { tiles } from "#kernel/part/tile.js";
import { compactText } from "#report/compact.js";
import { countsOf } from "#report/counts.js";
import type { ScheduleSources } from "#report/explain-schedule.js";
import { explainSchedule, explainScheduleText } from "#report/explain-schedule.js";
import type { ExplainReport } from "#report/explain.js";
import { explain, explainKernels, explainText } from "#report/explain.js";
import type { Model } from "#node/read-model.js";
import { readRules } from "#node/read-model.js";
import { readDevices } from "../model/devices.js";
import { loadModel } from "../model/load.js";
import { hasKernels, optimizeModel } from "../model/optimize.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { exit, report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import { splitText } from "../split/text.js";

export interface ExplainOptions extends ModelOptions, PassOptions {
  readonly schedule?: boolean;
  readonly rule?: string;
  readonly fusion?: string;
  readonly json?: boolean;
}

export function explainModel(path: string, options: ExplainOptions, session: Session): void {
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (model && optimized && (options.rule !== undefined || options.fusion !== undefined))
    return explainWhyNot(model, optimized, options, session);
  if (!model || !optimized || !hasKernels(optimized.module, model, options.target, session)) return;
  session.progress.show("adding up");
  const scheduled = scheduleFor(optimized, options, session);
  if (!scheduled) return;
  if (options.schedule) return printSchedule(model, optimized, scheduled, options, session);
  const explained: ExplainReport = {
    name: model.graph.name,
    ...given({ docs: model.docs?.length ? model.docs : undefined }),
    before: explain(model),
    after: explainKernels(optimized.module),
    counts: countsOf(model.graph, {
      kernels: scheduled.program.launches.length,
      setup: scheduled.program.setup.length,
    }),
  };
  if (options.json)
    return session.terminal.out(
      jsonText({ ...explained, ...given({ split: optimized.split, compact: optimized.compact }) }),
    );
  session.terminal.out(explainText(explained));
  if (optimized.compact) session.terminal.out(`\n${compactText(optimized.compact)}\n`);
  if (optimized.split) session.terminal.out(`\n${splitText(optimized.split)}\n`);
}

/** Explains a rule, a fusion, or both. */
function explainWhyNot(
  model: Model,
  optimized: Optimized,
  { rule, fusion, rules, json = false }: ExplainOptions,
  session: Session,
): void {
  const built = [...ruleTexts, fusions].map(({ file, text }) => [file, text] as const);
  const sources = new Map([...built, ...model.sources, ...readRules(rules).sources]);
  const ofRule = rule === undefined ? undefined : explainRule(optimized, rule, { sources });
  const ofFusion = fusion === undefined ? undefined : explainFusion(optimized, fusion, { sources });
  const missing = [
    ...(rule !== undefined && !ofRule
      ? [
          notTried(
            "rule",
            rule,
            optimized.trace.flatMap((one) => one.rules.map(({ name }) => name)),
          ),
        ]
      : []),
    ...(fusion !== undefined && !ofFusion
      ? [
          notTried(
            "fusion",
            fusion,
            (optimized.fused?.fusions ?? []).map(({ name }) => name),
          ),
        ]
      : []),
  ];
  if (missing.length > 0) {
    report(session.terminal, missing, sources);
    session.code = exit.wrongUsage;
    return;
  }
  if (json) return session.terminal.out(jsonText({ ...given({ rule: ofRule, fusion: ofFusion }) }));
  const texts = [ofRule && explainRuleText(ofRule), ofFusion && explainFusionText(ofFusion)];
  session.terminal.out(texts.filter((text) => text !== undefined).join("\n"));
}

function notTried(what: string, name: string, names: readonly string[]): Diagnostic {
  const known = [...new Set(names)];
  const near = didYouMean(name, known);
  return error("unknown-rule", `no pass that runs tries a ${what} \`${name}\``, {
    help:
      near.length > 0 ? near : [known.length > 0 ? `there are ${known.join(", ")}` : `no ${what} is tried`],
  });
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
  const explained = explainSchedule({
    ...scheduled,
    written: model.graph,
    lineOf: lineTexts(model.sources),
    ...given({ fused }),
  });
  session.terminal.out(json ? jsonText(explained) : explainScheduleText(explained, scheduled.schedule));
}
