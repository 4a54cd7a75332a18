// Fits splits of one layer alone, with the rest of the network unchanged, and makes the choices for the layer from their losses.

import { given } from "#diagnostic/given.js";
import type { Matrix, Products, Sums } from "#calibrate/algebra/products.js";
import { bug } from "#diagnostic/diagnostic.js";
import { least } from "#diagnostic/extremes.js";
import type { Candidate } from "#passes/split/candidates.js";
import { weightValues } from "#passes/split/candidates.js";
import type { DenseWeightValues } from "#passes/split/decompose.js";
import type { CostModel } from "#passes/split/cost.js";
import { sizesOfSplit } from "#passes/split/cost.js";
import type { Split, SplitOrder } from "#passes/split/form.js";
import { formOf, sizesOf, splitOrders } from "#passes/split/form.js";
import type { LayerChoice } from "#passes/split/choices.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { LayerFit, LayerFitOptions, LayerRows, PreparedRows } from "./layer/fit-layer.js";
import { fitLayer, prepareRows } from "./layer/fit-layer.js";
import { weightsOf } from "./layer/fit-terms.js";
import type { Substitute } from "./measure.js";
import { metricOf } from "./layer/metric.js";
import type { Terms } from "./layer/terms.js";
import { startingTerms } from "./layer/terms.js";

/** The shares of a layer's MACs that are tried; losses between them are interpolated. */
export const triedShares = [0.05, 0.09, 0.16, 0.27, 0.45, 0.75];

/** The share at which the orders are compared, and the ratio to the least error above which an order is not tried at other shares. */
const [comparedShare, outdone] = [0.27, 1.5];

/** The most terms of a group: with more of them, a fit takes too long for what it gains. */
const mostTerms = 1024;

/** For each share of a layer's MACs, the split of an order with the most MACs within the share. */
export function splitsNear(candidate: Candidate, order: SplitOrder, shares: readonly number[]): Split[] {
  const whole = elements(candidate.shape) * candidate.outputPixels;
  const perRank = sizesOfSplit(candidate, { order, rank: 1 }).macs;
  const { ci, co } = sizesOf(candidate);
  const perTerm = {
    "depthwise-pointwise": ci,
    "pointwise-depthwise": co,
    "pointwise-depthwise-pointwise": 1,
  };
  const most = Math.min(
    formOf(order).fullRank(candidate),
    Math.max(1, Math.floor(mostTerms / perTerm[order])),
  );
  const ranks = new Set(shares.map((share) => Math.floor((share * whole) / perRank)));
  return [...ranks].filter((rank) => rank >= 1 && rank <= most).map((rank) => ({ order, rank }));
}

/** A split with its fits. Its loss in the outputs is not known yet. */
export interface Fitted {
  readonly split: Split;
  readonly fits: readonly LayerFit[];
}

/**
 * Fits splits of a layer to its rows. First fits each order once, with about a quarter of the MACs; then the other shares in those
 * orders that come near the best. An order without a split of so few MACs is tried at the other shares anyway.
 */
export async function trySplits(
  candidate: Candidate,
  module: Module,
  groups: readonly LayerRows[],
  products: Products,
  options: GroupFitOptions,
  isWanted: (split: Split) => boolean,
): Promise<Fitted[]> {
  const prepared = await prepareGroups(candidate, module, groups, products);
  const fit = async (splits: readonly Split[]): Promise<Fitted[]> => {
    const fitted: Fitted[] = [];
    for (const split of splits.filter(isWanted))
      fitted.push({ split, fits: await fitGroups(prepared, split, products, options) });
    return fitted;
  };
  const first = await fit(splitOrders.flatMap((order) => splitsNear(candidate, order, [comparedShare])));
  const errors = first.map(({ fits }) => meanError(fits));
  const bound = outdone * least(errors);
  const others = triedShares.filter((share) => share !== comparedShare);
  const left = splitOrders.filter((order) =>
    first.every(({ split, fits }) => split.order !== order || meanError(fits) <= bound),
  );
  const rest = await fit(
    left.flatMap((order) =>
      splitsNear(candidate, order, others).filter(({ rank }) =>
        first.every(({ split }) => split.order !== order || split.rank !== rank),
      ),
    ),
  );
  return [...first, ...rest];
}

/** The mean error of groups. */
export function meanError(fits: readonly LayerFit[]): number {
  return fits.reduce((sum, { error }) => sum + error / fits.length, 0);
}

/** The weights of each group of a convolution, [n, outputs]. */
export function weightsOfGroups(candidate: Candidate, module: Module): Matrix[] {
  const { data } = weightValues(candidate, module);
  const { taps, ci, co } = sizesOf(candidate);
  const [rows, all] = [taps * ci, co * candidate.groups];
  return Array.from({ length: candidate.groups }, (_, group) => ({
    rows,
    columns: co,
    data: Float32Array.from({ length: rows * co }, (_unused, at) => {
      const row = Math.floor(at / co);
      return data[row * all + group * co + (at - row * co)] ?? 0;
    }),
  }));
}

/** The rows of a group with their moments, and its weights. */
export interface PreparedGroup {
  readonly rows: PreparedRows;
  readonly weights: DenseWeightValues;
}

export async function prepareGroups(
  candidate: Candidate,
  module: Module,
  groups: readonly LayerRows[],
  products: Products,
): Promise<PreparedGroup[]> {
  const prepared: PreparedGroup[] = [];
  for (const [group, original] of weightsOfGroups(candidate, module).entries()) {
    const rows = groups[group] ?? bug(`${candidate.node.name} lacks rows of group ${group}`);
    const shape = [...candidate.shape.slice(0, 3), original.columns];
    prepared.push({
      rows: await prepareRows(rows, original, products),
      weights: { shape, groups: 1, data: Float64Array.from(original.data) },
    });
  }
  return prepared;
}

export interface GroupFitOptions extends Omit<LayerFitOptions, "metric"> {
  /** The second moment of the gradients of the outputs by the channels; without it, responses are compared in the plain norm. */
  readonly moment?: Sums;
  readonly seed: number;
  /** The terms to start from, for each group; by default those of `startingTerms`. */
  readonly start?: readonly Terms[];
}

/** Fits a split to each group. */
export async function fitGroups(
  groups: readonly PreparedGroup[],
  split: Split,
  products: Products,
  { seed, start, moment, ...options }: GroupFitOptions,
): Promise<LayerFit[]> {
  const fits: LayerFit[] = [];
  for (const [group, { rows, weights }] of groups.entries()) {
    const from = start?.[group] ?? startingTerms(weights, split, seed + group);
    const { columns } = rows.original;
    const metric = moment && metricOf(moment, group * columns, columns);
    fits.push(await fitLayer(rows, from, products, { ...options, ...given({ metric }) }));
  }
  return fits;
}

/** The dense weights [kh, kw, ci / groups, co] that the terms of groups compute. */
export async function denseWeights(groups: readonly Terms[], products: Products): Promise<Float32Array> {
  const matrices: Matrix[] = [];
  for (const terms of groups) matrices.push(await weightsOf(terms, products));
  return concatColumns(matrices);
}

/** The dense weights and the bias that fitted groups compute. */
export function substituteOf(fits: readonly LayerFit[]): Substitute {
  const columns = fits[0]?.weights.columns ?? 0;
  const bias = new Float64Array(fits.length * columns);
  for (const [group, fit] of fits.entries()) bias.set(fit.bias, group * columns);
  return { weights: concatColumns(fits.map(({ weights }) => weights)), bias };
}

/** Matrices of the same size, next to each other. */
function concatColumns(matrices: readonly Matrix[]): Float32Array {
  const { rows, columns } = matrices[0] ?? { rows: 0, columns: 0 };
  const all = matrices.length * columns;
  const data = new Float32Array(rows * all);
  for (const [at, matrix] of matrices.entries())
    for (let row = 0; row < rows; row += 1)
      data.set(matrix.data.subarray(row * columns, (row + 1) * columns), row * all + at * columns);
  return data;
}

/** A split that was tried, and its loss in the outputs. */
export interface Tried {
  readonly split: Split;
  readonly loss: number;
}

/** How many ranks to add between two that were tried. */
const between = 4;

/**
 * The choices for a layer: the whole layer, and splits in each order. Ranks between those that were tried are added; the logarithm of
 * their loss is interpolated over the logarithm of the rank, since losses fall like powers of the rank.
 */
export function choicesFrom(candidate: Candidate, tried: readonly Tried[], costs: CostModel): LayerChoice[] {
  const choices: LayerChoice[] = [{ cost: costs.whole(candidate), loss: 0 }];
  for (const order of splitOrders) {
    const points = tried
      .filter(({ split }) => split.order === order)
      .toSorted((p, q) => p.split.rank - q.split.rank);
    for (const [at, { split, loss }] of points.entries()) {
      choices.push(choiceFrom(candidate, order, split.rank, loss, costs));
      const next = points[at + 1];
      if (!next) continue;
      const ranks = new Set<number>();
      for (let step = 1; step <= between; step += 1)
        ranks.add(Math.round(split.rank * (next.split.rank / split.rank) ** (step / (between + 1))));
      for (const rank of ranks) {
        if (rank <= split.rank || rank >= next.split.rank) continue;
        const share = Math.log(rank / split.rank) / Math.log(next.split.rank / split.rank);
        const floor = Number.MIN_VALUE;
        const logLoss =
          (1 - share) * Math.log(Math.max(loss, floor)) + share * Math.log(Math.max(next.loss, floor));
        choices.push(choiceFrom(candidate, order, rank, Math.exp(logLoss), costs));
      }
    }
  }
  return choices;
}

function choiceFrom(
  candidate: Candidate,
  order: SplitOrder,
  rank: number,
  loss: number,
  costs: CostModel,
): LayerChoice {
  const split = { order, rank };
  return { split, cost: costs.split(candidate, split), loss };
}
