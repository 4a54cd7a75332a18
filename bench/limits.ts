// The goals for models in the bench, as data, and whether a comparison reaches them.

import type { Comparison } from "./results.js";

/** One peer must be at least this many times as fast as another, by their medians in one run. */
export interface Limit {
  readonly peer: string;
  readonly over: string;
  readonly least: number;
  /** Whether the goal is for SIMD without the relaxed instructions, wherever it runs. */
  readonly everywhere?: true;
}

export interface HeldLimit extends Limit {
  readonly times: number;
  readonly held: boolean;
}

/** The goals of a comparison whose peers both ran. Where relaxed SIMD runs, `load` uses it, so the goals are for that build. */
export function limitsOf({ peers, limits = [] }: Pick<Comparison, "peers" | "limits">): HeldLimit[] {
  const medians = new Map(peers.map(({ peer, medianMs }) => [peer, medianMs]));
  const isLoaded = ({ peer, everywhere }: Limit): boolean =>
    everywhere === true ||
    !peer.startsWith("cleave-simd") ||
    !medians.has(peer.replace("cleave-simd", "cleave-relaxed"));
  return limits.filter(isLoaded).flatMap((limit) => {
    const [peer, over] = [medians.get(limit.peer), medians.get(limit.over)];
    if (peer === undefined || over === undefined) return [];
    const times = over / peer;
    return { ...limit, times, held: times >= limit.least };
  });
}

export function isMissed(result: Pick<Comparison, "peers" | "limits">): boolean {
  return limitsOf(result).some(({ held }) => !held);
}

/** `cleave-simd is 2.41 times as fast as onnxruntime-web (at least 2)`. */
export function limitText({ peer, over, least, times, held }: HeldLimit): string {
  return `${peer} is ${times.toFixed(2)} times as fast as ${over} (${held ? "asked" : "MISSED"}: ${least})`;
}
