// One network on all runtimes, interleaved in one process on one thread: medians, ratios, and whether the outputs agree.
// Writes results/<model>.json. `npm run compare -- --help` lists the options.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import type { Module } from "../src/index.js";
import { elements, inputNodes, longestReduction, tolerance } from "../src/index.js";
import { readModel } from "../src/node.js";
import type { Peer } from "./peers.js";
import { foldedModule, peers } from "./peers.js";

const usage = `compare [MODEL.net] [options]
  MODEL.net        default: ../examples/mobilenet_v1.net
  --dim NAME=N     sets a dimension or constant, as \`cleave --dim\` does
  --rounds N       runs of each peer that are timed (default 7)
  --warmup N       runs before that which are not, while engines compile (default 3)
  --peers A,B      of ${Object.keys(peers).join(", ")} (default: all)`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dim: { type: "string", multiple: true, default: [] },
    rounds: { type: "string", default: "7" },
    warmup: { type: "string", default: "3" },
    peers: { type: "string", default: Object.keys(peers).join(",") },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}

const names = options.peers.split(",");
const unknown = names.find((name) => !Object.hasOwn(peers, name));
if (unknown !== undefined) stop(`no peer ${unknown}; there are ${Object.keys(peers).join(", ")}`);
const [warmup, rounds] = [Number(options.warmup), Number(options.rounds)];
if (!Number.isInteger(warmup) || !Number.isInteger(rounds) || warmup < 0 || rounds < 1)
  stop("--warmup and --rounds are whole numbers, and one round is the least");
const path = positionals[0] ?? join(import.meta.dirname, "../examples/mobilenet_v1.net");
const model = open(path, options.dim);
const running = await start(model, names);
const input = seededInput(model);
const { times, outputs } = await measure(running, input, warmup, rounds);
const result = summarize(running, times, outputs);
print(result);
const folder = join(import.meta.dirname, "results");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, `${basename(path, ".net")}.json`), `${JSON.stringify(result, null, 2)}\n`);
for (const peer of running) await peer.dispose();
// The workers of a peer would keep the process alive.
process.exit(result.peers.every((peer) => peer.agrees) ? 0 : 1);

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}

function open(file: string, dims: readonly string[]): Module {
  const pairs = dims.map((dim) => dim.split("=")).map(([name = "", value]) => [name, Number(value)] as const);
  const { value, diagnostics } = readModel(file, { dims: new Map(pairs) });
  return value ?? stop(diagnostics.map((one) => one.message).join("\n"));
}

async function start(module: Module, wanted: readonly string[]): Promise<Peer[]> {
  const folded = foldedModule(module);
  const started: Peer[] = [];
  for (const name of wanted) {
    const make = peers[name];
    if (!make) continue;
    try {
      started.push(await make(module, folded));
    } catch (cause) {
      console.error(`${name} is left out: ${(cause as Error).message}`);
    }
  }
  return started;
}

/** The same picture for all and each time: pixels in 0 … 1, a sine so that neighbours differ. */
function seededInput(module: Module): Float32Array {
  const length = elements(inputNodes(module.graph)[0]?.type.shape ?? []);
  return Float32Array.from({ length }, (_, index) => (Math.sin(index) + 1) / 2);
}

/** Runs one after the other, round by round, so that what slows the machine for a while slows all. */
async function measure(
  list: readonly Peer[],
  image: Float32Array,
  warmup: number,
  rounds: number,
): Promise<{ times: Map<Peer, number[]>; outputs: Map<Peer, Float32Array> }> {
  const times = new Map<Peer, number[]>(list.map((peer) => [peer, []]));
  const outputs = new Map<Peer, Float32Array>();
  for (let round = -warmup; round < rounds; round += 1) {
    for (const peer of list) {
      await peer.activate();
      const begin = performance.now();
      const output = await peer.run(image);
      const milliseconds = performance.now() - begin;
      if (round >= 0) times.get(peer)?.push(milliseconds);
      outputs.set(peer, output.slice());
    }
  }
  return { times, outputs };
}

interface PeerResult {
  readonly name: string;
  readonly medianMs: number;
  readonly leastMs: number;
  /** Its median over the first peer's. */
  readonly ratio: number;
  /** Largest difference from the first peer's output, as a part of its largest value. */
  readonly difference: number;
  /** Whether that is within twice the stated tolerance, since both have rounding errors. */
  readonly agrees: boolean;
  readonly moduleGzipBytes?: number;
  readonly weightBytes?: number;
}

function summarize(list: readonly Peer[], times: Map<Peer, number[]>, outputs: Map<Peer, Float32Array>) {
  const [first] = list;
  if (!first) stop("no peer runs here");
  const reference = outputs.get(first) ?? new Float32Array();
  const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const allowed = 2 * tolerance(longestReduction(model), reference);
  const base = median(times.get(first) ?? []);
  return {
    model: basename(path),
    input: inputNodes(model.graph)[0]?.type.shape,
    dims: options.dim,
    node: process.version,
    cpu: cpus()[0]?.model,
    date: new Date().toISOString(),
    rounds,
    threads: 1,
    peers: list.map((peer): PeerResult => {
      const all = times.get(peer) ?? [];
      const off = distance(outputs.get(peer) ?? new Float32Array(), reference);
      return {
        name: peer.name,
        medianMs: median(all),
        leastMs: Math.min(...all),
        ratio: median(all) / base,
        difference: off / largest,
        agrees: off <= allowed,
        ...(peer.artifact
          ? {
              moduleGzipBytes: gzipSync(peer.artifact.module).length,
              weightBytes: peer.artifact.weightBytes,
            }
          : {}),
      };
    }),
  };
}

function print({ model: name, rounds, peers: rows }: ReturnType<typeof summarize>): void {
  console.log(`${name}, one thread, medians of ${rounds} interleaved runs`);
  for (const { name: peer, medianMs, ratio, difference, agrees } of rows) {
    const agreement = agrees
      ? `within ${difference.toExponential(1)}`
      : `DIFFERS by ${difference.toExponential(1)}`;
    console.log(
      `${peer.padEnd(16)} ${medianMs.toFixed(1).padStart(9)} ms ${ratio.toFixed(2).padStart(7)}×  ${agreement}`,
    );
  }
}

/** NaN if the lengths differ or a value is NaN, which then agrees with nothing. */
function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? Number.NaN))), 0);
}

function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}
