// One network on all runtimes, interleaved: medians, ratios, load time, memory, and whether the outputs agree. Writes
// results/<model>.json. `npm run compare -- --help` lists the options.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { parseSplit } from "../src/cli/split-option.js";
import { targets } from "../src/compile/targets.js";
import type { Module, OptimizeOptions } from "../src/index.js";
import {
  elements,
  inputNodes,
  interpretScaled,
  longestReduction,
  optimize,
  tensor,
  tolerance,
} from "../src/index.js";
import { readModel } from "../src/node.js";
import type { Measured } from "./measure.js";
import { measure } from "./measure.js";
import type { ParsedPeer } from "./peers.js";
import { parsePeer, peerNames, peers } from "./peers.js";
import type { Prepared } from "./prepare.js";
import { prepare, seededInput } from "./prepare.js";
import type { Comparison, PeerResult } from "./results.js";
import { printComparison } from "./results.js";

const usual = peerNames({ gpu: false }).join(",");
const onGpu = peerNames({ gpu: true }).join(",");
const usage = `compare [MODEL.net] [options]
  MODEL.net        default: ../examples/mobilenet_v1.net
  --dim NAME=N     sets a dimension or constant, as \`cleave --dim\` does
  --split HOW      splits convolutions first, as \`cleave --split\` does; all peers get the split network
  --peers A,B      of ${usual} (default: all); the outputs are compared with the first one's.
                   cleave-simd:2 has two threads; so do cleave-relaxed, cleave-direct (no Winograd), onnxruntime-web
                   and onnxruntime-node; on WebGPU run ${onGpu}
  --webgpu         those on WebGPU in place of the default ones
  --adapter WHICH  of WebGPU: a part of its name, or the .json of a Vulkan driver (default: the one that Dawn takes)
  --rounds N       runs of each peer that are timed (default 15)
  --warmup N       least runs before that which are not, for half a second or more (default 3; 0: none)
  --seconds N      a peer that has run this long is not run again (default 10)
  --loads N        fresh processes in which loading and the first run are timed (default 1)
  --node FILE      the Node that runs the peers (default: this one)
  --out FILE       where the JSON goes (default: results/<model>.json)`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dim: { type: "string", multiple: true, default: [] },
    split: { type: "string" },
    rounds: { type: "string", default: "15" },
    warmup: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    loads: { type: "string", default: "1" },
    peers: { type: "string" },
    webgpu: { type: "boolean", default: false },
    adapter: { type: "string" },
    node: { type: "string", default: process.execPath },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}

const chosen = new Map<string, ParsedPeer>();
for (const text of (options.peers ?? (options.webgpu ? onGpu : usual)).split(",")) {
  const peer = parsePeer(text);
  chosen.set(
    text,
    peer ?? stop(`no peer ${text}; there are ${usual},${onGpu}, some with :2 for two threads`),
  );
}
const number = (text: string, least: number): number => {
  const value = Number(text);
  return Number.isInteger(value) && value >= least
    ? value
    : stop(`${text} is no whole number from ${least} on`);
};
const rounds = number(options.rounds, 1);
const path = positionals[0] ?? join(import.meta.dirname, "../examples/mobilenet_v1.net");
const model = split(open(path, options.dim), options.split);
const name = `${basename(path, ".net")}${options.split === undefined ? "" : ` split ${options.split}`}`;

const folder = mkdtempSync(join(tmpdir(), "cleave-bench-"));
try {
  const result = await compare();
  printComparison(result);
  const out = options.out ?? join(import.meta.dirname, "results", `${name.replaceAll(/[^\w.]+/g, "-")}.json`);
  mkdirSync(join(out, ".."), { recursive: true });
  writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = result.peers.every((peer) => peer.agrees) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}

function progress(step: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[2K${step}`);
}

async function compare(): Promise<Comparison> {
  progress("compiling");
  const parts = new Set([...chosen.values()].map((peer) => peers[peer.name].needs));
  const facts = prepare(folder, model, optimized(model, { without: ["fuse"] }), parts);
  const leftOut: { peer: string; why: string }[] = [];
  const measured = await measure(
    chosen,
    {
      folder,
      node: options.node,
      adapter: options.adapter,
      rounds,
      warmup: number(options.warmup, 0),
      seconds: number(options.seconds, 1),
      loads: number(options.loads, 1),
      weightBytes: weightBytes(model),
      onStep: progress,
    },
    (peer, why) => void leftOut.push({ peer, why }),
  );
  progress("");
  if (measured.length === 0)
    stop(["no peer runs here", ...leftOut.map(({ peer, why }) => `  ${peer}: ${why}`)].join("\n"));
  const adapter = measured.find(({ counts }) => counts)?.counts?.adapter;
  return {
    model: name,
    input: inputNodes(model.graph)[0]?.type.shape ?? [],
    dims: options.dim,
    ...(options.split === undefined ? {} : { split: options.split }),
    node: execFileSync(options.node, ["--version"], { encoding: "utf8" }).trim(),
    cpu: cpus()[0]?.model ?? "",
    ...(adapter === undefined ? {} : { adapter }),
    date: new Date().toISOString(),
    rounds,
    weightBytes: weightBytes(model),
    peers: judge(measured, facts),
    leftOut,
  };
}

function open(file: string, dims: readonly string[]): Module {
  const pairs = dims.map((dim) => dim.split("=")).map(([key = "", value]) => [key, Number(value)] as const);
  const { value, diagnostics } = readModel(file, { dims: new Map(pairs) });
  return value ?? stop(diagnostics.map((one) => one.message).join("\n"));
}

/** The network that all get, ours too: split once. */
function split(module: Module, how: string | undefined): Module {
  if (how === undefined) return module;
  return optimized(module, { split: parseSplit(how), without: ["fuse"] });
}

function optimized(module: Module, more: OptimizeOptions): Module {
  const { value, diagnostics } = optimize(module, { target: targets.wasm.target, ...more });
  return value?.module ?? stop(diagnostics.map((one) => one.message).join("; "));
}

function weightBytes({ graph }: Module): number {
  const constants = [...graph.nodes.values()].filter((node) => node.op === "constant");
  return constants.reduce((sum, node) => sum + 4 * elements(node.type.shape), 0);
}

/** Compares the outputs with the first peer's. */
function judge(all: readonly Measured[], prepared: ReadonlyMap<string, Prepared>): PeerResult[] {
  const [first] = all;
  if (!first) stop("no peer runs here");
  const reference = first.output;
  const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const longest = longestReduction(model);
  const factsOf = ({ peer: text }: Measured): Prepared => {
    const peer = chosen.get(text);
    return (peer && prepared.get(peers[peer.name].needs)) ?? {};
  };
  const scale = all.some((one) => factsOf(one).halfKernels !== undefined) ? scaleOf(model) : 0;
  const allowedOf = ({ halfKernels: kernels }: Prepared): number =>
    tolerance(longest, reference, kernels === undefined ? undefined : { kernels, scale });
  return all.map((one) => {
    const { output, ...measured } = one;
    const facts = factsOf(one);
    const off = distance(output, reference);
    return {
      ...measured,
      ratio: measured.medianMs / first.medianMs,
      difference: off / largest,
      agrees: off <= allowedOf(facts) + allowedOf(factsOf(first)),
      ...facts,
    };
  });
}

/** The largest value on the way to the output, by which the tolerance of f16 goes. */
function scaleOf(module: Module): number {
  progress("interpreting, for the tolerance of f16");
  const inputs = inputNodes(module.graph).map(({ name, type: { shape } }) => {
    const values = seededInput(elements(shape));
    return [name, tensor(shape, (index) => values[index] ?? Number.NaN)] as const;
  });
  const outputs = [...interpretScaled(module, new Map(inputs)).values()];
  progress("");
  return Math.max(...outputs.map(({ scale }) => scale));
}

/** NaN if the lengths differ or a value is NaN, which then agrees with nothing. */
function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? Number.NaN))), 0);
}
