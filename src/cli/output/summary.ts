// The lines that summarize a compilation: ops and kernels, parameters and MACs before and after.

import { gzipSync } from "node:zlib";
import type { Artifact } from "#backend/artifact.js";
import { lineText } from "#diagnostic/escape.js";
import { totalCost } from "#inspect/cost.js";
import { bytesText, countText, numberText, plural } from "#ir/units.js";
import type { WrittenFile } from "#node/write-file.js";
import type { Module } from "#ir/weights.js";
import { countsOf, countsText } from "#report/counts.js";

/** `fm_resnet16: 35 ops → 10 kernels; parameters 122,570 → 121,866; MACs 12.8 M → 12.8 M`. */
export function summaryText(before: Module, after: Module, artifact: Artifact): string {
  const [from, to] = [totalCost(before), totalCost(after)];
  return `${lineText(before.graph.name)}: ${countsText(countsOf(before.graph, artifact))}; parameters ${numberText(from.parameters)} → ${numberText(to.parameters)}; MACs ${countText(from.macs)} → ${countText(to.macs)}`;
}

/** `16,383 weights were packed as 0: …`. */
export function flushedText(count: number): string {
  return `${plural(count, "weight")} packed as 0: below 2^-100 of the greatest in the tensor, such numbers change no sum and slow it down`;
}

/** `wrote a.mjs (62 KiB, 27 KiB gzipped)` for each file; `module` is the text whose size after gzip is told. */
export function writtenText(files: readonly WrittenFile[], module: string | undefined): string {
  return files
    .map(({ path, bytes }) => {
      const isZipped = module !== undefined && /\.(mjs|cjs|(?<!worker\.)js)$/.test(path);
      const zipped = isZipped ? `, ${bytesText(gzipSync(module).length)} gzipped` : "";
      return `wrote ${lineText(path)} (${bytesText(bytes)}${zipped})\n`;
    })
    .join("");
}
