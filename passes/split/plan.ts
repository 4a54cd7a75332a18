// Decides for every convolution whether and how it is split.

import { least } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { allocate, lowerHull } from "./budget.js";
import type { Candidate, Choice } from "./candidates.js";
import { splitChoice, splitChoices, squaredNorm, wholeChoice } from "./candidates.js";
import { fullMultiplier } from "./decompose.js";
import type { SplitMode } from "./report.js";

/** What becomes of one candidate. */
export interface Decision {
  readonly whole: Choice;
  readonly choice: Choice;
  readonly reason: string;
}

export interface Plan {
  /** One per candidate, in order. */
  readonly decisions: readonly Decision[];
  readonly warnings: readonly string[];
}

export function plan(
  candidates: readonly Candidate[],
  mode: SplitMode,
  module: Module,
  target: Target,
): Plan {
  switch (mode.mode) {
    case "structural": {
      const decisions = candidates.map((candidate): Decision => {
        const choice = splitChoice(candidate, target, "depthwise-pointwise", mode.m ?? 1, 0);
        return { whole: wholeChoice(candidate, target), choice, reason: "asked for; to be trained" };
      });
      return { decisions, warnings: [] };
    }
    case "multiplier":
      return {
        decisions: candidates.map((candidate) => withMultiplier(candidate, mode.m, module, target)),
        warnings: [],
      };
    case "error":
    case "macs":
      return withinLimit(candidates, mode, module, target);
    default:
      return mode satisfies never;
  }
}

/**
 * One multiplier, two orders: the one that loses less, for the MACs that it takes. Of what a layer can have for those MACs
 * at best (the lower convex hull over both orders and the whole layer), it is the one that lies nearer.
 */
function withMultiplier(candidate: Candidate, m: number, module: Module, target: Target): Decision {
  const whole = wholeChoice(candidate, target);
  const choices = splitChoices(candidate, target, module);
  const hull = lowerHull([whole, ...choices]);
  const fitting = choices.filter(
    ({ split }) => split && split.m === Math.min(m, fullMultiplier(candidate.shape, split.order)),
  );
  const ranked = fitting
    .map((choice) => ({ choice, excess: choice.squaredError - errorAt(hull, choice.cost.macs) }))
    .sort((a, b) => a.excess - b.excess || a.choice.cost.macs - b.choice.cost.macs);
  const choice = ranked[0]?.choice ?? bug(`no way to split ${candidate.node.name}`);
  return { whole, choice, reason: "asked for" };
}

/** The least squared error that convex combinations have at a number of MACs. */
function errorAt(hull: readonly Choice[], macs: number): number {
  for (const [index, from] of hull.entries()) {
    if (macs >= from.cost.macs) return from.squaredError;
    const to = hull[index + 1];
    if (!to || macs < to.cost.macs) continue;
    const share = (from.cost.macs - macs) / (from.cost.macs - to.cost.macs);
    return from.squaredError + share * (to.squaredError - from.squaredError);
  }
  return hull.at(-1)?.squaredError ?? 0;
}

function withinLimit(
  candidates: readonly Candidate[],
  mode: Extract<SplitMode, { mode: "error" | "macs" }>,
  module: Module,
  target: Target,
): Plan {
  const layers = candidates.map((candidate) => {
    const whole = wholeChoice(candidate, target);
    const all = splitChoices(candidate, target, module);
    const fewer = all.filter((choice) => choice.cost.macs < whole.cost.macs);
    // A split with fewer MACs may still be slower: its depthwise part runs at another rate, and may write more.
    const cheaper = fewer.filter((choice) => choice.seconds < whole.seconds);
    return { whole, fewer, cheaper };
  });
  const choices = layers.map(({ whole, cheaper }) => [whole, ...cheaper]);
  const warnings: string[] = [];
  let chosen: readonly Choice[];
  if (mode.mode === "error") {
    const total = candidates.reduce((sum, candidate) => sum + squaredNorm(candidate, module), 0);
    chosen = allocate(choices, { kind: "error", squaredError: mode.budget ** 2 * total });
  } else {
    const total = layers.reduce((sum, { whole }) => sum + whole.cost.macs, 0);
    chosen = allocate(choices, { kind: "macs", macs: mode.share * total });
    const left = chosen.reduce((sum, choice) => sum + choice.cost.macs, 0);
    if (left > mode.share * total)
      warnings.push(
        `splitting leaves at least ${percent(left / total)} of the MACs of the convolutions considered, more than the ${percent(mode.share)} asked for`,
      );
  }
  const decisions = layers.map(({ whole, fewer, cheaper }, at): Decision => {
    const choice = chosen[at] ?? whole;
    return { whole, choice, reason: reasonFor(choice, whole, fewer, cheaper, mode.mode, target) };
  });
  return { decisions, warnings };
}

function reasonFor(
  choice: Choice,
  whole: Choice,
  fewer: readonly Choice[],
  cheaper: readonly Choice[],
  mode: "error" | "macs",
  target: Target,
): string {
  if (choice.split)
    return `${percent(choice.seconds / whole.seconds)} of the time on ${target.name}, by the model of costs`;
  if (fewer.length === 0) return "every split has at least as many MACs";
  if (cheaper.length === 0) {
    const best = least(fewer.map((one) => one.seconds));
    return `no split is cheaper on ${target.name}: the best takes ${percent(best / whole.seconds)} of the time`;
  }
  return mode === "error"
    ? "the error allowed saves more in other layers"
    : "the MACs are saved with less error in other layers";
}

function percent(share: number): string {
  return `${(share * 100).toPrecision(3)} %`;
}
