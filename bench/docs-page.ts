// Makes the page of the benchmarks in docs/, with its plot.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bar, BarGroup } from "./plot.js";
import { barPlot } from "./plot.js";
import { publishedTolerance } from "./judge.js";
import { isMissed, limitsOf } from "./limits.js";
import { profileRows } from "./profile-table.js";
import type { Comparison, PeerResult } from "./results.js";
import {
  cpuOf,
  isOwn,
  markOf,
  markdownOf,
  markdownTable,
  milliseconds,
  titleOf,
  whereOf,
} from "./results.js";
import type { RuntimeSize } from "./runtime-sizes.js";

/** Writes benchmarks.md and its plots into a folder; measurements that are missing have no plot. */
export function writeDocs(docs: string, results: readonly Comparison[], sizes: readonly RuntimeSize[]): void {
  const { networks, published, webgpu } = partsOf(results);
  const draw = (file: string, title: string, part: readonly Comparison[]): void => {
    if (part.length > 0) writeFileSync(join(docs, file), plot(title, part));
  };
  draw("benchmarks.svg", "Times as fast as onnxruntime-web on one thread", networks);
  draw("benchmarks-published.svg", "Times as fast as the model's own runtime on one thread", published);
  draw("benchmarks-webgpu.svg", "Times as fast as the faster peer", webgpu);
  writeFileSync(join(docs, "benchmarks.md"), benchmarksPage(results, sizes));
}

function partsOf(results: readonly Comparison[]) {
  const onCpu = results.filter(({ adapter }) => adapter === undefined);
  return {
    networks: onCpu.filter(({ format }) => format === undefined),
    published: onCpu.filter(({ format }) => format !== undefined),
    webgpu: results.filter(({ adapter }) => adapter !== undefined),
  };
}

/** The text of benchmarks.md. */
export function benchmarksPage(results: readonly Comparison[], sizes: readonly RuntimeSize[]): string {
  const { networks, published, webgpu } = partsOf(results);
  const [first] = results;
  const table = sizes
    .map(({ name, gzipBytes }) => `| ${name} | ${(gzipBytes / 1024).toFixed(0)} |`)
    .join("\n");
  return `# Benchmarks

\`npm run bench -- --docs\` in \`bench/\` writes this page; \`bench/README.md\` says how it measures. ${first ? cpuOf(first) : ""},
${first?.date.slice(0, 10) ?? ""}. Times are medians at batch 1. Compare ratios, not times.
\`npm run bench -- --browser\` compares the runtimes in a browser, with LiteRT.js, and with \`--docs\` writes docs/benchmarks-browser.md.

${networks.length > 0 ? "![Times as fast as onnxruntime-web](benchmarks.svg)\n" : ""}
- "load" is the time to load the runtime's own code and the model, with the weights in memory, in a fresh process. The first run follows it.
- "peak" is the peak memory of a fresh process that loads from files and runs twice, minus the memory of Node itself.
- \`cleave-direct\` is \`cleave-simd\` without Winograd's algorithm (\`--winograd off\`).
- "difference" is the largest difference of any output from that of the first row, on three inputs, relative to the output's largest value.
- \`onnxruntime-node\` is native code with AVX2, which a web page cannot use.

This is the JavaScript and WebAssembly that a page loads in addition to the model, in KiB, gzipped. Cleave's modules contain their own code:

| runtime | KiB |
| --- | ---: |
${table}

${limitsPart(results)}${networks.map((result) => sectionOf(result)).join("\n")}${published.length > 0 ? publishedPart(published) : ""}${webgpu.length > 0 ? webgpuPart(webgpu) : ""}`;
}

/** The goals of the models, and what they reach. */
function limitsPart(results: readonly Comparison[]): string {
  const table = limitsTable(results, "Node", ({ node }) => node.slice(1));
  if (table === "") return "";
  return `## Goals

If Node has relaxed SIMD, \`load\` uses it, so the goals for SIMD are for a Node without it. Under the table of a comparison that misses a
goal, a second table lists the kernels that take the most time.

${table}

`;
}

/** The goals as a table with a first column that the caller chooses; empty if there are no goals. */
export function limitsTable(
  results: readonly Comparison[],
  title: string,
  cell: (result: Comparison) => string,
): string {
  const rows = results.flatMap((result) =>
    limitsOf(result).map(({ peer, over, least, times, held }) => [
      result.model,
      cell(result),
      peer,
      over,
      `≥ ${least}`,
      `${times.toFixed(2)}${held ? "" : " **missed**"}`,
    ]),
  );
  const head = ["model", title, "runtime", "against", "asked", "times as fast"];
  return rows.length === 0 ? "" : markdownTable([head, ...rows], 4);
}

/** A comparison with its table. */
export function sectionOf(result: Comparison, heading = "##"): string {
  const title = `${heading} ${result.model}, ${whereOf(result)}\n\n${titleOf(result)}.`;
  const profile = isMissed(result) ? profilePart(result) : "";
  return `${title}\n\n${markdownOf(result)}\n${leftOutPart(result)}${profile}`;
}

function leftOutPart({ leftOut }: Comparison): string {
  const items = leftOut.map(({ peer, why }) => `- \`${peer}\` is left out: ${why.replaceAll(/\s+/g, " ")}\n`);
  return items.length === 0 ? "" : `\n${items.join("")}`;
}

/** The slowest kernels of a module that misses a goal. */
function profilePart(result: Comparison): string {
  const { profile } = result;
  if (!profile) return "";
  const { machine } = profile;
  const giga = (rate: number): string => (1e-9 * rate).toFixed(1);
  const { pairs = 0, fours = 0 } = machine?.integers ?? {};
  const integers = machine?.integers ? `, ${giga(2 * Math.max(pairs, fours))} GOP/s of integers` : "";
  const has = machine
    ? `, on a machine of ${giga(2 * machine.macsPerSecond)} GFLOP/s${integers} and ${giga(machine.bandwidths.at(-1)?.bytesPerSecond ?? 0)} GB/s`
    : "";
  return `\nIts slowest kernels${machine?.integers ? " in integers" : ""}, on one thread${result.browser === undefined ? "" : " in Node"}${has}:\n\n${markdownTable(profileRows(profile), 3)}\n`;
}

/** Models of others, in the format in which they are published. */
function publishedPart(results: readonly Comparison[]): string {
  return `
## Published models

The runtime of the model's format loads the file itself, with its own order of axes: onnxruntime, or TensorFlow.js through its own loaders.
Cleave imports the file. All outputs are compared, on three inputs; they may differ by ${publishedTolerance} of the largest value.

![Times as fast as the model's own runtime](benchmarks-published.svg)

${results.map((result) => sectionOf(result, "###")).join("\n")}`;
}

function webgpuPart(results: readonly Comparison[]): string {
  return `
## WebGPU

All runtimes use Dawn in Node, on the adapter that each section names. On an adapter that computes on the CPU, ratios say little about a
GPU; dispatches, pipelines and bytes are the same on a GPU.

![On WebGPU: times as fast as the faster peer](benchmarks-webgpu.svg)

- "load" includes adapter, device, pipelines and the upload of the weights, if a runtime does these before its first run.
- Dispatches, submits and bytes are those of the second run; "pipelines" is the number of distinct pipelines until then.
- "kernel MB" is what the kernels of a run read and write, where each element counts once per kernel. Cleave's figure is from its schedule; a
  peer's figure is an upper bound, from the ranges of storage buffers that it binds.
- "host KB" is what a run copies from the host into buffers, and reads back.
- \`cleave-webgpu-software\` is compiled for adapters that compute on the CPU (\`--adapter software\`).
- \`cleave-webgpu-f16\` stores weights and tensors in 16 bits (\`--f16\`); it has its own tolerance.

${results.map((result) => sectionOf(result, "###")).join("\n")}`;
}

/** How many times as fast as the reference peer, per model and adapter, in the newest Node that was measured. */
export function plot(title: string, results: readonly Comparison[], titleIn = titleOf): string {
  const newest = new Map(results.map((result) => [`${titleIn(result)} ${result.adapter ?? ""}`, result]));
  const groups = [...newest.values()].map((result): BarGroup => {
    const base = markOf(result);
    // A net that stays on one thread is as fast with two.
    const shown = result.peers.filter(({ peer, threads }) => threads > 1 || !peer.includes(":"));
    return { title: titleIn(result), bars: shown.map((one) => barOf(one, base)) };
  });
  return barPlot(title, groups);
}

function barOf({ peer, medianMs }: PeerResult, base: PeerResult | undefined): Bar {
  const kind = isOwn(peer)
    ? "own"
    : peer.startsWith("onnxruntime-node")
      ? "native"
      : peer === base?.peer
        ? "mark"
        : "peer";
  const value = (base?.medianMs ?? Number.NaN) / medianMs;
  const label = peer.replace(/:(\d+)$/, ", $1 threads");
  return { label, value, text: `${value.toFixed(2)}× (${milliseconds(medianMs)} ms)`, kind };
}
