// The modes of splitting that samples can divide over the layers.

import type { SplitMode } from "#passes/split/report.js";
import { wrongSplit } from "#passes/split/report.js";
import type { SplitLimit } from "./split-network.js";

/** A share, as the split pass takes it too, or a loss in the outputs, which only samples can measure. */
export type SampledSplit =
  | Extract<SplitMode, { readonly mode: "macs" | "time" }>
  | { readonly mode: "loss"; readonly loss: number };

/** The limit of a mode; undefined for modes without one. */
export function limitOf(split: SplitMode | SampledSplit): SplitLimit | undefined {
  if (split.mode === "loss") return { kind: "loss", loss: split.loss };
  return split.mode === "macs" || split.mode === "time"
    ? { kind: split.mode, share: split.share }
    : undefined;
}

/** What is wrong with the number of a mode, or undefined. */
export function wrongSampledSplit(split: SplitMode | SampledSplit): string | undefined {
  if (split.mode !== "loss") return wrongSplit(split);
  return split.loss >= 0 && Number.isFinite(split.loss) ? undefined : "loss must be a number, 0 or more";
}
