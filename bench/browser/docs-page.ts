// The page of the benchmarks in a browser, with its plot.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { limitsTable, plot, sectionOf } from "../docs-page.js";
import { publishedTolerance } from "../judge.js";
import type { Comparison } from "../results.js";
import { cpuOf, titleOf, whereOf } from "../results.js";

/** Writes benchmarks-browser.md and its plot into a folder. */
export function writeBrowserDocs(docs: string, results: readonly Comparison[]): void {
  const title = "In a browser: times as fast as LiteRT.js on one thread";
  const onWhat = (result: Comparison): string => `${titleOf(result)}, ${cpuOf(result)}`;
  writeFileSync(join(docs, "benchmarks-browser.svg"), plot(title, results, onWhat));
  writeFileSync(join(docs, "benchmarks-browser.md"), browserPage(results));
}

/** The text of benchmarks-browser.md: a part for each processor. */
export function browserPage(results: readonly Comparison[]): string {
  const processors = [...new Set(results.map(cpuOf))].map(
    (cpu) => [cpu, results.filter((result) => cpuOf(result) === cpu)] as const,
  );
  const asked = limitsTable(results, "processor", cpuOf);
  return `# Benchmarks in a browser

Written by \`npm run bench -- --browser --docs\` in \`bench/\`, which measures on this machine and keeps what was measured on other
processors; \`bench/README.md\` says how. Times are at batch 1, from the input in an array to the outputs in arrays; ratios are what counts.

![Times as fast as LiteRT.js](benchmarks-browser.svg)

- Each runtime has a page of its own, with cross-origin isolation, and they take turns: a quarter of a second of runs that are not timed,
  then as long a burst that is. The median is that of the turns' medians, the least that of all runs.
- \`litert\` is LiteRT.js with XNNPACK, in the build that its loader takes: with relaxed SIMD where the browser has that, and threads where
  two are asked for. It has the same weights, in a .tflite file that the bench writes. \`cleave-relaxed\` is what \`load\` takes by default there.
- Loading is all that a page does from nothing to a network that is ready: the runtime's code and the model, from a server on the same
  machine, in a fresh page without a cache. The first run comes after it.
- Code and weights are the files that the page loaded up to then, as they are and gzipped.
- The difference is the largest one of any output from the first row's, on three inputs, as a part of that output's largest value. It may be
  twice the stated tolerance, and ${publishedTolerance} for published models, which come from another format.

${asked === "" ? "" : `## Goals\n\n${asked}\n\n`}${processors.map(([cpu, part]) => processorPart(cpu, part)).join("\n")}`;
}

function processorPart(cpu: string, results: readonly Comparison[]): string {
  const browsers = [...new Set(results.map(whereOf))].join(", ");
  const dates = results.map(({ date }) => date.slice(0, 10)).toSorted();
  const when = [...new Set([dates[0], dates.at(-1)])].join(" to ");
  return `## ${cpu}\n\n${browsers}; ${when}.\n\n${results.map((result) => sectionOf(result, "###")).join("\n")}`;
}
