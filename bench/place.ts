// Where peers run: processes of Node, or pages of a browser. Each answers questions, one after another.

import type { GpuCounts } from "./gpu-counter.js";
import type { Load, Values } from "./running.js";

/** What a peer is asked. */
export type Question =
  | ({ readonly ask: "load"; readonly peer: string; readonly gpu: GpuWish } & Load)
  | ({ readonly ask: "turn" } & TurnWish)
  | { readonly ask: "outputs" }
  | { readonly ask: "peak" }
  | { readonly ask: "counts" };

/** The adapter, as `setUpGpu` takes it, and whether what is asked of it is counted: for peers on WebGPU. */
export interface GpuWish {
  readonly adapter: string | undefined;
  readonly count: boolean;
}

/** Milliseconds of runs that are not timed, then of runs that are: one at least, none before it if `warmMs` is 0. */
export interface TurnWish {
  readonly warmMs: number;
  readonly burstMs: number;
}

/** What it answers, in milliseconds and bytes; an error ends it. */
export interface Answers {
  readonly load: { readonly milliseconds: number; readonly threads: number };
  readonly turn: { readonly times: readonly number[] };
  /** For each sample. */
  readonly outputs: { readonly outputs: readonly Values[] };
  readonly peak: { readonly peakBytes: number };
  readonly counts: { readonly counts: GpuCounts | undefined };
}

/** What is loaded over the network: as it is, and as a server with gzip sends it. */
export interface Bytes {
  readonly bytes: number;
  readonly gzipBytes: number;
}

export interface Download {
  readonly code: Bytes;
  readonly weights: Bytes;
}

export interface Place {
  /** Throws, with what is known of why, where there is no answer. */
  ask<Q extends Question>(question: Q): Promise<Answers[Q["ask"]]>;
  /** What it has loaded so far, where that comes from a server. */
  downloads?(): Download;
  /** Ends what runs there, even if it hangs. */
  end(): Promise<void>;
}

/** A kind of places. */
export interface Host {
  /** `Chromium 156.0.8078.108`; undefined for processes of Node. */
  readonly browser?: string;
  /** Whether places know their memory. */
  readonly measuresMemory: boolean;
  start(): Promise<Place>;
  close(): Promise<void>;
}

/**
 * A peer's turn: runs that are not timed, then a burst of timed ones. An idle process loses its memory, caches and clock rate to others, so
 * that its first runs measure how these come back. `run` gives its milliseconds.
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

/** Copies: a runtime may use the memory of its outputs again. */
export function copied(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, data]) => [name, data.slice()]));
}
