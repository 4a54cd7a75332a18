// The modes of splitting, and the report on what was split.

import type { LeftWhole } from "./candidates.js";
import type { SplitCost } from "./cost.js";
import type { Split, SplitOrder } from "./form.js";
import { splitOrders } from "./form.js";
import type { SplitValues } from "./rewrite.js";

/** How convolutions are split. */
export type SplitMode =
  /**
   * Shapes alone: new parameters that must be trained, in one order, depthwise → pointwise by default. `m` is the number of depthwise
   * filters for each channel that they filter, 1 by default; `rank` is the rank of the order, as the alternative. Splits every layer.
   */
  | {
      readonly mode: "structural";
      readonly order?: SplitOrder;
      readonly m?: number;
      readonly rank?: number;
    }
  /** The same depth multiplier everywhere, on every layer. By default in that one of the first two orders that loses less for its MACs. */
  | { readonly mode: "multiplier"; readonly m: number; readonly order?: SplitOrder }
  /** The same order and rank everywhere, on every layer. */
  | { readonly mode: "rank"; readonly order: SplitOrder; readonly rank: number }
  /** Where the weights are a product of factors up to rounding, and the split is faster. */
  | { readonly mode: "exact" }
  /** Saves as many MACs as the error allows: `budget` is sqrt(Σ‖W − Ŵ‖² / Σ‖W‖²) over the convolutions considered. */
  | { readonly mode: "error"; readonly budget: number }
  /** The least error with this share of the MACs of the convolutions considered. */
  | { readonly mode: "macs"; readonly share: number }
  /** The least error with this share of the modelled time of these convolutions on the target. */
  | { readonly mode: "time"; readonly share: number }
  /** Layers by the names of their nodes, split as given with the values given; all others stay whole. */
  | {
      readonly mode: "factors";
      readonly layers: ReadonlyMap<string, FactoredLayer>;
      /** For the report: why each layer is split in this way, or stays whole. */
      readonly reasons?: ReadonlyMap<string, string>;
    };

/** A layer whose split is known. */
export interface FactoredLayer extends Split, SplitValues {}

/** What is wrong with the numbers of a mode, or undefined. */
export function wrongSplit(mode: SplitMode): string | undefined {
  const order = "order" in mode ? mode.order : undefined;
  if (order !== undefined && !splitOrders.includes(order))
    return `the orders are ${splitOrders.slice(0, -1).join(", ")} and ${splitOrders.at(-1)}`;
  switch (mode.mode) {
    case "structural":
      if (mode.m !== undefined && mode.rank !== undefined) return "give m or rank, not both";
      return wrongCount("m", mode.m ?? 1) ?? wrongCount("rank", mode.rank ?? 1);
    case "multiplier":
      return wrongCount("m", mode.m);
    case "rank":
      return wrongCount("rank", mode.rank);
    case "exact":
    case "factors":
      return undefined;
    case "error":
      return mode.budget >= 0 && mode.budget <= 1 ? undefined : "error must be between 0 and 1";
    case "macs":
    case "time":
      return mode.share > 0 && mode.share <= 1
        ? undefined
        : `${mode.mode} must be a share above 0 and at most 1`;
    default:
      mode satisfies never;
      return "the modes are structural, multiplier, rank, exact, error, macs, time and factors";
  }
}

function wrongCount(name: string, value: number): string | undefined {
  return Number.isInteger(value) && value >= 1 ? undefined : `${name} must be a whole number from 1 up`;
}

/** What became of one convolution. */
export interface SplitLayer {
  readonly name: string;
  /** `[kh, kw, ci / groups, co]`. */
  readonly shape: readonly number[];
  readonly groups: number;
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** How it was split; absent if it stays whole. */
  readonly split?: Split & {
    /** ‖W − Ŵ‖ / ‖W‖; absent for new parameters. */
    readonly weightError?: number;
    /** The same for random normal weights of this shape. A smaller `weightError` shows structure of the weights. Absent for some orders. */
    readonly randomError?: number;
  };
  /** Why it was split in this way, or stays whole. */
  readonly reason: string;
}

/** What was split, what was not and why, and the sums before and after. */
export interface SplitReport {
  readonly mode: SplitMode["mode"];
  /** The name of the target whose seconds are modelled. */
  readonly target: string;
  /** The convolutions considered. */
  readonly layers: readonly SplitLayer[];
  /** The convolutions that no mode splits. */
  readonly left: readonly LeftWhole[];
  /** Sums over the layers. */
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** sqrt(Σ‖W − Ŵ‖² / Σ‖W‖²) over the layers; absent for new parameters. */
  readonly weightError?: number;
  /** Whether the parameters are new, so that the model must be trained again. */
  readonly needsTraining: boolean;
}
