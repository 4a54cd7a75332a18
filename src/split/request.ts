// A split as it is asked for where samples divide it best over the layers.

import type { SplitMode } from "#passes/split/report.js";
import { wrongSplit } from "#passes/split/report.js";
import type { SplitLimit } from "./split-network.js";

/** What samples divide best over the layers: shares as the split pass takes them too, and a loss in the outputs, which takes samples. */
export type SampledSplit =
  | Extract<SplitMode, { readonly mode: "macs" | "time" }>
  | { readonly mode: "loss"; readonly loss: number };

/** The limit that is asked for, if it is one. */
export function limitOf(split: SplitMode | SampledSplit): SplitLimit | undefined {
  if (split.mode === "loss") return { kind: "loss", loss: split.loss };
  return split.mode === "macs" || split.mode === "time"
    ? { kind: split.mode, share: split.share }
    : undefined;
}

/** What is wrong with its number, or undefined. */
export function wrongSampledSplit(split: SplitMode | SampledSplit): string | undefined {
  if (split.mode !== "loss") return wrongSplit(split);
  return split.loss >= 0 && Number.isFinite(split.loss) ? undefined : "loss is a number, 0 or more";
}
