// Checks whether a network can keep the limit of a split with samples.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import { findCandidates, findWhole } from "#passes/split/candidates.js";
import { percentText } from "#report/fitted.js";
import type { SplitLimit } from "./split-network.js";
import { chooseWithin } from "./split-network.js";
import type { TriedNetwork } from "./try-network.js";

/** An error if no convolution can be split. `base` is the module before the pass `split`. */
export function nothingToSplit(base: Module): Diagnostic[] {
  if (findCandidates(base).length > 0) return [];
  const left = findWhole(base);
  return [
    error("nothing-to-split", `${base.graph.name} has no convolution that can be split`, {
      help: [
        "only convolutions with constant weights, windows larger than 1×1 and groups of several channels can be split",
        ...left.slice(0, 5).map(({ name, reason }) => `\`${name}\`: ${reason}`),
      ],
    }),
  ];
}

/** An error if a limit asks for a smaller share than splitting can reach. */
export function outOfReach(limit: SplitLimit, least: number): Diagnostic[] {
  if (limit.kind === "loss" || least <= limit.share * (1 + 1e-9)) return [];
  const what = limit.kind === "time" ? "modelled time" : "MACs";
  return [
    error(
      "split-limit",
      `splitting leaves at least ${percentText(least)} of the ${what} of the convolutions, more than the ${percentText(limit.share)} asked for`,
      {
        help: [
          least >= 1
            ? "no split of any of them is faster on the target"
            : `\`--split ${limit.kind}=${Math.ceil(least * 100) / 100}\` is within reach`,
        ],
      },
    ),
  ];
}

/** The share that remains with the choices within a limit. */
export function leftWithin(tried: TriedNetwork, limit: SplitLimit): number {
  const sum = (choices: readonly { readonly cost: { readonly macs: number; readonly seconds: number } }[]) =>
    choices.reduce((all, { cost }) => all + (limit.kind === "time" ? cost.seconds : cost.macs), 0);
  return sum(chooseWithin(tried, limit)) / sum(tried.layers.flatMap(({ choices }) => choices.slice(0, 1)));
}
