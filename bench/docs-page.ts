// The page of the benchmarks in docs/, with its plot.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bar, BarGroup } from "./plot.js";
import { barPlot } from "./plot.js";
import { publishedTolerance } from "./judge.js";
import { isMissed, limitsOf } from "./limits.js";
import { profileRows } from "./profile-table.js";
import type { Comparison, PeerResult } from "./results.js";
import { isOwn, markOf, markdownOf, markdownTable, titleOf } from "./results.js";
import type { RuntimeSize } from "./runtime-sizes.js";

/** Writes benchmarks.md and its plots into a folder; what was not measured has none. */
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

Written by \`npm run bench -- --docs\` in \`bench/\`; \`bench/README.md\` says how it measures. ${first?.cpu.replaceAll(/\s+/g, " ") ?? ""},
${first?.date.slice(0, 10) ?? ""}. Times are medians at batch 1; ratios are what counts.

${networks.length > 0 ? "![Times as fast as onnxruntime-web](benchmarks.svg)\n" : ""}
- Loading is the runtime's own code and the model, with the weights in memory, in a fresh process; the first run comes after it.
- The peak is that of a fresh process that loads from files and runs twice, less what Node itself takes.
- \`cleave-direct\` is \`cleave-simd\` without Winograd's algorithm (\`--winograd off\`).
- The difference is the largest one of any output from the first row's, on three inputs, as a part of that output's largest value.
- \`onnxruntime-node\` is native code with AVX2: no page can have it.

What a page loads beside the model, JavaScript and WebAssembly, KiB gzipped; Cleave's modules bring their own code:

| runtime | KiB |
| --- | ---: |
${table}

${limitsPart(results)}${networks.map((result) => sectionOf(result)).join("\n")}${published.length > 0 ? publishedPart(published) : ""}${webgpu.length > 0 ? webgpuPart(webgpu) : ""}`;
}

/** What is asked of the models, and what they have. */
function limitsPart(results: readonly Comparison[]): string {
  const rows = results.flatMap((result) =>
    limitsOf(result).map(({ peer, over, least, times, held }) => [
      result.model,
      result.node.slice(1),
      peer,
      over,
      `≥ ${least}`,
      `${times.toFixed(2)}${held ? "" : " **missed**"}`,
    ]),
  );
  if (rows.length === 0) return "";
  const head = ["model", "Node", "runtime", "against", "asked", "times as fast"];
  return `## What is asked

In a Node that has relaxed SIMD, \`load\` takes that, so the SIMD figures count where there is none. A comparison that misses something
has the kernels that take its time below its table.

${markdownTable([head, ...rows], 4)}

`;
}

/** A comparison with its table. */
function sectionOf(result: Comparison, heading = "##"): string {
  const { model, node } = result;
  const title = `${heading} ${model}, Node ${node.slice(1)}\n\n${titleOf(result)}.`;
  return `${title}\n\n${markdownOf(result)}\n${isMissed(result) ? profilePart(result) : ""}`;
}

/** Where the time of a module goes that misses a limit. */
function profilePart({ profile }: Comparison): string {
  if (!profile) return "";
  const { machine } = profile;
  const has = machine
    ? `, on a machine of ${(2e-9 * machine.macsPerSecond).toFixed(1)} GFLOP/s and ${(1e-9 * (machine.bandwidths.at(-1)?.bytesPerSecond ?? 0)).toFixed(1)} GB/s`
    : "";
  return `\nIts slowest kernels, on one thread${has}:\n\n${markdownTable(profileRows(profile), 3)}\n`;
}

/** Models of others, in the format in which they are published. */
function publishedPart(results: readonly Comparison[]): string {
  return `
## Published models

The file itself goes to the runtime of its format, with its own order of axes: onnxruntime, or TensorFlow.js through its own loaders.
Cleave imports it. All outputs are compared, on three inputs; they may differ by ${publishedTolerance} of the largest value.

![Times as fast as the model's own runtime](benchmarks-published.svg)

${results.map((result) => sectionOf(result, "###")).join("\n")}`;
}

function webgpuPart(results: readonly Comparison[]): string {
  return `
## WebGPU

All through Dawn in Node, on the adapter that is named. On one that computes on the processor, ratios say little of a GPU; dispatches,
pipelines and bytes are the same there.

![On WebGPU: times as fast as the faster peer](benchmarks-webgpu.svg)

- Loading includes adapter, device, pipelines and the upload of the weights, as far as a runtime does these before its first run.
- Dispatches, submits and bytes are those of one run, the second; pipelines are the distinct ones up to then.
- Kernel MB is what the kernels of a run read and write, each element once a kernel: Cleave's by its schedule, a peer's at most, by the
  ranges of storage buffers that it binds.
- Host KB is what a run writes into buffers from outside and reads back.
- \`cleave-webgpu-software\` is compiled for adapters that compute on the processor (\`--adapter software\`).
- \`cleave-webgpu-f16\` stores weights and tensors in 16 bits (\`--f16\`); it has its own tolerance.

${results.map((result) => sectionOf(result, "###")).join("\n")}`;
}

/** How many times as fast as the mark, per model and adapter, in the newest Node that was measured. */
function plot(title: string, results: readonly Comparison[]): string {
  const newest = new Map(results.map((result) => [`${result.model} ${result.adapter ?? ""}`, result]));
  const groups = [...newest.values()].map((result): BarGroup => {
    const base = markOf(result);
    return { title: titleOf(result), bars: result.peers.map((one) => barOf(one, base)) };
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
  return { label, value, text: `${value.toFixed(2)}× (${medianMs.toFixed(1)} ms)`, kind };
}
