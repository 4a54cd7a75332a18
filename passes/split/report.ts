// What splitting is asked for, and what it says that it did.

/** How convolutions are split. */
export type SplitMode =
  /** Shapes alone: new parameters that must be trained. `m` is the depth multiplier, 1 by default. */
  | { readonly mode: "structural"; readonly m?: number }
  /** As many MACs saved as the error allows: `budget` is sqrt(Σ‖W − Ŵ‖² / Σ‖W‖²) over the convolutions considered. */
  | { readonly mode: "error"; readonly budget: number }
  /** As little error as possible with this share of the MACs of the convolutions considered. */
  | { readonly mode: "macs"; readonly share: number }
  /** The same depth multiplier everywhere, never vetoed. */
  | { readonly mode: "multiplier"; readonly m: number };

/** What is wrong with a mode's number, or undefined. */
export function wrongSplit(mode: SplitMode): string | undefined {
  switch (mode.mode) {
    case "structural":
    case "multiplier":
      return mode.m === undefined || (Number.isInteger(mode.m) && mode.m >= 1)
        ? undefined
        : "m is a whole number from 1 up";
    case "error":
      return mode.budget >= 0 && mode.budget <= 1 ? undefined : "error is between 0 and 1";
    case "macs":
      return mode.share > 0 && mode.share <= 1 ? undefined : "macs is a share, above 0 and at most 1";
    default:
      mode satisfies never;
      return "the modes are structural, multiplier, error and macs";
  }
}

/** Which of the two comes first. */
export type SplitOrder = "depthwise-pointwise" | "pointwise-depthwise";

/** What a layer costs, for one sample. */
export interface SplitCost {
  readonly parameters: number;
  readonly macs: number;
  /** Of weights, of the result, and of what is written in between: nothing if it stays on chip in a fused kernel. */
  readonly bytes: number;
}

/** What became of one convolution. */
export interface SplitLayer {
  readonly name: string;
  /** `[kh, kw, ci, co]`. */
  readonly shape: readonly number[];
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** How it was split; absent if it stays whole. */
  readonly split?: {
    readonly order: SplitOrder;
    /** Depth multiplier. */
    readonly m: number;
    /** ‖W − Ŵ‖ / ‖W‖; absent for new parameters. */
    readonly weightError?: number;
    /** The same for random normal weights of this shape: what is below it was structure of the weights. */
    readonly randomError?: number;
  };
  /** Why it was split so, or stays whole. */
  readonly reason: string;
}

export interface SplitReport {
  readonly mode: SplitMode;
  readonly layers: readonly SplitLayer[];
  /** Sums over the layers. */
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** sqrt(Σ‖W − Ŵ‖² / Σ‖W‖²) over the layers; absent for new parameters. */
  readonly weightError?: number;
  /** The parameters are new, so that the model must be trained again. */
  readonly needsTraining: boolean;
}

/** The sum of costs. */
export function sumCosts(costs: readonly SplitCost[]): SplitCost {
  return {
    parameters: costs.reduce((sum, cost) => sum + cost.parameters, 0),
    macs: costs.reduce((sum, cost) => sum + cost.macs, 0),
    bytes: costs.reduce((sum, cost) => sum + cost.bytes, 0),
  };
}
