// Places where peers run: processes of Node, or pages of a browser. Each answers questions, one after another.

import type { GpuCounts } from "./gpu-counter.js";
import type { Load, Values } from "./running.js";

/** A question to a peer. */
export type Question =
  | ({ readonly ask: "load"; readonly peer: string; readonly gpu: GpuWish } & Load)
  | ({ readonly ask: "turn" } & TurnWish)
  | { readonly ask: "outputs" }
  | { readonly ask: "peak" }
  | { readonly ask: "counts" };

/** For peers on WebGPU: the adapter, as `setUpGpu` takes it, and whether to count requests. */
export interface GpuWish {
  readonly adapter: string | undefined;
  readonly count: boolean;
}

/** Milliseconds of runs that are not timed, then of timed runs: at least one timed run, and none before it if `warmMs` is 0. */
export interface TurnWish {
  readonly warmMs: number;
  readonly burstMs: number;
}

/** Its answers, in milliseconds and bytes; an error ends it. */
export interface Answers {
  readonly load: { readonly milliseconds: number; readonly threads: number };
  readonly turn: { readonly times: readonly number[] };
  /** For each sample. */
  readonly outputs: { readonly outputs: readonly Values[] };
  readonly peak: { readonly peakBytes: number };
  readonly counts: { readonly counts: GpuCounts | undefined };
}

/** Bytes loaded over the network: uncompressed, and as a server with gzip sends them. */
export interface Bytes {
  readonly bytes: number;
  readonly gzipBytes: number;
}

export interface Download {
  readonly code: Bytes;
  readonly weights: Bytes;
}

export interface Place {
  /** Throws, with the reason if it is known, if there is no answer. */
  ask<Q extends Question>(question: Q): Promise<Answers[Q["ask"]]>;
  /** What it has loaded from a server so far. */
  downloads?(): Download;
  /** Ends the place, even if it hangs. */
  end(): Promise<void>;
}

/** A kind of place. */
export interface Host {
  /** `Chromium 156.0.8078.108`; undefined for processes of Node. */
  readonly browser?: string;
  /** Whether places measure their memory. */
  readonly measuresMemory: boolean;
  start(): Promise<Place>;
  close(): Promise<void>;
}

/**
 * A peer's turn: runs that are not timed, then a burst of timed ones. An idle process loses memory, caches and clock rate to others, so its
 * first runs would measure how these come back. `run` returns its milliseconds.
 */
export async function turn(run: () => Promise<number>, { warmMs, burstMs }: TurnWish): Promise<number[]> {
  const runFor = async (milliseconds: number): Promise<number[]> => {
    const times: number[] = [];
    const begin = performance.now();
    do times.push(await run());
    while (performance.now() - begin < milliseconds);
    return times;
  };
  if (warmMs > 0) await runFor(warmMs);
  return runFor(burstMs);
}

/** Copies the values, because a runtime may reuse the memory of its outputs. */
export function copied(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, data]) => [name, data.slice()]));
}
