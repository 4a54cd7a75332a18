// One network on all runtimes, interleaved: medians, ratios, load time, memory, and whether the outputs agree. Writes
// results/<model>.json. `npm run compare -- --help` lists the options.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Module, ProfileReport } from "../src/index.js";
import { elements, inputNodes, interpretScaled, longestReduction, tensor, tolerance } from "../src/index.js";
import type { Allowed } from "./judge.js";
import { judge, largestOf, publishedTolerance } from "./judge.js";
import { isMissed } from "./limits.js";
import type { Measured } from "./measure.js";
import { measure } from "./measure.js";
import type { BenchModel } from "./models.js";
import { findModel, formatOf, models } from "./models.js";
import { openModel, optimized } from "./open.js";
import type { ParsedPeer } from "./peers.js";
import { parsePeer, peerNames, peers } from "./peers.js";
import type { Prepared } from "./prepare.js";
import { inputPorts, prepare } from "./prepare.js";
import { printProfile } from "./profile-table.js";
import type { Comparison } from "./results.js";
import { printComparison } from "./results.js";
import { samples } from "./samples.js";

const usual = peerNames({ gpu: false }).join(",");
const onGpu = peerNames({ gpu: true }).join(",");
const usage = `compare [MODEL] [options]
  MODEL            one of ${models.map(({ name }) => name).join(", ")} (default: mobilenet_v1),
                   a .net file, an .onnx file or the model.json of TensorFlow.js
  --dim NAME=N     sets a dimension or constant, as \`cleave --dim\` does
  --split HOW      splits convolutions first, as \`cleave --split\` does; all peers get the split network
  --peers A,B      of ${usual} (default: those of the model); the outputs are compared with the first one's.
                   cleave-simd:2 has two threads; so do cleave-relaxed, cleave-direct (no Winograd), onnxruntime-web
                   and onnxruntime-node; on WebGPU run ${onGpu}
  --webgpu         those on WebGPU in place of the default ones
  --adapter WHICH  of WebGPU: a part of its name, or the .json of a Vulkan driver (default: the one that Dawn takes)
  --rounds N       runs of each peer that are timed (default 15)
  --warmup N       least runs before that which are not, for half a second or more (default 3; 0: none)
  --seconds N      a peer that has run this long is not run again (default 10)
  --loads N        fresh processes in which loading and the first run are timed (default 1)
  --profile        times the kernels of the WebAssembly module too; done in any case where a limit is missed
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
    profile: { type: "boolean", default: false },
    node: { type: "string", default: process.execPath },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}

const found = findModel(positionals[0] ?? "mobilenet_v1");
if (!found) stop(`no model ${positionals[0]}; --help lists them, and files end in .net, .onnx or .json`);
const asked: BenchModel = { ...found, ...(options.split === undefined ? {} : { split: options.split }) };
const chosen = new Map<string, ParsedPeer>();
for (const text of (options.peers ?? (options.webgpu ? onGpu : asked.peers.join(","))).split(",")) {
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
    : stop(`${text} is not a whole number from ${least} on`);
};
const rounds = number(options.rounds, 1);
const model = open();
/** A split network is another one than the file's. */
const format = asked.split === undefined ? formatOf(asked.file()) : undefined;
const name =
  options.split === undefined || options.split === found.split
    ? asked.name
    : `${asked.name} split ${options.split}`;

const folder = mkdtempSync(join(tmpdir(), "cleave-bench-"));
try {
  const result = await compare();
  printComparison(result);
  if (result.profile) printProfile(result.profile);
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
  const folded = optimized(model, { without: ["fuse"] });
  const facts = prepare(
    folder,
    { model, folded, ...(format === undefined ? {} : { original: resolve(asked.file()) }) },
    parts,
  );
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
  const factsOf = ({ peer: text }: Measured): Prepared => {
    const peer = chosen.get(text);
    return (peer && facts.get(peers[peer.name].needs)) ?? {};
  };
  const judged = judge(measured, factsOf, allowedBy(measured, factsOf));
  const result: Comparison = {
    model: name,
    ...(format === undefined ? {} : { format }),
    input: inputNodes(model.graph)[0]?.type.shape ?? [],
    dims: options.dim,
    ...(asked.split === undefined ? {} : { split: asked.split }),
    node: execFileSync(options.node, ["--version"], { encoding: "utf8" }).trim(),
    cpu: cpus()[0]?.model ?? "",
    ...(adapter === undefined ? {} : { adapter }),
    date: new Date().toISOString(),
    rounds,
    weightBytes: weightBytes(model),
    peers: judged,
    leftOut,
    // They are for its own sizes.
    limits: options.dim.length === 0 && options.split === undefined ? (asked.limits ?? []) : [],
  };
  return options.profile || isMissed(result) ? { ...result, profile: profileKernels() } : result;
}

/** In a process of the Node that runs the peers, which may have relaxed SIMD. */
function profileKernels(): ProfileReport {
  progress("timing kernels");
  const argv = [
    join(import.meta.dirname, "profile.built.mjs"),
    positionals[0] ?? asked.name,
    ...options.dim.flatMap((dim) => ["--dim", dim]),
    ...(asked.split === undefined ? [] : ["--split", asked.split]),
    "--runs",
    String(rounds),
  ];
  const report = JSON.parse(execFileSync(options.node, argv, { encoding: "utf8", maxBuffer: 2 ** 26 }));
  progress("");
  return report as ProfileReport;
}

function open(): Module {
  try {
    return openModel(asked, options.dim);
  } catch (cause) {
    return stop((cause as Error).message);
  }
}

function weightBytes({ graph }: Module): number {
  const constants = [...graph.nodes.values()].filter((node) => node.op === "constant");
  return constants.reduce((sum, node) => sum + 4 * elements(node.type.shape), 0);
}

/** Twice the stated tolerance, since both have rounding errors; published models have one of their own, for both together. */
function allowedBy(all: readonly Measured[], factsOf: (one: Measured) => Prepared): Allowed {
  const longest = longestReduction(model);
  const scale = all.some((one) => factsOf(one).halfKernels !== undefined) ? scaleOf(model) : 0;
  const ownOf = (one: Measured | undefined, reference: Float32Array): number => {
    const kernels = one && factsOf(one).halfKernels;
    if (kernels === undefined && format !== undefined) return (publishedTolerance / 2) * largestOf(reference);
    return tolerance(longest, reference, kernels === undefined ? undefined : { kernels, scale });
  };
  return (one, reference) => ownOf(one, reference) + ownOf(all[0], reference);
}

/** The largest value on the way to an output, by which the tolerance of f16 goes. */
function scaleOf(module: Module): number {
  progress("interpreting, for the tolerance of f16");
  const [sample = {}] = samples(inputPorts(module.graph));
  const inputs = inputNodes(module.graph).map(
    ({ name: input, type: { shape } }) =>
      [input, tensor(shape, (index) => sample[input]?.[index] ?? Number.NaN)] as const,
  );
  const outputs = [...interpretScaled(module, new Map(inputs)).values()];
  progress("");
  return Math.max(...outputs.map(({ scale }) => scale));
}
