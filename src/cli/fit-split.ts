// Splitting with samples for a command: the options, reading what they name, and fitting within the limit.

import { availableParallelism } from "node:os";
import type { Command } from "commander";
import type { InputStatistics, Samples } from "#calibrate/samples.js";
import { targetOf } from "#compile/targets.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug, error } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import { findCandidates, findWhole } from "#passes/split/candidates.js";
import { percentText } from "#report/fitted.js";
import type { SplitLimit, SplitPlan } from "#split/split-network.js";
import { chooseWithin, fitWithin } from "#split/split-network.js";
import type { TriedNetwork, TryOptions } from "#split/try-network.js";
import { leastShare, tryNetwork } from "#split/try-network.js";
import type { Model } from "../node.js";
import { readDevices } from "./devices.js";
import type { PassOptions } from "./model-options.js";
import { optimizeModel } from "./model.js";
import { threadCount } from "./number-options.js";
import { calibrating } from "./progress.js";
import type { SampleOptions } from "./samples.js";
import { readSamples, withSampleOptions } from "./samples.js";
import type { Session } from "./session.js";
import { limitOf } from "./split-option.js";
import { report } from "./terminal.js";

export interface FitOptions extends PassOptions, SampleOptions {
  readonly threads?: number;
}

/** Adds the options of splitting with samples. */
export function withFitOptions(command: Command): Command {
  return withSampleOptions(command).option(
    "--threads <n>",
    "how many threads calibrate (default: as many as there are cores, 8 at most)",
    threadCount,
  );
}

/** What has been tried of a model with samples. `tried` is to be disposed of. */
export interface TriedModel {
  /** As the passes before `split` leave it. */
  readonly base: Module;
  readonly samples: Samples;
  readonly statistics: ReadonlyMap<string, InputStatistics>;
  readonly limit: SplitLimit;
  readonly threads: number;
  readonly tried: TriedNetwork;
}

/** Reads the samples and tries splits of a model; undefined after errors. */
export async function tryModel(
  model: Model,
  options: FitOptions & { readonly calibrate: string },
  session: Session,
): Promise<TriedModel | undefined> {
  const limit = limitOf(options.split) ?? bug("no limit");
  const { split: _, ...others } = options;
  const optimized = optimizeModel(model, { ...others, stopAfter: "split" }, session);
  const devices = optimized && readDevices(options, session);
  if (!devices) return undefined;
  const base = optimized.module;
  const threads = options.threads ?? Math.min(8, availableParallelism());
  const how: TryOptions = {
    target: targetOf(options.target, devices).target,
    winograd: options.winograd,
    winogradMemory: options.winogradMemory,
    seed: options.seed,
    threads,
    onProgress: calibrating(session.progress),
  };
  const tell = (diagnostics: readonly Diagnostic[]): boolean => {
    session.code = Math.max(session.code, report(session.terminal, diagnostics, model.sources));
    return diagnostics.some(({ severity }) => severity === "error");
  };
  if (tell(nothingToSplit(base))) return undefined;
  if (limit.kind !== "loss" && tell(outOfReach(limit, leastShare(base, limit.kind, how)))) return undefined;
  const read = await readSamples(base.graph, options, session);
  if (!read) return undefined;
  const { value: tried, diagnostics } = await tryNetwork(base, read.samples, how);
  tell(diagnostics);
  if (!tried) return undefined;
  if (limit.kind !== "loss" && tell(outOfReach(limit, leftOf(tried, limit)))) {
    tried.dispose();
    return undefined;
  }
  return { base, ...read, limit, threads, tried };
}

/** Fits layers within a limit; undefined after errors. */
export async function fitModel(
  { tried }: TriedModel,
  limit: SplitLimit,
  session: Session,
): Promise<SplitPlan | undefined> {
  const { value, diagnostics } = await fitWithin(tried, limit, calibrating(session.progress));
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  return value;
}

/** The share that the choices within a limit leave. */
function leftOf(tried: TriedNetwork, limit: SplitLimit): number {
  const sum = (choices: readonly { readonly cost: { readonly macs: number; readonly seconds: number } }[]) =>
    choices.reduce((all, { cost }) => all + (limit.kind === "time" ? cost.seconds : cost.macs), 0);
  return sum(chooseWithin(tried, limit)) / sum(tried.layers.flatMap(({ choices }) => choices.slice(0, 1)));
}

function nothingToSplit(base: Module): Diagnostic[] {
  if (findCandidates(base).length > 0) return [];
  const left = findWhole(base);
  return [
    error("nothing-to-split", `${base.graph.name} has no convolution that can be split`, {
      help: [
        "split are convolutions with constant weights, windows larger than 1×1, and groups of several channels",
        ...left.slice(0, 5).map(({ name, reason }) => `\`${name}\`: ${reason}`),
      ],
    }),
  ];
}

function outOfReach(limit: SplitLimit, least: number): Diagnostic[] {
  if (limit.kind === "loss" || least <= limit.share * (1 + 1e-9)) return [];
  const what = limit.kind === "time" ? "modelled time" : "MACs";
  return [
    error(
      "split-limit",
      `splitting leaves at least ${percentText(least)} of the ${what} of the convolutions, more than the ${percentText(limit.share)} asked for`,
      {
        help: [
          least >= 1
            ? "no split of any of them is faster on the target"
            : `\`--split ${limit.kind}=${Math.ceil(least * 100) / 100}\` can be had`,
        ],
      },
    ),
  ];
}
