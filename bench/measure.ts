// Measures peers, each in a separate place, in turns, so that anything that slows the machine for a while slows all.

import { given } from "../src/diagnostic/given.js";
import { freemem } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { GpuCounts } from "./gpu-counter.js";
import type { Download, Host, Place, TurnWish } from "./place.js";
import type { ParsedPeer, Values } from "./running.js";

export interface MeasureOptions {
  readonly folder: string;
  readonly host: Host;
  /** The adapter of WebGPU, as `setUpGpu` takes it. */
  readonly adapter: string | undefined;
  /** The number of turns of each peer that count. */
  readonly rounds: number;
  readonly turn: TurnWish;
  /** The seconds after which a peer has no further turns, except for one that counts. */
  readonly seconds: number;
  /** The number of fresh places for loading and the first run. */
  readonly loads: number;
  /** Bytes of the model's weights. */
  readonly weightBytes: number;
  readonly onStep: (step: string) => void;
}

export interface Measured {
  readonly peer: string;
  readonly threads: number;
  /** Medians, in milliseconds; loading and the first run are measured in fresh places. */
  readonly loadMs: number;
  readonly firstRunMs: number;
  /** The median of the medians of its turns, and the fastest of all timed runs. */
  readonly medianMs: number;
  readonly leastMs: number;
  /** The number of timed runs. */
  readonly runs: number;
  /** The peak memory of a fresh process that loads from files and runs twice, minus the memory of Node itself. */
  readonly peakBytes?: number;
  /** What a page loads up to its first result. */
  readonly download?: Download;
  /** What the second run requests of WebGPU, in a process that is not timed. */
  readonly counts?: GpuCounts;
  /** For each sample. */
  readonly outputs: readonly Values[];
}

interface Started {
  readonly text: string;
  readonly peer: ParsedPeer;
  readonly peakBytes: number | undefined;
  readonly counts: GpuCounts | undefined;
  readonly loads: { readonly loadMs: number; readonly firstRunMs: number }[];
}

/** A loaded peer, and its measurements. */
interface Loaded extends Started {
  readonly place: Place;
  readonly threads: number;
  readonly download: Download | undefined;
  /** The times of the turns that count. */
  readonly turns: (readonly number[])[];
  /** The milliseconds that it has run. */
  spent: number;
}

type LeftOut = (peer: string, why: string) => void;

/** Measures the peers. `onLeftOut` is called for those that cannot run here, or fail on the way. */
export async function measure(
  peers: ReadonlyMap<string, ParsedPeer>,
  options: MeasureOptions,
  onLeftOut: LeftOut,
): Promise<Measured[]> {
  const able: Started[] = [];
  let adapter: string | undefined;
  for (const [text, peer] of peers) {
    options.onStep(`${text}: memory, loading`);
    await unlessItFails(text, onLeftOut, async () => {
      const counts = await countsOf(peer, options);
      adapter ??= counts?.adapter;
      if (counts && counts.adapter !== adapter)
        throw new Error(`it takes another adapter than the first, ${counts.adapter}`);
      const peakBytes = options.host.measuresMemory ? await peakOf(peer, options) : undefined;
      const loads: Started["loads"] = [];
      for (let at = 1; at < options.loads; at += 1)
        loads.push(await inFreshPlace(options, (place) => loadIn(place, peer, options, true)));
      able.push({ text, peer, peakBytes, counts, loads });
    });
  }
  const results: Measured[] = [];
  for (const batch of batchesOf(able, options.weightBytes))
    results.push(...(await interleave(batch, options, onLeftOut)));
  return results;
}

/** The result of `act`; if it fails, undefined, and `onLeftOut` is called with the reason. */
async function unlessItFails<T>(
  peer: string,
  onLeftOut: LeftOut,
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (cause) {
    onLeftOut(peer, (cause as Error).message);
    return undefined;
  }
}

/**
 * Groups of peers that fit into memory together, in most cases one group. Unless memory is measured, each peer is assumed to need four
 * copies of the weights.
 */
function batchesOf(all: readonly Started[], weightBytes: number): Started[][] {
  const room = 0.8 * freemem();
  const batches: Started[][] = [];
  let left = 0;
  for (const one of all) {
    const bytes = (one.peakBytes ?? 3 * weightBytes + 150e6) + weightBytes + 60e6;
    if (batches.length === 0 || bytes > left) {
      batches.push([]);
      left = room;
    }
    batches.at(-1)?.push(one);
    left -= bytes;
  }
  return batches;
}

async function interleave(
  batch: readonly Started[],
  options: MeasureOptions,
  onLeftOut: LeftOut,
): Promise<Measured[]> {
  const places: Place[] = [];
  let running: Loaded[] = [];
  /** Continues with the peers that do not fail. */
  const each = async (act: (one: Loaded) => Promise<void>): Promise<void> => {
    const left: Loaded[] = [];
    for (const one of running) {
      const isDone = await unlessItFails(one.text, onLeftOut, async () => {
        await act(one);
        return true;
      });
      // A peer that hangs would slow the others.
      if (isDone) left.push(one);
      else await one.place.end();
    }
    running = left;
  };
  try {
    for (const one of batch) {
      options.onStep(`${one.text}: loading`);
      await unlessItFails(one.text, onLeftOut, async () => {
        const place = await options.host.start();
        places.push(place);
        const { threads, ...load } = await loadIn(place, one.peer, options, true);
        one.loads.push(load);
        const download = place.downloads?.();
        running.push({ ...one, place, threads, download, turns: [], spent: load.firstRunMs });
      });
    }
    const limit = options.seconds * 1000;
    // Round 0 does not count: engines compile code well only after it has run for a while.
    for (let round = 0; round <= options.rounds; round += 1) {
      options.onStep(round === 0 ? "warming up" : `round ${round} of ${options.rounds}`);
      await each(async (one) => {
        if (one.spent >= (round === 0 ? limit / 3 : limit) && (round === 0 || one.turns.length > 0)) return;
        // Threads of the peer before poll for work a while before they sleep.
        await setTimeout(5);
        const begin = performance.now();
        const { times } = await one.place.ask({ ask: "turn", ...options.turn });
        one.spent += performance.now() - begin;
        if (round > 0) one.turns.push(times);
      });
    }
    const results: Measured[] = [];
    await each(async (one) => {
      options.onStep(`${one.text}: other inputs`);
      const { outputs } = await one.place.ask({ ask: "outputs" });
      results.push(resultOf(one, outputs));
    });
    return results;
  } finally {
    for (const place of places) await place.end();
  }
}

function resultOf(one: Loaded, outputs: readonly Values[]): Measured {
  return {
    peer: one.text,
    threads: one.threads,
    loadMs: median(one.loads.map(({ loadMs }) => loadMs)),
    firstRunMs: median(one.loads.map(({ firstRunMs }) => firstRunMs)),
    medianMs: median(one.turns.map(median)),
    leastMs: Math.min(...one.turns.map((times) => Math.min(...times))),
    runs: one.turns.reduce((sum, { length }) => sum + length, 0),
    ...given({ peakBytes: one.peakBytes, download: one.download, counts: one.counts }),
    outputs,
  };
}

/** The counts of a peer on WebGPU; undefined for other peers. */
async function countsOf(peer: ParsedPeer, options: MeasureOptions): Promise<GpuCounts | undefined> {
  if (!peer.gpu) return undefined;
  return inFreshPlace(options, async (place) => {
    await loadIn(place, peer, options, true, true);
    await place.ask({ ask: "turn", ...once });
    const { counts } = await place.ask({ ask: "counts" });
    // A runtime may fall back to the processor without saying so.
    if (!counts || counts.dispatches === 0) throw new Error("it asks nothing of WebGPU");
    return counts;
  });
}

async function peakOf(peer: ParsedPeer, options: MeasureOptions): Promise<number> {
  return inFreshPlace(options, async (place) => {
    const { firstRunMs } = await loadIn(place, peer, options, false);
    if (firstRunMs < 3000) await place.ask({ ask: "turn", ...once });
    return (await place.ask({ ask: "peak" })).peakBytes;
  });
}

async function inFreshPlace<T>({ host }: MeasureOptions, act: (place: Place) => Promise<T>): Promise<T> {
  const place = await host.start();
  try {
    return await act(place);
  } finally {
    await place.end();
  }
}

/** One run. */
const once: TurnWish = { warmMs: 0, burstMs: 0 };

async function loadIn(
  place: Place,
  { name, count: threads }: ParsedPeer,
  { folder, adapter }: MeasureOptions,
  inMemory: boolean,
  isCounted = false,
) {
  const gpu = { adapter, count: isCounted };
  const loaded = await place.ask({ ask: "load", peer: name, folder, threads, inMemory, gpu });
  const { times } = await place.ask({ ask: "turn", ...once });
  return { loadMs: loaded.milliseconds, firstRunMs: times[0] ?? Number.NaN, threads: loaded.threads };
}

export function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}
