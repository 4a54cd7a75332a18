// `--split …` as it is written on the command line.

import { InvalidArgumentError } from "commander";
import type { SplitMode } from "#passes/split.js";

export const splitHelp =
  "split convolutions: structural, m=2, error=0.02 or macs=0.5 (several with commas: structural,m=2)";

/** Reads the value of `--split`; throws commander's error, which ends in exit code 2. */
export function parseSplit(text: string): SplitMode {
  let structural = false;
  const numbers = new Map<string, number>();
  for (const part of text.split(",")) {
    const [key = "", value] = part.split("=");
    if (key === "structural" && value === undefined) structural = true;
    else if (["m", "error", "macs"].includes(key) && value !== undefined && value !== "")
      numbers.set(key, Number(value));
    else throw new InvalidArgumentError(`\`${part}\` is none of structural, m=…, error=…, macs=….`);
  }
  const m = numbers.get("m");
  const error = numbers.get("error");
  const macs = numbers.get("macs");
  if (m !== undefined && (!Number.isInteger(m) || m < 1))
    throw new InvalidArgumentError("m is a whole number from 1 up.");
  if (error !== undefined && !(error >= 0 && error <= 1))
    throw new InvalidArgumentError("error is between 0 and 1.");
  if (macs !== undefined && !(macs > 0 && macs <= 1))
    throw new InvalidArgumentError("macs is a share, above 0 and at most 1.");
  if (structural && numbers.size === (m === undefined ? 0 : 1)) return { mode: "structural", m: m ?? 1 };
  if (!structural && numbers.size === 1) {
    if (m !== undefined) return { mode: "multiplier", m };
    if (error !== undefined) return { mode: "error", budget: error };
    if (macs !== undefined) return { mode: "macs", share: macs };
  }
  throw new InvalidArgumentError("give one of structural, m=…, error=… or macs=….");
}
