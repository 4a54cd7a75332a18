// Parses the value of `--split`.

import { given } from "#diagnostic/given.js";
import { InvalidArgumentError } from "commander";
import type { SplitOrder } from "#passes/split/form.js";
import { splitOrders } from "#passes/split/form.js";
import type { SplitMode } from "#passes/split/report.js";
import type { SampledSplit } from "#split/request.js";
import { wrongSampledSplit } from "#split/request.js";
import type { SplitLimit } from "#split/split-network.js";

export const splitHelp =
  "split convolutions: structural, m=2, exact, error=0.02, macs=0.5, time=0.5, or with --calibrate loss=0.01; after a comma also an order and its rank: order=pointwise-depthwise-pointwise,rank=64 or structural,m=2";

const forms = "structural, exact, order=…, m=…, rank=…, error=…, macs=…, time=…, loss=…";

/** A requested split: by the weights only, or with samples. */
export type SplitRequest = SplitMode | SampledSplit;

/** A limit in the form of `--split`. */
export function limitText(limit: SplitLimit): string {
  return `${limit.kind}=${limit.kind === "loss" ? limit.loss : limit.share}`;
}

/** Parses the value of `--split`; throws commander's error, which leads to exit code 2. */
export function parseSplit(text: string): SplitRequest {
  const words = new Set<string>();
  const numbers = new Map<string, number>();
  let order: string | undefined;
  for (const part of text.split(",")) {
    const [key = "", value] = part.split("=");
    if (["structural", "exact"].includes(key) && value === undefined) words.add(key);
    else if (
      ["m", "rank", "error", "macs", "time", "loss"].includes(key) &&
      value !== undefined &&
      value !== ""
    )
      numbers.set(key, Number(value));
    else if (key === "order" && value !== undefined) order = value;
    else throw new InvalidArgumentError(`\`${part}\` is not one of ${forms}.`);
  }
  if (order !== undefined && !splitOrders.some((one) => one === order))
    throw new InvalidArgumentError(`\`${order}\` is not an order; the orders are ${splitOrders.join(", ")}.`);
  const mode = modeOf([...words], Object.fromEntries(numbers), order as SplitOrder | undefined);
  if (!mode)
    throw new InvalidArgumentError(
      "give one of structural, exact, m=…, rank=…, error=…, macs=…, time=… or loss=…; an order needs structural, m or rank, and rank needs an order.",
    );
  const problem = wrongSampledSplit(mode);
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`);
  return mode;
}

type Numbers = Readonly<Partial<Record<"m" | "rank" | "error" | "macs" | "time" | "loss", number>>>;

/** The mode; undefined if the parts cannot be combined. */
function modeOf(
  words: readonly string[],
  { m, rank, error, macs, time, loss, ...others }: Numbers,
  order: SplitOrder | undefined,
): SplitRequest | undefined {
  const count = [m, rank, error, macs, time, loss].filter((one) => one !== undefined).length;
  if (words.length + Object.keys(others).length > 1) return undefined;
  const ordered = given({ order });
  if (words.includes("structural")) {
    if (count > (m === undefined && rank === undefined ? 0 : 1)) return undefined;
    return {
      mode: "structural",
      ...ordered,
      ...(rank === undefined ? { m: m ?? 1 } : { rank }),
    };
  }
  if (words.includes("exact")) return count === 0 && order === undefined ? { mode: "exact" } : undefined;
  if (count !== 1) return undefined;
  if (m !== undefined) return { mode: "multiplier", m, ...ordered };
  if (rank !== undefined) return order === undefined ? undefined : { mode: "rank", order, rank };
  if (order !== undefined) return undefined;
  if (error !== undefined) return { mode: "error", budget: error };
  if (loss !== undefined) return { mode: "loss", loss };
  if (time !== undefined) return { mode: "time", share: time };
  return macs === undefined ? undefined : { mode: "macs", share: macs };
}
