// What is asked of a model in the bench, as data, and whether a comparison has it.

import type { Comparison } from "./results.js";

/** One peer takes at least so many times less than another, by their medians in one run. */
export interface Limit {
  readonly peer: string;
  readonly over: string;
  readonly least: number;
}

export interface HeldLimit extends Limit {
  readonly times: number;
  readonly held: boolean;
}

/** The limits of a comparison, as far as both peers ran. Where relaxed SIMD runs, `load` takes that, so its limits are the ones there. */
export function limitsOf({ peers, limits = [] }: Pick<Comparison, "peers" | "limits">): HeldLimit[] {
  const medians = new Map(peers.map(({ peer, medianMs }) => [peer, medianMs]));
  const isLoaded = ({ peer }: Limit): boolean =>
    !peer.startsWith("cleave-simd") || !medians.has(peer.replace("cleave-simd", "cleave-relaxed"));
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
