// The page of the benchmarks in docs/, with its plot.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bar, BarGroup } from "./plot.js";
import { barPlot } from "./plot.js";
import type { Comparison, PeerResult } from "./results.js";
import { mark, markdownOf, titleOf } from "./results.js";
import type { RuntimeSize } from "./runtime-sizes.js";

/** Writes benchmarks.md and benchmarks.svg into a folder. */
export function writeDocs(docs: string, results: readonly Comparison[], sizes: readonly RuntimeSize[]): void {
  writeFileSync(join(docs, "benchmarks.svg"), plot(results));
  const [first] = results;
  const sections = results.map(
    (result) =>
      `## ${result.model}, Node ${result.node.slice(1)}\n\n${titleOf(result)}.\n\n${markdownOf(result)}\n`,
  );
  const table = sizes
    .map(({ name, gzipBytes }) => `| ${name} | ${(gzipBytes / 1024).toFixed(0)} |`)
    .join("\n");
  const text = `# Benchmarks

Written by \`npm run bench -- --docs\` in \`bench/\`; \`bench/README.md\` says how it measures. ${first?.cpu.replaceAll(/\s+/g, " ") ?? ""},
${first?.date.slice(0, 10) ?? ""}. Times are medians at batch 1; ratios are what counts.

![Times as fast as onnxruntime-web](benchmarks.svg)

- Loading is the runtime's own code and the model, with the weights in memory, in a fresh process; the first run comes after it.
- The peak is that of a fresh process that loads from files and runs twice, less what Node itself takes.
- \`cleave-direct\` is \`cleave-simd\` without Winograd's algorithm (\`--winograd off\`).
- The difference is the largest one from the first row's output, as a part of that output's largest value.
- \`onnxruntime-node\` is native code with AVX2: no page can have it.

What a page loads beside the model, JavaScript and WebAssembly, KiB gzipped; Cleave's modules bring their own code:

| runtime | KiB |
| --- | ---: |
${table}

${sections.join("\n")}`;
  writeFileSync(join(docs, "benchmarks.md"), text);
}

/** How many times as fast as onnxruntime-web on one thread, per model, in the newest Node that was measured. */
function plot(results: readonly Comparison[]): string {
  const newest = new Map(results.map((result) => [result.model, result]));
  const groups = [...newest.values()].map((result): BarGroup => {
    const base = result.peers.find(({ peer }) => peer === mark)?.medianMs ?? Number.NaN;
    return { title: titleOf(result), bars: result.peers.map((one) => barOf(one, base)) };
  });
  return barPlot(`Times as fast as ${mark} on one thread`, groups);
}

function barOf({ peer, medianMs }: PeerResult, base: number): Bar {
  const kind = peer.startsWith("cleave")
    ? "own"
    : peer.startsWith("onnxruntime-node")
      ? "native"
      : peer === mark
        ? "mark"
        : "peer";
  const value = base / medianMs;
  const label = peer.replace(/:(\d+)$/, ", $1 threads");
  return { label, value, text: `${value.toFixed(2)}× (${medianMs.toFixed(1)} ms)`, kind };
}
