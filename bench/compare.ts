// Measures one network on all runtimes in turns: medians, ratios, load time, memory, and whether the outputs agree. Writes
// results/<model>.json. `npm run compare -- --help` lists the options.

import { given } from "../src/diagnostic/given.js";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Module, ProfileReport } from "../src/index.js";
import { pagePeerNames, pagePeers } from "./browser/peers.js";
import { compare } from "./comparison.js";
import { isMissed, limitsOf } from "./limits.js";
import type { BenchModel } from "./models.js";
import { findModel, formatOf, models } from "./models.js";
import { openModel } from "./open.js";
import { peerNames, peers } from "./peers.js";
import { printProfile } from "./profile-table.js";
import type { Comparison } from "./results.js";
import { printComparison } from "./results.js";
import type { ParsedPeer } from "./running.js";
import { isInt8, parsePeer } from "./running.js";

const usual = peerNames({ gpu: false }).join(",");
const onGpu = peerNames({ gpu: true }).join(",");
const inBrowser = pagePeerNames.join(",");
const usage = `compare [MODEL] [options]
  MODEL            one of ${models.map(({ name }) => name).join(", ")} (default: mobilenet_v1),
                   a .net file, an .onnx file or the model.json of TensorFlow.js
  --dim NAME=N     sets a dimension or constant, as \`cleave --dim\` does
  --split HOW      splits convolutions first, as \`cleave --split\` does; all peers get the split network
  --peers A,B      of ${usual} (default: those of the model); the outputs are compared with the first one's.
                   cleave-simd:2 has two threads; so do cleave-relaxed, cleave-direct (no Winograd), onnxruntime-web
                   and onnxruntime-node; on WebGPU run ${onGpu};
                   in a browser ${inBrowser}
  --browser        the peers run in pages of Chromium, /usr/bin/chromium or the one that CHROMIUM names
  --webgpu         those on WebGPU in place of the default ones
  --adapter WHICH  of WebGPU: a part of its name, or the .json of a Vulkan driver (default: the one that Dawn takes)
  --rounds N       turns of each peer (default 10), and one before them that does not count
  --warmup MS      a turn begins with runs of this time that are not timed (default 250; 0: none),
  --burst MS       and ends with runs of this time that are (default 250; one run at least)
  --seconds N      a peer that has run this long has no further turns (default 10)
  --loads N        fresh processes in which loading and the first run are timed (default 1)
  --profile        times the kernels of the WebAssembly module too; done in any case where a limit is missed, in integers if it is
                   one of those; in a browser only then, and in Node
  --node FILE      the Node that runs the peers, or with --browser the profile (default: this one)
  --out FILE       where the JSON goes (default: results/<model>.json)`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dim: { type: "string", multiple: true, default: [] },
    split: { type: "string" },
    browser: { type: "boolean", default: false },
    rounds: { type: "string", default: "10" },
    warmup: { type: "string", default: "250" },
    burst: { type: "string", default: "250" },
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

if (options.browser && options.webgpu) stop("--browser and --webgpu exclude each other");
const found = findModel(positionals[0] ?? "mobilenet_v1");
if (!found) stop(`no model ${positionals[0]}; --help lists them, and files end in .net, .onnx or .json`);
const asked: BenchModel = { ...found, ...given({ split: options.split }) };
const chosen = new Map<string, ParsedPeer>();
const usualOf = options.browser ? inBrowser : options.webgpu ? onGpu : asked.peers.join(",");
const there = options.browser ? inBrowser : `${usual},${onGpu}, some with :2 for two threads`;
for (const text of (options.peers ?? usualOf).split(",")) {
  const peer = parsePeer(text, options.browser ? pagePeers : peers);
  chosen.set(text, peer ?? stop(`no peer ${text}; there are ${there}`));
}
const number = (text: string, least: number): number => {
  const value = Number(text);
  return Number.isInteger(value) && value >= least
    ? value
    : stop(`${text} is not a whole number from ${least} on`);
};
const rounds = number(options.rounds, 1);
const model = open();
/** A split network is not the network of the file. */
const format = asked.split === undefined ? formatOf(asked.file()) : undefined;
const name =
  options.split === undefined || options.split === found.split
    ? asked.name
    : `${asked.name} split ${options.split}`;

const result = await measured();
printComparison(result);
if (result.profile) printProfile(result.profile);
const suffix = options.browser ? "-browser" : "";
const file = `${name.replaceAll(/[^\w.]+/g, "-")}${suffix}.json`;
const out = options.out ?? join(import.meta.dirname, "results", file);
mkdirSync(join(out, ".."), { recursive: true });
writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
// Resources that a peer left open would keep this process alive.
process.exit(result.peers.every((peer) => peer.agrees) ? 0 : 1);

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}

function progress(step: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[2K${step}`);
}

async function measured(): Promise<Comparison> {
  // The goals are for the model's own sizes.
  const isAsItIs = options.dim.length === 0 && options.split === undefined;
  try {
    const result = await compare({
      model,
      name,
      ...(format === undefined ? {} : { original: { file: resolve(asked.file()), format } }),
      dims: options.dim,
      ...given({ split: asked.split }),
      peers: chosen,
      where: options.browser ? { pageSeconds: 300 } : { node: options.node },
      adapter: options.adapter,
      rounds,
      turn: { warmMs: number(options.warmup, 0), burstMs: number(options.burst, 0) },
      seconds: number(options.seconds, 1),
      loads: number(options.loads, 1),
      limits: (isAsItIs ? (options.browser ? asked.inBrowser : asked.limits) : undefined) ?? [],
      onStep: progress,
    });
    // Where a goal of integers is missed, their kernels are of interest; in a page only these.
    const inIntegers = limitsOf(result).some(({ peer, held }) => !held && isInt8(peer));
    const isProfiled = options.profile || inIntegers || (!options.browser && isMissed(result));
    return isProfiled ? { ...result, profile: profileKernels(inIntegers) } : result;
  } catch (cause) {
    return stop((cause as Error).message);
  }
}

/** Runs in a process of the Node that runs the peers, which may have relaxed SIMD. */
function profileKernels(inIntegers: boolean): ProfileReport {
  progress("timing kernels");
  const argv = [
    join(import.meta.dirname, "profile.built.mjs"),
    positionals[0] ?? asked.name,
    ...options.dim.flatMap((dim) => ["--dim", dim]),
    ...(asked.split === undefined ? [] : ["--split", asked.split]),
    ...(inIntegers ? ["--int8"] : []),
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
