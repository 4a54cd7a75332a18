// The page of the benchmarks in docs/, with its plot.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bar, BarGroup } from "./plot.js";
import { barPlot } from "./plot.js";
import type { Comparison, PeerResult } from "./results.js";
import { isOwn, mark, markOf, markdownOf, titleOf } from "./results.js";
import type { RuntimeSize } from "./runtime-sizes.js";

/** Writes benchmarks.md and its plots, benchmarks.svg and benchmarks-webgpu.svg, into a folder; what was not measured has none. */
export function writeDocs(docs: string, results: readonly Comparison[], sizes: readonly RuntimeSize[]): void {
  const onGpu = results.filter(({ adapter }) => adapter !== undefined);
  const onCpu = results.filter(({ adapter }) => adapter === undefined);
  if (onCpu.length > 0)
    writeFileSync(join(docs, "benchmarks.svg"), plot(`Times as fast as ${mark} on one thread`, onCpu));
  if (onGpu.length > 0)
    writeFileSync(join(docs, "benchmarks-webgpu.svg"), plot(`Times as fast as the faster peer`, onGpu));
  const [first] = results;
  const table = sizes
    .map(({ name, gzipBytes }) => `| ${name} | ${(gzipBytes / 1024).toFixed(0)} |`)
    .join("\n");
  const text = `# Benchmarks

Written by \`npm run bench -- --docs\` in \`bench/\`; \`bench/README.md\` says how it measures. ${first?.cpu.replaceAll(/\s+/g, " ") ?? ""},
${first?.date.slice(0, 10) ?? ""}. Times are medians at batch 1; ratios are what counts.

${onCpu.length > 0 ? "![Times as fast as onnxruntime-web](benchmarks.svg)\n" : ""}
- Loading is the runtime's own code and the model, with the weights in memory, in a fresh process; the first run comes after it.
- The peak is that of a fresh process that loads from files and runs twice, less what Node itself takes.
- \`cleave-direct\` is \`cleave-simd\` without Winograd's algorithm (\`--winograd off\`).
- The difference is the largest one from the first row's output, as a part of that output's largest value.
- \`onnxruntime-node\` is native code with AVX2: no page can have it.

What a page loads beside the model, JavaScript and WebAssembly, KiB gzipped; Cleave's modules bring their own code:

| runtime | KiB |
| --- | ---: |
${table}

${onCpu.map((result) => sectionOf(result)).join("\n")}${onGpu.length > 0 ? webgpuPart(onGpu) : ""}`;
  writeFileSync(join(docs, "benchmarks.md"), text);
}

/** A comparison with its table. */
function sectionOf(result: Comparison, heading = "##"): string {
  const { model, node } = result;
  return `${heading} ${model}, Node ${node.slice(1)}\n\n${titleOf(result)}.\n\n${markdownOf(result)}\n`;
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
