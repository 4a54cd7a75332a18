// Decides for every convolution whether it is split, and how.

import { given } from "#diagnostic/given.js";
import { least } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import { allocate, lowerHull } from "./budget.js";
import type { Candidate } from "./candidates.js";
import { weightValues, squaredNorm } from "./candidates.js";
import type { LayerChoice } from "./choices.js";
import { choiceOf, slicedChoices, splitChoice, splitChoices, wholeChoice } from "./choices.js";
import type { CostModel } from "./cost.js";
import type { DenseWeightValues } from "./decompose.js";
import type { Split, SplitOrder } from "./form.js";
import { composeFactors, formOf } from "./form.js";
import type { SplitMode } from "./report.js";
import type { SplitValues } from "./rewrite.js";

/** The decision for one candidate. */
export interface Decision {
  readonly whole: LayerChoice;
  readonly choice: LayerChoice;
  readonly reason: string;
  /** Present if the caller gave them. */
  readonly values?: SplitValues;
}

export interface Plan {
  /** One per candidate, in order. */
  readonly decisions: readonly Decision[];
  readonly warnings: readonly string[];
}

/** The input of a plan. */
export interface Considered {
  readonly module: Module;
  readonly candidates: readonly Candidate[];
  readonly costs: CostModel;
  /** The target's name. */
  readonly target: string;
}

export function plan(of: Considered, mode: SplitMode): Plan {
  const each = (decide: (candidate: Candidate, whole: LayerChoice) => Omit<Decision, "whole">): Plan => ({
    decisions: of.candidates.map((candidate) => {
      const whole = wholeChoice(candidate, of.costs);
      return { whole, ...decide(candidate, whole) };
    }),
    warnings: [],
  });
  switch (mode.mode) {
    case "structural":
      return each((candidate) => ({
        choice: splitChoice(candidate, of.costs, structuralSplit(candidate, mode)),
        reason: "asked for; to be trained",
      }));
    case "multiplier":
      return each((candidate, whole) => ({
        choice: withMultiplier(of, candidate, whole, mode),
        reason: "asked for",
      }));
    case "rank":
      return each((candidate) => ({
        choice: choiceOf(candidate, of.costs, of.module, mode),
        reason: "asked for",
      }));
    case "factors":
      return each((candidate, whole) => withGivenFactors(of, candidate, whole, mode));
    case "exact":
      return each((candidate, whole) => exact(of, candidate, whole));
    case "error":
    case "macs":
    case "time":
      return withinLimit(of, mode);
    default:
      return mode satisfies never;
  }
}

function structuralSplit(
  candidate: Candidate,
  { order = "depthwise-pointwise", m = 1, rank }: Extract<SplitMode, { mode: "structural" }>,
): Split {
  return { order, rank: rank ?? formOf(order).rankOf(candidate, m) };
}

/**
 * One multiplier, and two orders unless one is given: takes the order that loses less for the MACs that it takes. The lower convex
 * hull over both orders and the whole layer gives the least loss for any number of MACs. The order that is closer to it is taken.
 */
function withMultiplier(
  { module, costs }: Considered,
  candidate: Candidate,
  whole: LayerChoice,
  { m, order }: { readonly m: number; readonly order?: SplitOrder },
): LayerChoice {
  if (order !== undefined)
    return choiceOf(candidate, costs, module, { order, rank: formOf(order).rankOf(candidate, m) });
  const choices = slicedChoices(candidate, costs, weightValues(candidate, module));
  const hull = lowerHull([whole, ...choices], macsOf);
  const fitting = choices.filter(
    ({ split }) => split && split.rank === Math.min(m, formOf(split.order).fullRank(candidate)),
  );
  const ranked = fitting
    .map((choice) => ({ choice, excess: choice.loss - lossAt(hull, choice.cost.macs) }))
    .sort(
      (a, b) =>
        a.excess - b.excess ||
        a.choice.cost.macs - b.choice.cost.macs ||
        a.choice.cost.seconds - b.choice.cost.seconds,
    );
  return ranked[0]?.choice ?? bug(`no way to split ${candidate.node.name}`);
}

function macsOf({ cost }: LayerChoice): number {
  return cost.macs;
}

/** The loss of the lower convex hull at a number of MACs. */
function lossAt(hull: readonly LayerChoice[], macs: number): number {
  for (const [index, from] of hull.entries()) {
    if (macs >= from.cost.macs) return from.loss;
    const to = hull[index + 1];
    if (!to || macs < to.cost.macs) continue;
    const share = (from.cost.macs - macs) / (from.cost.macs - to.cost.macs);
    return from.loss + share * (to.loss - from.loss);
  }
  return hull.at(-1)?.loss ?? 0;
}

/** The decision that the caller gives for a layer. */
function withGivenFactors(
  { module, costs }: Considered,
  candidate: Candidate,
  whole: LayerChoice,
  { layers, reasons }: Extract<SplitMode, { mode: "factors" }>,
): Omit<Decision, "whole"> {
  const { name } = candidate.node;
  const layer = layers.get(name);
  if (!layer) return { choice: whole, reason: reasons?.get(name) ?? "not among the layers given" };
  const { order, rank, factors, bias } = layer;
  const weights = weightValues(candidate, module);
  const composed = composeFactors(candidate, layer, factors);
  return {
    choice: {
      split: { order, rank },
      cost: costs.split(candidate, layer),
      loss: distance(weights, composed),
    },
    reason: reasons?.get(name) ?? "as given",
    values: { factors, ...given({ bias }) },
  };
}

function distance({ data }: DenseWeightValues, other: Float64Array): number {
  return data.reduce((sum, value, at) => sum + (value - (other[at] ?? 0)) ** 2, 0);
}

/** The greatest ‖W − Ŵ‖ / ‖W‖ of a split that counts as exact: four times the rounding error of weights that are rounded products. */
const exactTolerance = 2 ** -22;

/** The fastest split that loses only rounding errors, if it is faster than the whole layer. */
function exact(
  { module, costs, target }: Considered,
  candidate: Candidate,
  whole: LayerChoice,
): Omit<Decision, "whole"> {
  const weights = weightValues(candidate, module);
  const most = exactTolerance ** 2 * squaredNorm(candidate, module);
  const choices = slicedChoices(candidate, costs, weights).filter(({ loss }) => loss <= most);
  const fastest = choices.toSorted((a, b) => a.cost.seconds - b.cost.seconds)[0] ?? whole;
  if (fastest.cost.seconds < whole.cost.seconds)
    return { choice: fastest, reason: `exact; ${shareText(fastest, whole, target)}` };
  const fewer = choices.filter(({ cost }) => cost.macs < whole.cost.macs);
  return {
    choice: whole,
    reason:
      fewer.length === 0
        ? "no split with fewer MACs is exact"
        : `an exact split takes ${shareText(fastest, whole, target)}`,
  };
}

type LimitMode = Extract<SplitMode, { mode: "error" | "macs" | "time" }>;

function withinLimit({ module, candidates, costs, target }: Considered, mode: LimitMode): Plan {
  const costOf = ({ cost }: LayerChoice): number => (mode.mode === "time" ? cost.seconds : cost.macs);
  const layers = candidates.map((candidate) => {
    const whole = wholeChoice(candidate, costs);
    const all = splitChoices(candidate, costs, module);
    const fewer = all.filter((choice) => choice.cost.macs < whole.cost.macs);
    // A split with fewer MACs may still be slower: its depthwise part runs at another rate, it may write more to memory, and the whole
    // layer may use Winograd's algorithm.
    const faster = fewer.filter((choice) => choice.cost.seconds < whole.cost.seconds);
    return { whole, fewer, faster };
  });
  const choices = layers.map(({ whole, faster }) => [whole, ...faster]);
  const warnings: string[] = [];
  let chosen: readonly LayerChoice[];
  if (mode.mode === "error") {
    const total = candidates.reduce((sum, candidate) => sum + squaredNorm(candidate, module), 0);
    chosen = allocate(choices, { kind: "loss", loss: mode.budget ** 2 * total }, costOf);
  } else {
    const total = layers.reduce((sum, { whole }) => sum + costOf(whole), 0);
    chosen = allocate(choices, { kind: "cost", cost: mode.share * total }, costOf);
    const left = chosen.reduce((sum, choice) => sum + costOf(choice), 0);
    if (left > mode.share * total)
      warnings.push(
        `splitting leaves at least ${percent(left / total)} of the ${mode.mode === "time" ? "time" : "MACs"} of the convolutions considered, more than the ${percent(mode.share)} asked for`,
      );
  }
  const decisions = layers.map(({ whole, fewer, faster }, at): Decision => {
    const choice = chosen[at] ?? whole;
    return { whole, choice, reason: reasonFor({ choice, whole, fewer, faster }, mode.mode, target) };
  });
  return { decisions, warnings };
}

function reasonFor(
  {
    choice,
    whole,
    fewer,
    faster,
  }: {
    readonly choice: LayerChoice;
    readonly whole: LayerChoice;
    readonly fewer: readonly LayerChoice[];
    readonly faster: readonly LayerChoice[];
  },
  mode: LimitMode["mode"],
  target: string,
): string {
  if (choice.split) return shareText(choice, whole, target);
  if (fewer.length === 0) return "every split has at least as many MACs";
  if (faster.length === 0) {
    const best = least(fewer.map(({ cost }) => cost.seconds));
    return slowerText(best, whole, target);
  }
  return savedElsewhere[mode];
}

/** Why a layer that could be split stays whole, by the limit. */
export const savedElsewhere = {
  error: "the error allowed saves more in other layers",
  loss: "the loss allowed saves more in other layers",
  macs: "the MACs are saved with less error in other layers",
  time: "the time is saved with less error in other layers",
} as const;

/** Why a layer stays whole: its fastest split takes `seconds`, which is not less than the whole layer takes. */
export function slowerText(seconds: number, whole: LayerChoice, target: string): string {
  return `no split is faster on ${target}: the best takes ${percent(seconds / whole.cost.seconds)} of the time`;
}

/** The time of a split as a share of the time of the whole layer. */
export function shareText({ cost }: LayerChoice, whole: LayerChoice, target: string): string {
  return `${percent(cost.seconds / whole.cost.seconds)} of the time on ${target}, by the model of costs`;
}

function percent(share: number): string {
  return `${(share * 100).toPrecision(3)} %`;
}
