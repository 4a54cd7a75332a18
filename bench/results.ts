// What a comparison found, and how it is printed.

import type { Measured } from "./measure.js";
import type { Prepared } from "./prepare.js";

export interface PeerResult extends Omit<Measured, "output">, Prepared {
  /** Its median over the first peer's. */
  readonly ratio: number;
  /** Largest difference from the first peer's output, as a part of its largest value. */
  readonly difference: number;
  /** Whether that is within twice the stated tolerance, since both have rounding errors. */
  readonly agrees: boolean;
}

/** One network on all peers, in one Node. */
export interface Comparison {
  readonly model: string;
  readonly input: readonly number[];
  readonly dims: readonly string[];
  readonly split?: string;
  readonly node: string;
  readonly cpu: string;
  readonly date: string;
  readonly rounds: number;
  /** Of the network as it is written. */
  readonly weightBytes: number;
  readonly peers: readonly PeerResult[];
  /** Peers that do not run here, and why. */
  readonly leftOut: readonly { readonly peer: string; readonly why: string }[];
}

/** What others are measured by: what runs in browsers today. */
export const mark = "onnxruntime-web";

const head = [
  "runtime",
  "median ms",
  `× ${mark}`,
  "load ms",
  "first run ms",
  "peak MB",
  "module KiB gz",
  "difference",
];

/** The rows of a comparison as text; `× onnxruntime-web` says how many times as fast as it on one thread. */
export function rowsOf({ peers }: Comparison): string[][] {
  const base = peers.find(({ peer }) => peer === mark)?.medianMs;
  return peers.map((one) => [
    one.peer.replace(/:(\d+)$/, one.threads > 1 ? ", $1 threads" : ", $1 threads asked for"),
    one.medianMs.toFixed(one.medianMs < 10 ? 2 : 1),
    base === undefined ? "" : (base / one.medianMs).toFixed(2),
    one.loadMs.toFixed(0),
    one.firstRunMs.toFixed(0),
    (one.peakBytes / 1e6).toFixed(0),
    one.moduleGzipBytes === undefined ? "" : (one.moduleGzipBytes / 1024).toFixed(1),
    `${one.agrees ? "" : "DIFFERS "}${one.difference.toExponential(1)}`,
  ]);
}

export function printComparison(result: Comparison): void {
  console.log(`${titleOf(result)}; medians of ${result.rounds} interleaved runs or fewer, ${result.node}`);
  const all = [head, ...rowsOf(result)];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  for (const row of all) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(`  ${cells.join("  ")}`);
  }
  for (const { peer, why } of result.leftOut) console.log(`  ${peer} is left out: ${why}`);
  console.log("");
}

/** `mobilenet_v1, 1×224×224×3, 16.9 MB of weights`. */
export function titleOf({ model, input, weightBytes }: Comparison): string {
  return `${model}, ${input.join("×")}, ${(weightBytes / 1e6).toFixed(1)} MB of weights`;
}

/** The same rows as a table of Markdown. */
export function markdownOf(result: Comparison): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [
    line(head),
    line(head.map((_, at) => (at === 0 ? "---" : "---:"))),
    ...rowsOf(result).map(line),
  ].join("\n");
}
