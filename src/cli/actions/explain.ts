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
  readonly rule: readonly string[];
  readonly fusion?: string;
  readonly json?: boolean;
}

export function explainModel(path: string, options: ExplainOptions, session: Session): void {
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (model && optimized && (options.rule.length > 0 || options.fusion !== undefined)) {
    if (!options.schedule) return explainWhyNot(model, optimized, options, session);
    session.code = exit.wrongUsage;
    report(session.terminal, [twoReports()], new Map());
    return;
  }
  if (!model || !optimized || !hasKernels(optimized.module, model, options.target, session)) return;
  session.progress.show("adding up");
  const scheduled = scheduleFor(optimized, options, session);
  if (!scheduled) return;
  if (options.schedule) return printSchedule(model, optimized, scheduled, options, session);
  const explained: ExplainReport = {
    name: model.graph.name,
    ...given({ docs: model.docs?.length ? model.docs : undefined }),
    ...given({
      pictures: model.graph.pictures && Object.fromEntries(model.graph.pictures),
      labels: model.graph.labels && Object.fromEntries(model.graph.labels),
    }),
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
  { rule, fusion, rules: files, json = false }: ExplainOptions,
  session: Session,
): void {
  const built = [...ruleTexts, fusions].map(({ file, text }) => [file, text] as const);
  const sources = new Map([...built, ...model.sources, ...readRules(files).sources]);
  const tried = optimized.trace.flatMap((run) => run.rules);
  const ofRules = rule.flatMap((name) => {
    const isRule = tried.some((one) => one.name === name);
    const members = isRule ? [] : tried.filter(({ set }) => set?.name === name).map((one) => one.name);
    const all = members.length === 0 ? [name] : [...new Set(members)];
    return all.map((one) => ({ name: one, explained: explainRule(optimized, one, { sources }) }));
  });
  const ofFusion = fusion === undefined ? undefined : explainFusion(optimized, fusion, { sources });
  const missing = [
    ...ofRules
      .filter(({ explained }) => !explained)
      .map(({ name }) =>
        notTried(
          "rule",
          name,
          tried.flatMap((one) => [one.name, ...(one.set ? [one.set.name] : [])]),
        ),
      ),
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
  const rules = ofRules.flatMap(({ explained }) => explained ?? []);
  // One rule is an object, as it is in most calls; several are a list.
  const [first, second] = rules;
  const all = second ? { rules } : given({ rule: first });
  if (json) return session.terminal.out(jsonText({ ...all, ...given({ fusion: ofFusion }) }));
  const texts = [...rules.map(explainRuleText), ofFusion && explainFusionText(ofFusion)];
  session.terminal.out(texts.filter((text) => text !== undefined).join("\n"));
}

/** The most names that a message lists. */
const mostNamed = 20;

function twoReports(): Diagnostic {
  return error("wrong-option", "`--schedule` and `--rule` or `--fusion` are two reports", {
    help: ["call `cleave explain` once for each"],
  });
}

function notTried(what: string, name: string, names: readonly string[]): Diagnostic {
  const known = [...new Set(names)];
  const near = didYouMean(name, known);
  return error("unknown-rule", `no pass that runs tries a ${what} \`${name}\``, {
    help:
      near.length > 0
        ? near
        : [
            known.length === 0
              ? `no ${what} is tried`
              : known.length > mostNamed
                ? `docs/rules.md lists the built-in rules and sets of rules`
                : `there are ${known.join(", ")}`,
          ],
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
