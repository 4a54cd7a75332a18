// Makes the page of the benchmarks in a browser, with its plot.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { limitsTable, plot, sectionOf } from "../docs-page.js";
import { int8Tolerance, publishedTolerance } from "../judge.js";
import type { Comparison } from "../results.js";
import { cpuOf, titleOf, whereOf } from "../results.js";

/** Writes benchmarks-browser.md and its plot into a folder. */
export function writeBrowserDocs(docs: string, results: readonly Comparison[]): void {
  const title = "In a browser: times as fast as LiteRT.js on one thread";
  const onWhat = (result: Comparison): string => `${titleOf(result)}, ${cpuOf(result)}`;
  writeFileSync(join(docs, "benchmarks-browser.svg"), plot(title, results, onWhat));
  writeFileSync(join(docs, "benchmarks-browser.md"), browserPage(results));
}

/** The text of benchmarks-browser.md, with a part for each processor. */
export function browserPage(results: readonly Comparison[]): string {
  const processors = [...new Set(results.map(cpuOf))].map(
    (cpu) => [cpu, results.filter((result) => cpuOf(result) === cpu)] as const,
  );
  const asked = limitsTable(results, "processor", cpuOf);
  return `# Benchmarks in a browser

\`npm run bench -- --browser --docs\` in \`bench/\` writes this page. It measures on one machine and keeps the figures of other processors;
\`bench/README.md\` says how it measures. Times are at batch 1. Compare ratios, not times.

![Times as fast as LiteRT.js](benchmarks-browser.svg)

- Each runtime has a page of its own with cross-origin isolation. The pages take turns: first a quarter of a second of runs that are not
  timed, then a quarter of a second of timed runs. A run includes copying the input in and the outputs out.
- "median" is the median of the medians of all turns, "least" the fastest run.
- \`litert\` is LiteRT.js with XNNPACK, in the build that its loader selects: relaxed SIMD if the browser has it. The bench writes a .tflite
  file with the same weights for it. \`cleave-relaxed\` is what \`load\` uses in a browser that has relaxed SIMD.
- A second table of a model has the networks of 8-bit integers (\`-int8\`): those of \`cleave quantize\`, and for LiteRT.js a .tflite file as its
  own converter would write it. Both take their ranges from the three inputs that are measured. "× f32" compares with the same runtime above.
- "load" is the time to load the runtime's code and the model into a fresh page, from a server on the same machine. The first run follows it.
- "code" and "weights" are the sizes of the files that the page loads until its first result, as they are and gzipped.
- "difference" is the largest difference of any output from that of the first row, on three inputs, relative to the output's largest value.
  Twice the stated tolerance is allowed; for published models, which have another format, ${publishedTolerance}. In integers, "error" is
  √(Σ(y′ − y)² / Σy²) over all three inputs; ${int8Tolerance} is allowed.

${asked === "" ? "" : `## Goals\n\n${asked}\n\n`}${processors.map(([cpu, part]) => processorPart(cpu, part)).join("\n")}`;
}

function processorPart(cpu: string, results: readonly Comparison[]): string {
  const browsers = [...new Set(results.map(whereOf))].join(", ");
  const dates = results.map(({ date }) => date.slice(0, 10)).toSorted();
  const when = [...new Set([dates[0], dates.at(-1)])].join(" to ");
  return `## ${cpu}\n\n${browsers}; ${when}.\n\n${results.map((result) => sectionOf(result, "###")).join("\n")}`;
}
