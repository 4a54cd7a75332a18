// The report of `cleave split`: outputs and times of the split net compared with the original, and the results of other limits.

import { given } from "#diagnostic/given.js";
import type { Samples } from "#calibrate/samples.js";
import { profile } from "#measure/profile.js";
import { warning } from "#diagnostic/diagnostic.js";
import { greatest, least } from "#diagnostic/extremes.js";
import { totalCost } from "#inspect/cost.js";
import { nodeOf } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { findWhole } from "#passes/split/candidates.js";
import type { LayerChoice } from "#passes/split/choices.js";
import { sumCosts } from "#passes/split/cost.js";
import type { FittedReport, OutputComparison, SweepPoint } from "#report/fitted.js";
import { compareOutputs, isOfClasses } from "#split/compare-outputs.js";
import { layerTimes } from "#split/layer-times.js";
import type { SplitLimit, SplitPlan } from "#split/split-network.js";
import { chooseWithin, planCosts } from "#split/split-network.js";
import { factorsOf, layerOf } from "#split/split-with-samples.js";
import type { TriedNetwork } from "#split/try-network.js";
import { gpuDiagnostic, nodeGpu } from "#node/gpu.js";
import type { Model } from "#node/read-model.js";
import { readClasses } from "../inputs/classes.js";
import type { ReadSamples } from "../inputs/samples.js";
import { readAllSamples } from "../inputs/samples.js";
import { readDevices } from "../model/devices.js";
import { optimizeModel } from "../model/optimize.js";
import type { FitOptions } from "../options/fit.js";
import type { ImageOptions } from "../options/image.js";
import type { ModelOptions } from "../options/model.js";
import { limitText } from "../options/split.js";
import { calibrating } from "../output/progress.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import type { Fitting } from "./fit.js";
import { fitModel } from "./fit.js";

export interface SplitOptions extends ModelOptions, FitOptions {
  readonly test?: string;
  readonly labels?: string;
  readonly sweep?: boolean;
  readonly measure?: boolean;
}

/** The data for a report. */
export interface Work extends Fitting {
  readonly model: Model;
  readonly tried: TriedNetwork;
  readonly judged: Judged;
}

/** Samples on which outputs are compared, with their labels, if given. */
export interface Judged {
  readonly samples: Samples;
  readonly labels?: readonly number[];
}

/** Reads `--test` and `--labels`; `calibration` are the samples of `--calibrate`. Undefined after errors. */
export async function readJudged(
  model: Module,
  calibration: ReadSamples | undefined,
  { test, labels, ...options }: Pick<SplitOptions, "test" | "labels"> & ImageOptions,
  session: Session,
): Promise<Judged | undefined> {
  const read = test === undefined ? calibration : await readAllSamples(test, model, options, session);
  if (!read || labels === undefined) return read && { samples: read.samples };
  const { graph } = model;
  const classes = greatest(
    graph.outputs
      .map(({ node }) => nodeOf(graph, node).type.shape)
      .map((shape) => (isOfClasses(shape) ? elements(shape) : 0)),
  );
  const { value, diagnostics } = readClasses(labels, read.all, classes);
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  return value && { samples: read.samples, labels: read.indices.map((index) => value[index] ?? -1) };
}

/** The model with split layers, after the pass `split`; undefined after errors. */
export function splitWith(
  model: Model,
  plan: SplitPlan,
  options: SplitOptions,
  session: Session,
): Module | undefined {
  const how = { ...options, split: factorsOf(plan), stopAfter: "split" };
  return optimizeModel(model, how, session)?.module;
}

/** The report on a plan; undefined after errors. */
export async function reportOn(
  work: Work,
  plan: SplitPlan,
  after: Module,
  options: SplitOptions,
  session: Session,
): Promise<FittedReport | undefined> {
  // Fitting within a loss reports this itself.
  if (plan.layers.size === 0 && work.limit.kind !== "loss")
    session.code = Math.max(session.code, report(session.terminal, [nothingSplit(work)], new Map()));
  const outputs = await compare(work, after, session);
  const times = options.measure ? await measure(work, plan, options, session) : undefined;
  const sweep = options.sweep && outputs ? await sweepOver(work, plan, outputs, options, session) : undefined;
  if (!outputs || (options.measure && !times) || (options.sweep && !sweep)) return undefined;
  return {
    name: work.model.graph.name,
    target: options.target,
    limit: limitText(work.limit),
    samples: work.samples.count,
    seed: options.seed,
    layers: plan.planned.map((layer) => layerOf(layer, times?.layers.get(layer.candidate.node.name))),
    left: findWhole(work.base),
    ...planCosts(plan.planned),
    net: {
      before: totalCost(work.base),
      after: totalCost(after),
      ...given({ measured: times?.net }),
    },
    ...given({ distilled: plan.distilled }),
    outputs,
    predicted: predictedCurve(work),
    ...given({ sweep }),
  };
}

function nothingSplit({ limit }: Work) {
  return warning("nothing-split", `no layer is split: nothing is gained within ${limitText(limit)}`);
}

async function compare(
  { base, judged, how }: Work,
  after: Module,
  session: Session,
): Promise<readonly OutputComparison[] | undefined> {
  const { value, diagnostics } = await compareOutputs(base, after, judged.samples, {
    threads: how.threads,
    onProgress: calibrating(session.progress),
    ...given({ labels: judged.labels }),
  });
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  return value;
}

/** The limits of a sweep: shares of the MACs or the time, and losses. Limits out of reach are skipped. */
const sweptShares = [0.75, 0.5, 0.38, 0.25, 0.18, 0.13, 0.09];
const sweptLosses = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3];

/** The results of other limits of the same kind, each fitted separately, from the splits that were tried. */
async function sweepOver(
  work: Work,
  plan: SplitPlan,
  outputs: readonly OutputComparison[],
  options: SplitOptions,
  session: Session,
): Promise<SweepPoint[] | undefined> {
  const { model, tried, limit } = work;
  const point = (planned: SplitPlan["planned"], of: SplitLimit, found: readonly OutputComparison[]) => {
    const { before, after } = planCosts(planned);
    return {
      options: `--split ${limitText(of)}${options.distill === undefined ? "" : ` --distill ${options.distill}`}`,
      macs: after.macs / before.macs,
      time: after.seconds / before.seconds,
      outputs: found,
      chosen: of === limit,
    };
  };
  const points = [point(plan.planned, limit, outputs)];
  const others = limitsBeside(limit).filter((other) => isReached(tried, other));
  for (const [at, other] of others.entries()) {
    const of = `${limitText(other)} (${at + 1} of ${others.length}): `;
    const fitted = await fitModel(tried, other, options, session, of);
    const after = fitted && splitWith(model, fitted, options, session);
    const found = after && (await compare(work, after, session));
    if (!fitted || !found) return undefined;
    points.push(point(fitted.planned, other, found));
  }
  return points.toSorted((a, b) => (limit.kind === "time" ? b.time - a.time : b.macs - a.macs));
}

function limitsBeside(limit: SplitLimit): SplitLimit[] {
  const { kind } = limit;
  return kind === "loss"
    ? sweptLosses.filter((loss) => loss !== limit.loss).map((loss) => ({ kind, loss }))
    : sweptShares.filter((share) => share !== limit.share).map((share) => ({ kind, share }));
}

function isReached(tried: TriedNetwork, limit: SplitLimit): boolean {
  const { macs, time } = shares(tried, chooseWithin(tried, limit));
  return limit.kind === "loss" || (limit.kind === "time" ? time : macs) <= limit.share;
}

/** The number of points of the predicted curve. */
const curvePoints = 40;

/** The sums of the predicted losses of single layers, over limits of the same kind. */
function predictedCurve({ tried, limit }: Work): FittedReport["predicted"] {
  const kind = limit.kind === "time" ? "time" : "macs";
  const curve = Array.from({ length: curvePoints }, (_, at) => {
    const chosen = chooseWithin(tried, { kind, share: 1 - at / curvePoints });
    return { ...shares(tried, chosen), loss: chosen.reduce((sum, { loss }) => sum + loss, 0) };
  });
  // All points below the smallest possible share are equal.
  return curve.filter((one, at) => one.macs !== curve[at - 1]?.macs);
}

function shares({ layers }: TriedNetwork, chosen: readonly LayerChoice[]) {
  const before = sumCosts(layers.flatMap(({ choices: [whole] }) => (whole ? [whole.cost] : [])));
  const after = sumCosts(chosen.map(({ cost }) => cost));
  return { macs: after.macs / before.macs, time: after.seconds / before.seconds };
}

interface Times {
  readonly net: { readonly before: number; readonly after: number };
  readonly layers: ReadonlyMap<string, { readonly before: number; readonly after: number }>;
}

/** Rounds in which both nets are measured alternately, so that load on the machine affects both; the minimum counts. */
const rounds = 3;

/** Measures both nets on this machine, with one thread; undefined after errors. */
async function measure(
  { model, base }: Work,
  plan: SplitPlan,
  options: SplitOptions,
  session: Session,
): Promise<Times | undefined> {
  const { split: _, ...whole } = options;
  const nets = [
    optimizeModel(model, whole, session)?.module,
    optimizeModel(model, { ...options, split: factorsOf(plan) }, session)?.module,
  ];
  const devices = readDevices(options, session);
  const gpu =
    options.target === "wgsl" ? await nodeGpu(["disable-dawn-features=timestamp_quantization"]) : undefined;
  session.code = Math.max(session.code, report(session.terminal, gpu?.diagnostics ?? [], new Map()));
  if (!devices || (gpu && !gpu.value)) return undefined;
  const names = plan.planned.map(({ candidate }) => candidate.node.name);
  const runs: { readonly seconds: number; readonly layers: ReadonlyMap<string, number> }[][] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const [which, net] of nets.entries()) {
      if (!net) return undefined;
      session.progress.show(`measuring ${base.graph.name}`, (2 * round + which) / (2 * rounds));
      const profiled = await profile(net, {
        target: options.target,
        ...devices,
        ...(gpu?.value ? { gpu: gpu.value } : {}),
        f16: options.f16 ?? false,
        // The roofline is not needed here, so its measurement is kept short.
        roofline: { macs: 1e6, elements: 2 ** 16, milliseconds: 1 },
      }).catch((cause: unknown) => {
        const known = gpuDiagnostic(cause);
        if (!known) throw cause;
        session.code = Math.max(session.code, report(session.terminal, known.diagnostics, new Map()));
      });
      if (!profiled) return undefined;
      runs[which]?.push({
        seconds: profiled.milliseconds / 1000,
        layers: layerTimes(profiled.kernels, names),
      });
    }
  }
  const leastOf = (which: number, name?: string): number =>
    least(
      (runs[which] ?? []).map(({ seconds, layers }) =>
        name === undefined ? seconds : (layers.get(name) ?? 0),
      ),
    );
  const both = (name?: string) => ({ before: leastOf(0, name), after: leastOf(1, name) });
  return { net: both(), layers: new Map(names.map((name) => [name, both(name)])) };
}
