// The orders in which a convolution splits: which convolutions it becomes, their sizes, and what they compute together.

import { bug } from "#diagnostic/diagnostic.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";

/** The kernel of a convolution that is split: `[kh, kw, ci / groups, co]`. */
export interface DenseWeights {
  readonly shape: Shape;
  readonly groups: number;
}

/** One convolution of a split. */
export interface Factor {
  /** What it is called in names of values and parameters. */
  readonly part: "depthwise" | "pointwise" | "expand" | "project";
  readonly op: "conv2d" | "depthwise_conv2d";
  /** Of its kernel; without a window `[1, 1, in / groups, out]`. */
  readonly shape: Shape;
  /** Output channel o reads the inputs of group ⌊o · groups / out⌋; a depthwise one has a group for each input channel. */
  readonly groups: number;
  /** Whether it has the window: stride, dilation and padding of the convolution that is split. */
  readonly windowed: boolean;
}

/** What there is to know of an order. */
export interface SplitForm {
  /** The convolutions for a rank, in the order of the data. */
  readonly factors: (kernel: DenseWeights, rank: number) => readonly Factor[];
  /** The rank from which on there are factors that give any kernel exactly. */
  readonly fullRank: (kernel: DenseWeights) => number;
  /** The rank that has m depthwise filters for each channel that is filtered. */
  readonly rankOf: (kernel: DenseWeights, m: number) => number;
}

/**
 * By name. The rank of the first two is their depth multiplier, of the third the number of terms of a group: W[t, i, o] =
 * Σᵣ A[i, r] · D[t, r] · B[r, o], the canonical polyadic decomposition. In a convolution with groups, each of them is split
 * alone. To add an order, add an entry.
 *
 * The first two are those of Guo et al. 2018 (Network Decoupling, arXiv 1808.05517, sections 3.1 and 3.2), the third is that of
 * Lebedev et al. 2015 (arXiv 1412.6553) with the window in one piece.
 */
export const forms = {
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
    fullRank: (kernel) => {
      const { taps, co } = sizesOf(kernel);
      return Math.min(taps, co);
    },
    rankOf: (_, m) => m,
  },
  "pointwise-depthwise": {
    factors: ({ shape, groups }, rank) => {
      const { kh, kw, ci, co } = sizesOf({ shape, groups });
      const all = groups * co;
      // A group of one channel is a depthwise convolution; of several, it sums them.
      const op = rank === 1 ? "depthwise_conv2d" : "conv2d";
      return [
        pointwise("pointwise", ci, all * rank, groups),
        { part: "depthwise", op, shape: [kh, kw, rank, all], groups: all, windowed: true },
      ];
    },
    fullRank: (kernel) => {
      const { taps, ci } = sizesOf(kernel);
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
    // Of the sums of slices of matrices in the three directions, the shortest.
    fullRank: (kernel) => {
      const { taps, ci, co } = sizesOf(kernel);
      return Math.min(ci * Math.min(taps, co), co * Math.min(taps, ci), taps * Math.min(ci, co));
    },
    rankOf: (kernel, m) => m * sizesOf(kernel).ci,
  },
} as const satisfies Readonly<Record<string, SplitForm>>;

/** The names of the orders, after the parts in the order of the data. */
export type SplitOrder = keyof typeof forms;

export const splitOrders = Object.keys(forms) as readonly SplitOrder[];

/** A way to split a convolution. */
export interface Split {
  readonly order: SplitOrder;
  /** The depth multiplier, or the terms of a canonical polyadic decomposition; 1 or more. */
  readonly rank: number;
}

/** The convolutions that a split consists of. */
export function factorsOf(kernel: DenseWeights, { order, rank }: Split): readonly Factor[] {
  return formOf(order).factors(kernel, rank);
}

/** The form of an order. */
export function formOf(order: SplitOrder): SplitForm {
  return forms[order];
}

/** Sizes of a kernel, with the channels of one group. */
export function sizesOf({ shape, groups }: DenseWeights) {
  const [kh = 1, kw = 1, ci = 1, all = 1] = shape;
  return { kh, kw, taps: kh * kw, ci, co: all / groups };
}

function pointwise(part: Factor["part"], inputs: number, outputs: number, groups: number): Factor {
  return { part, op: "conv2d", shape: [1, 1, inputs, outputs], groups, windowed: false };
}

/**
 * The dense kernel `[kh, kw, ci / groups, co]` that a split computes, in float64; `data` has the kernel of each factor, laid
 * out as its shape says. Throws `InternalError` if one has another size.
 */
export function composeFactors(
  kernel: DenseWeights,
  split: Split,
  data: readonly ArrayLike<number>[],
): Float64Array {
  const factors = factorsOf(kernel, split);
  const { taps, ci, co } = sizesOf(kernel);
  const columns = co * kernel.groups;
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
    const filter = filterOf(before, filters, channel, { taps, ci, groups: kernel.groups });
    // The outputs that read this channel, and with which weight.
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

/** A kernel as matrices [depth, columns], one for each tap. */
interface Matrices {
  readonly values: ArrayLike<number>;
  readonly depth: number;
  readonly columns: number;
  readonly groups: number;
}

/** What a channel behind the window reads of its group's inputs, `[taps, ci]`. */
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
