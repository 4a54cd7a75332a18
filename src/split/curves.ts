// What each way to split a layer loses in the outputs: fitted alone, with the rest of the network as it was.

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
import { kernelOf } from "./layer/fit-terms.js";
import type { Substitute } from "./measure.js";
import { metricOf } from "./layer/metric.js";
import type { Terms } from "./layer/terms.js";
import { startingTerms } from "./layer/terms.js";

/** Shares of a layer's MACs that are tried; what lies between is interpolated. */
export const triedShares = [0.05, 0.09, 0.16, 0.27, 0.45, 0.75];

/** The share at which the orders are compared, and how much more than the best of them may lose there to be tried further. */
const [comparedShare, outdone] = [0.27, 1.5];

/** Terms of a group at most: with more of them, a fit takes long for what it is good for. */
const mostTerms = 1024;

/** The splits of a layer in an order that come nearest to shares of its MACs from below. */
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

/** Splits with their fits; what they lose in the outputs is not measured yet. */
export interface Fitted {
  readonly split: Split;
  readonly fits: readonly LayerFit[];
}

/**
 * Fits splits of a layer to its rows. First each order once, with about a quarter of the MACs; then the other shares in those
 * orders that come near the best. Where an order has no split with so few MACs, it is tried at the other shares all the same.
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

/** The kernel of each group of a convolution, [n, outputs]. */
export function kernelsOfGroups(candidate: Candidate, module: Module): Matrix[] {
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

/** A group's rows with their moments, and its kernel. */
export interface PreparedGroup {
  readonly rows: PreparedRows;
  readonly kernel: DenseWeightValues;
}

export async function prepareGroups(
  candidate: Candidate,
  module: Module,
  groups: readonly LayerRows[],
  products: Products,
): Promise<PreparedGroup[]> {
  const prepared: PreparedGroup[] = [];
  for (const [group, original] of kernelsOfGroups(candidate, module).entries()) {
    const rows = groups[group] ?? bug(`${candidate.node.name} lacks rows of group ${group}`);
    const shape = [...candidate.shape.slice(0, 3), original.columns];
    prepared.push({
      rows: await prepareRows(rows, original, products),
      kernel: { shape, groups: 1, data: Float64Array.from(original.data) },
    });
  }
  return prepared;
}

export interface GroupFitOptions extends Omit<LayerFitOptions, "metric"> {
  /** The second moment of what the channels do to the outputs; without it, responses are compared in the plain norm. */
  readonly moment?: Sums;
  readonly seed: number;
  /** Where to begin, for each group; by default as `startingTerms` says. */
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
  for (const [group, { rows, kernel }] of groups.entries()) {
    const from = start?.[group] ?? startingTerms(kernel, split, seed + group);
    const { columns } = rows.original;
    const metric = moment && metricOf(moment, group * columns, columns);
    fits.push(await fitLayer(rows, from, products, { ...options, ...given({ metric }) }));
  }
  return fits;
}

/** The dense kernel [kh, kw, ci / groups, co] that the terms of groups come to. */
export async function denseKernel(groups: readonly Terms[], products: Products): Promise<Float32Array> {
  const kernels: Matrix[] = [];
  for (const terms of groups) kernels.push(await kernelOf(terms, products));
  return besideEachOther(kernels);
}

/** The dense kernel and the bias that fitted groups come to. */
export function substituteOf(fits: readonly LayerFit[]): Substitute {
  const columns = fits[0]?.kernel.columns ?? 0;
  const bias = new Float64Array(fits.length * columns);
  for (const [group, fit] of fits.entries()) bias.set(fit.bias, group * columns);
  return { kernel: besideEachOther(fits.map(({ kernel }) => kernel)), bias };
}

/** Matrices of the same size, their columns one after another. */
function besideEachOther(matrices: readonly Matrix[]): Float32Array {
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

/** Ranks between two that were tried. */
const between = 4;

/**
 * The choices for a layer: itself, and splits in each order, also with ranks between those that were tried; there the logarithm of the loss is
 * interpolated over that of the rank, since losses fall like powers of it.
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
