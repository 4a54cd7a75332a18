// The options for a layer: whole, or split by its weights alone.

import type { Module } from "#ir/weights.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Choice } from "./budget.js";
import type { Candidate } from "./candidates.js";
import { weightValues } from "./candidates.js";
import type { CostModel, SplitCost } from "./cost.js";
import type { DenseWeightValues } from "./decompose.js";
import { factorize, squaredErrors } from "./decompose.js";
import type { Split } from "./form.js";
import { formOf } from "./form.js";
import { largestPolyadic, polyadic, polyadicRanks } from "./polyadic.js";

/** An option for a layer. Its loss is ‖W − Ŵ‖². */
export interface LayerChoice extends Choice {
  /** Absent for the whole layer. */
  readonly split?: Split;
  readonly cost: SplitCost;
  /** Present if they are already computed. */
  readonly factors?: readonly Float32Array[];
}

/** The whole layer. */
export function wholeChoice(candidate: Candidate, costs: CostModel): LayerChoice {
  return { cost: costs.whole(candidate), loss: 0 };
}

/** The layer split, with a given loss. A rank above the full one becomes the full one. */
export function splitChoice(candidate: Candidate, costs: CostModel, split: Split, loss = 0): LayerChoice {
  const rank = Math.min(split.rank, formOf(split.order).fullRank(candidate));
  const fitting = { order: split.order, rank };
  return { split: fitting, cost: costs.split(candidate, fitting), loss };
}

/**
 * The options to split a layer, with the errors of its weights, without those that are outdone by another (`isOutdone`). Of the
 * canonical polyadic decomposition they include some ranks, and none for weights of more than `largestPolyadic` elements, because the
 * search takes long.
 */
export function splitChoices(candidate: Candidate, costs: CostModel, module: Module): LayerChoice[] {
  const weights = weightValues(candidate, module);
  const all = [
    ...slicedChoices(candidate, costs, weights),
    ...(weights.data.length <= largestPolyadic ? polyadicChoices(candidate, costs, weights) : []),
  ];
  return all.filter((choice) => !all.some((other) => isOutdone(choice, other)));
}

/** The options of the two orders that singular value decompositions give. */
export function slicedChoices(
  candidate: Candidate,
  costs: CostModel,
  weights: DenseWeightValues,
): LayerChoice[] {
  return (["depthwise-pointwise", "pointwise-depthwise"] as const).flatMap((order) =>
    squaredErrors(weights, order).flatMap((error, rank) =>
      rank === 0 ? [] : [splitChoice(candidate, costs, { order, rank }, error)],
    ),
  );
}

function polyadicChoices(candidate: Candidate, costs: CostModel, weights: DenseWeightValues): LayerChoice[] {
  const whole = costs.whole(candidate);
  return polyadicRanks(candidate).flatMap((rank) => {
    const choice = splitChoice(candidate, costs, { order: "pointwise-depthwise-pointwise", rank });
    if (choice.cost.macs >= whole.macs) return [];
    const { factors, squaredError } = polyadic(weights, rank);
    return [{ ...choice, factors, loss: squaredError }];
  });
}

/** The option of a given order and rank, with its error. */
export function choiceOf(candidate: Candidate, costs: CostModel, module: Module, split: Split): LayerChoice {
  const choice = splitChoice(candidate, costs, split);
  const { order, rank } = choice.split ?? split;
  const weights = weightValues(candidate, module);
  if (order !== "pointwise-depthwise-pointwise")
    return { ...choice, loss: squaredErrors(weights, order)[rank] ?? bug(`no rank ${rank}`) };
  const { factors, squaredError } = polyadic(weights, rank);
  return { ...choice, factors, loss: squaredError };
}

/** The factors of an option: those with the least ‖W − Ŵ‖ that the decompositions find. */
export function factorsOfChoice(
  candidate: Candidate,
  { split, factors }: LayerChoice,
  module: Module,
): readonly Float32Array[] {
  if (factors) return factors;
  if (!split) return bug("a whole layer has no factors");
  const weights = weightValues(candidate, module);
  return split.order === "pointwise-depthwise-pointwise"
    ? polyadic(weights, split.rank).factors
    : factorize(weights, split.order, split.rank);
}

/**
 * Two orders with the same rank often take as many MACs and lose as much, within noise. Then the one that the target runs faster
 * is better: depthwise → pointwise fuses into one kernel, while the other order writes its intermediate value to memory.
 */
function isOutdone(choice: LayerChoice, by: LayerChoice): boolean {
  return (
    by.cost.seconds < choice.cost.seconds &&
    by.cost.macs <= 1.01 * choice.cost.macs &&
    by.loss <= 1.02 * choice.loss &&
    by.split?.rank === choice.split?.rank
  );
}
