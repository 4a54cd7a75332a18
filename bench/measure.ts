// Peers side by side: each in a process of its own, one round after the other, so that what slows the machine for a while
// slows all.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { freemem } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { GpuCounts } from "./gpu-counter.js";
import type { Answer, Question } from "./peer.js";
import type { ParsedPeer } from "./peers.js";
import { peers as all } from "./peers.js";
import type { Values } from "./running.js";

export interface MeasureOptions {
  readonly folder: string;
  /** The Node that runs the peers. */
  readonly node: string;
  /** Of WebGPU, as `setUpGpu` takes it. */
  readonly adapter: string | undefined;
  /** Least runs before those that are timed, while engines compile (0: none at all), and runs that are timed. */
  readonly warmup: number;
  readonly rounds: number;
  /** Seconds after which a peer has no further runs than one that is timed. */
  readonly seconds: number;
  /** Fresh processes for loading and the first run. */
  readonly loads: number;
  /** Bytes of the model's weights. */
  readonly weightBytes: number;
  readonly onStep: (step: string) => void;
}

export interface Measured {
  readonly peer: string;
  readonly threads: number;
  /** Medians, in milliseconds; loading and the first run in fresh processes, the weights in memory. */
  readonly loadMs: number;
  readonly firstRunMs: number;
  readonly medianMs: number;
  readonly leastMs: number;
  readonly runs: number;
  /** Most memory of a fresh process that loads from files and runs twice, less what Node itself takes. */
  readonly peakBytes: number;
  /** What the second run asks of WebGPU, in a process that is not timed. */
  readonly counts?: GpuCounts;
  /** For each sample. */
  readonly outputs: readonly Values[];
}

interface Process {
  ask<T extends Answer>(question: Question): Promise<T>;
  end(): Promise<void>;
}

interface Started {
  readonly text: string;
  readonly peer: ParsedPeer;
  readonly peakBytes: number;
  readonly counts: GpuCounts | undefined;
  readonly loads: { readonly loadMs: number; readonly firstRunMs: number }[];
  readonly times: number[];
}

/** Milliseconds that a peer runs at least before it is timed: engines compile code well that runs long enough. */
const warmupMs = 500;

type Timed = Extract<Answer, { readonly milliseconds: number }>;

/** Measures the peers; those that cannot run here are told to `onLeftOut`. */
export async function measure(
  peers: ReadonlyMap<string, ParsedPeer>,
  options: MeasureOptions,
  onLeftOut: (peer: string, why: string) => void,
): Promise<Measured[]> {
  const able: Started[] = [];
  let adapter: string | undefined;
  for (const [text, peer] of peers) {
    options.onStep(`${text}: memory, loading`);
    try {
      const counts = await countsOf(peer, options);
      adapter ??= counts?.adapter;
      if (counts && counts.adapter !== adapter)
        throw new Error(`it takes another adapter than the first, ${counts.adapter}`);
      const peakBytes = await peakOf(peer, options);
      const loads: Started["loads"] = [];
      for (let at = 1; at < options.loads; at += 1) loads.push(await loadOnce(peer, options));
      able.push({ text, peer, peakBytes, counts, loads, times: [] });
    } catch (cause) {
      onLeftOut(text, (cause as Error).message);
    }
  }
  const results: Measured[] = [];
  for (const batch of batchesOf(able, options.weightBytes))
    results.push(...(await interleave(batch, options)));
  return results;
}

/** Peers that have room in memory at once: most often all of them. */
function batchesOf(all: readonly Started[], weightBytes: number): Started[][] {
  const room = 0.8 * freemem();
  const batches: Started[][] = [];
  let left = 0;
  for (const one of all) {
    const bytes = one.peakBytes + weightBytes + 60e6;
    if (batches.length === 0 || bytes > left) {
      batches.push([]);
      left = room;
    }
    batches.at(-1)?.push(one);
    left -= bytes;
  }
  return batches;
}

async function interleave(batch: readonly Started[], options: MeasureOptions): Promise<Measured[]> {
  const processes = new Map<Started, Process>();
  const spent = new Map<Started, number>();
  const threads = new Map<Started, number>();
  const runOnce = async (one: Started): Promise<number> => {
    // Threads of the peer before it look out for work a while before they sleep.
    await setTimeout(5);
    const { milliseconds } = (await processes.get(one)?.ask<Timed>({ ask: "run" })) ?? { milliseconds: 0 };
    spent.set(one, (spent.get(one) ?? 0) + milliseconds);
    return milliseconds;
  };
  try {
    for (const one of batch) {
      options.onStep(`${one.text}: loading`);
      const process = start(options.node);
      processes.set(one, process);
      const loaded = await loadIn(process, one.peer, options, true);
      one.loads.push({ loadMs: loaded.loadMs, firstRunMs: loaded.firstRunMs });
      threads.set(one, loaded.threads);
      spent.set(one, loaded.firstRunMs);
    }
    const limit = options.seconds * 1000;
    options.onStep("warming up");
    for (let round = 0, ran = true; ran; round += 1) {
      ran = false;
      for (const one of batch) {
        const used = spent.get(one) ?? 0;
        if (used > limit / 3 || (round >= options.warmup && (options.warmup === 0 || used > warmupMs)))
          continue;
        await runOnce(one);
        ran = true;
      }
    }
    for (let round = 0; round < options.rounds; round += 1) {
      options.onStep(`round ${round + 1} of ${options.rounds}`);
      for (const one of batch)
        if (one.times.length === 0 || (spent.get(one) ?? 0) < limit) one.times.push(await runOnce(one));
    }
    const results: Measured[] = [];
    for (const one of batch) {
      options.onStep(`${one.text}: other inputs`);
      const answer = await processes.get(one)?.ask<Extract<Answer, { outputs: unknown }>>({ ask: "outputs" });
      results.push({
        peer: one.text,
        threads: threads.get(one) ?? 1,
        loadMs: median(one.loads.map(({ loadMs }) => loadMs)),
        firstRunMs: median(one.loads.map(({ firstRunMs }) => firstRunMs)),
        medianMs: median(one.times),
        leastMs: Math.min(...one.times),
        runs: one.times.length,
        peakBytes: one.peakBytes,
        ...(one.counts ? { counts: one.counts } : {}),
        outputs: answer?.outputs ?? [{}],
      });
    }
    return results;
  } finally {
    for (const process of processes.values()) await process.end();
  }
}

/** Undefined for a peer that is not on WebGPU. */
async function countsOf(peer: ParsedPeer, options: MeasureOptions): Promise<GpuCounts | undefined> {
  if (!all[peer.name].gpu) return undefined;
  const process = start(options.node);
  try {
    await loadIn(process, peer, options, true, true);
    await process.ask<Timed>({ ask: "run" });
    const { counts } = await process.ask<Extract<Answer, { counts: unknown }>>({ ask: "counts" });
    // A runtime may fall back to the processor without a word.
    if (!counts || counts.dispatches === 0) throw new Error("it asks nothing of WebGPU");
    return counts;
  } finally {
    await process.end();
  }
}

async function peakOf(peer: ParsedPeer, options: MeasureOptions): Promise<number> {
  const process = start(options.node);
  try {
    const { firstRunMs } = await loadIn(process, peer, options, false);
    if (firstRunMs < 3000) await process.ask<Timed>({ ask: "run" });
    return (await process.ask<Extract<Answer, { peakBytes: number }>>({ ask: "peak" })).peakBytes;
  } finally {
    await process.end();
  }
}

async function loadOnce(peer: ParsedPeer, options: MeasureOptions) {
  const process = start(options.node);
  try {
    return await loadIn(process, peer, options, true);
  } finally {
    await process.end();
  }
}

async function loadIn(
  process: Process,
  peer: ParsedPeer,
  { folder, adapter }: MeasureOptions,
  inMemory: boolean,
  count = false,
) {
  const { name, threads } = peer;
  const gpu = { adapter, count };
  const loaded = await process.ask<Timed>({ ask: "load", peer: name, folder, threads, inMemory, gpu });
  const first = await process.ask<Timed>({ ask: "run" });
  return { loadMs: loaded.milliseconds, firstRunMs: first.milliseconds, threads: loaded.threads };
}

/** A process of its own for a peer; its questions are answered one after another. */
function start(node: string): Process {
  const child: ChildProcess = fork(join(import.meta.dirname, "peer.built.mjs"), [], {
    execPath: node,
    execArgv: [],
    serialization: "advanced",
    // What a runtime writes is not a result, but helps where it ends early.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  child.stderr?.on("data", (text: unknown) => void (said = `${said}${String(text)}`.slice(-500)));
  return {
    ask: <T extends Answer>(question: Question) =>
      new Promise<T>((resolve, reject) => {
        const ended = (code: number | null, signal: string | null): void =>
          reject(new Error(`its process ended with ${signal ?? code}: ${said.trim()}`));
        child.once("exit", ended);
        child.once("message", (message) => {
          const answer = message as Answer;
          child.off("exit", ended);
          if ("error" in answer) reject(new Error(answer.error));
          else resolve(answer as T);
        });
        child.send(question);
      }),
    end: () =>
      new Promise<void>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.disconnect();
      }),
  };
}

export function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}
