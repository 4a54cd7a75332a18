// `--split …` as it is written on the command line.

import { InvalidArgumentError } from "commander";
import type { SplitMode } from "#passes/split.js";
import { wrongSplit } from "#passes/split.js";

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
  const mode = modeOf(structural, m, error, macs, numbers.size);
  if (!mode) throw new InvalidArgumentError("give one of structural, m=…, error=… or macs=….");
  const problem = wrongSplit(mode);
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`);
  return mode;
}

function modeOf(
  structural: boolean,
  m: number | undefined,
  error: number | undefined,
  macs: number | undefined,
  given: number,
): SplitMode | undefined {
  if (structural) return given === (m === undefined ? 0 : 1) ? { mode: "structural", m: m ?? 1 } : undefined;
  if (given !== 1) return undefined;
  if (m !== undefined) return { mode: "multiplier", m };
  if (error !== undefined) return { mode: "error", budget: error };
  return macs === undefined ? undefined : { mode: "macs", share: macs };
}
