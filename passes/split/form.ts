// The orders of splitting as data: the convolutions that one becomes, their sizes, and what they compute together.

import { bug } from "#diagnostic/diagnostic.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";

/** The weights of a convolution that is split: `[kh, kw, ci / groups, co]`. */
export interface DenseWeights {
  readonly shape: Shape;
  readonly groups: number;
}

/** One convolution of a split. */
export interface Factor {
  /** Its name in names of values and parameters. */
  readonly part: "depthwise" | "pointwise" | "expand" | "project";
  readonly op: "conv2d" | "depthwise_conv2d";
  /** The shape of its weights; without a window `[1, 1, in / groups, out]`. */
  readonly shape: Shape;
  /** Output channel o reads the inputs of group ⌊o · groups / out⌋. A depthwise convolution has a group for each input channel. */
  readonly groups: number;
  /** Whether it has the window: the stride, dilation and padding of the convolution that is split. */
  readonly windowed: boolean;
}

/** The properties of an order. */
export interface SplitForm {
  /** The convolutions for a rank, in the order of the data. */
  readonly factors: (weights: DenseWeights, rank: number) => readonly Factor[];
  /** The least rank whose factors give any weights exactly. */
  readonly fullRank: (weights: DenseWeights) => number;
  /** The rank that has m depthwise filters for each filtered channel. */
  readonly rankOf: (weights: DenseWeights, m: number) => number;
}

/**
 * The forms by name. The rank of the first two is their depth multiplier. The rank of the third is the number of terms of a group: W[t, i, o] =
 * Σᵣ A[i, r] · D[t, r] · B[r, o], the canonical polyadic decomposition. In a convolution with groups, each group is split on its own.
 * To add an order, add an entry.
 *
 * The first two are those of Guo et al. 2018 (Network Decoupling, arXiv 1808.05517, sections 3.1 and 3.2). The third is that of
 * Lebedev et al. 2015 (arXiv 1412.6553), with the window in one factor.
 */
const forms = {
  "depthwise-pointwise": {
    factors: ({ shape, groups }, rank) => {
      const { kh, kw, ci, co } = sizesOf({ shape, groups });
      return [
        {
          part: "depthwise",
          op: "depthwise_conv2d",
          shape: [kh, kw, 1, groups * ci * rank],
          groups: groups * ci,
          windowed: true,
        },
        pointwise("pointwise", ci * rank, groups * co, groups),
      ];
    },
    fullRank: (weights) => {
      const { taps, co } = sizesOf(weights);
      return Math.min(taps, co);
    },
    rankOf: (_, m) => m,
  },
  "pointwise-depthwise": {
    factors: ({ shape, groups }, rank) => {
      const { kh, kw, ci, co } = sizesOf({ shape, groups });
      const all = groups * co;
      // A group of one channel is a depthwise convolution. A group of several channels sums them.
      const op = rank === 1 ? "depthwise_conv2d" : "conv2d";
      return [
        pointwise("pointwise", ci, all * rank, groups),
        { part: "depthwise", op, shape: [kh, kw, rank, all], groups: all, windowed: true },
      ];
    },
    fullRank: (weights) => {
      const { taps, ci } = sizesOf(weights);
      return Math.min(taps, ci);
    },
    rankOf: (_, m) => m,
  },
  "pointwise-depthwise-pointwise": {
    factors: ({ shape, groups }, rank) => {
      const { kh, kw, ci, co } = sizesOf({ shape, groups });
      const between = groups * rank;
      return [
        pointwise("expand", ci, between, groups),
        {
          part: "depthwise",
          op: "depthwise_conv2d",
          shape: [kh, kw, 1, between],
          groups: between,
          windowed: true,
        },
        pointwise("project", rank, groups * co, groups),
      ];
    },
    // The least number of terms among the sums over slices in the three directions.
    fullRank: (weights) => {
      const { taps, ci, co } = sizesOf(weights);
      return Math.min(ci * Math.min(taps, co), co * Math.min(taps, ci), taps * Math.min(ci, co));
    },
    rankOf: (weights, m) => m * sizesOf(weights).ci,
  },
} as const satisfies Readonly<Record<string, SplitForm>>;

/** The names of the orders: their parts in the order of the data. */
export type SplitOrder = keyof typeof forms;

export const splitOrders = Object.keys(forms) as readonly SplitOrder[];

/** A way to split a convolution. */
export interface Split {
  readonly order: SplitOrder;
  /** The depth multiplier, or the terms of a canonical polyadic decomposition; 1 or more. */
  readonly rank: number;
}

/** The convolutions that a split consists of. */
export function factorsOf(weights: DenseWeights, { order, rank }: Split): readonly Factor[] {
  return formOf(order).factors(weights, rank);
}

/** The form of an order. */
export function formOf(order: SplitOrder): SplitForm {
  return forms[order];
}

/** The sizes of weights, with the channels of one group. */
export function sizesOf({ shape, groups }: DenseWeights) {
  const [kh = 1, kw = 1, ci = 1, all = 1] = shape;
  return { kh, kw, taps: kh * kw, ci, co: all / groups };
}

function pointwise(part: Factor["part"], inputs: number, outputs: number, groups: number): Factor {
  return { part, op: "conv2d", shape: [1, 1, inputs, outputs], groups, windowed: false };
}

/**
 * The dense weights `[kh, kw, ci / groups, co]` that a split computes, in float64. `data` has the weights of each factor, in the
 * layout of its shape. Throws `InternalError` if one of them has another size.
 */
export function composeFactors(
  weights: DenseWeights,
  split: Split,
  data: readonly ArrayLike<number>[],
): Float64Array {
  const factors = factorsOf(weights, split);
  const { taps, ci, co } = sizesOf(weights);
  const columns = co * weights.groups;
  const part = (at: number): Matrices | undefined => {
    const factor = factors[at];
    if (!factor) return undefined;
    const values = data[at] ?? [];
    if (values.length !== elements(factor.shape))
      bug(`factor ${at} of ${split.order} has ${values.length} elements, not ${elements(factor.shape)}`);
    return { values, depth: factor.shape[2] ?? 1, columns: factor.shape[3] ?? 1, groups: factor.groups };
  };
  const window = factors.findIndex(({ windowed }) => windowed);
  const before = part(window - 1);
  const filters = part(window) ?? bug(`${split.order} has no window`);
  const after = part(window + 1);
  const whole = new Float64Array(taps * ci * columns);
  for (let channel = 0; channel < filters.columns; channel += 1) {
    const filter = filterOf(before, filters, channel, { taps, ci, groups: weights.groups });
    // The outputs that read this channel, and the weights by which they multiply it.
    const perGroup = after ? after.columns / after.groups : 1;
    const group = after ? Math.floor(channel / after.depth) : channel;
    for (let at = 0; at < filter.length; at += 1) {
      const value = filter[at] ?? 0;
      if (value === 0) continue;
      for (let column = group * perGroup; column < (group + 1) * perGroup; column += 1) {
        const weight = after ? (after.values[(channel % after.depth) * after.columns + column] ?? 0) : 1;
        const to = at * columns + column;
        whole[to] = (whole[to] ?? 0) + value * weight;
      }
    }
  }
  return whole;
}

/** The weights of a factor as matrices [depth, columns], one for each tap. */
interface Matrices {
  readonly values: ArrayLike<number>;
  readonly depth: number;
  readonly columns: number;
  readonly groups: number;
}

/** The weights by which a channel after the window reads the inputs of its group, `[taps, ci]`. */
function filterOf(
  before: Matrices | undefined,
  filters: Matrices,
  channel: number,
  { taps, ci, groups }: { readonly taps: number; readonly ci: number; readonly groups: number },
): Float64Array {
  const result = new Float64Array(taps * ci);
  const group = Math.floor((channel * groups) / filters.columns);
  const first = Math.floor((channel * filters.groups) / filters.columns) * filters.depth;
  for (let tap = 0; tap < taps; tap += 1) {
    for (let k = 0; k < filters.depth; k += 1) {
      const weight = filters.values[(tap * filters.depth + k) * filters.columns + channel] ?? 0;
      const input = first + k;
      if (!before) result[tap * ci + input - group * ci] = weight;
      else {
        for (let i = 0; i < ci; i += 1) {
          const at = tap * ci + i;
          result[at] = (result[at] ?? 0) + weight * (before.values[i * before.columns + input] ?? 0);
        }
      }
    }
  }
  return result;
}
