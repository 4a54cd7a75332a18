// The result of a comparison, and how it is printed.

import type { ProfileReport } from "../src/index.js";
import type { Limit } from "./limits.js";
import { limitText, limitsOf } from "./limits.js";
import type { Measured } from "./measure.js";
import type { Format } from "./models.js";
import type { Prepared } from "./prepare.js";
import { int8, isInt8 } from "./running.js";

export interface PeerResult extends Omit<Measured, "outputs">, Prepared {
  /** Its median divided by the first peer's. */
  readonly ratio: number;
  /** The largest difference of any output on any sample from the first peer's, relative to the output's largest value. */
  readonly difference: number;
  /** In integers: the greatest √(Σ(y′ − y)² / Σy²) of an output y on all samples. */
  readonly error?: number;
  /** Whether all differences are within the tolerance. */
  readonly agrees: boolean;
}

/** One network on all peers, in one Node. */
export interface Comparison {
  readonly model: string;
  /** The format of the file, which the runtimes of this format got unchanged; absent if all got what Cleave wrote. */
  readonly format?: Format;
  readonly input: readonly number[];
  readonly dims: readonly string[];
  readonly split?: string;
  readonly node: string;
  /** The browser in which the peers ran, if not in this Node. */
  readonly browser?: string;
  readonly cpu: string;
  /** The adapter of the peers on WebGPU. */
  readonly adapter?: string;
  readonly date: string;
  readonly rounds: number;
  /** Bytes of the network as it is written. */
  readonly weightBytes: number;
  readonly peers: readonly PeerResult[];
  /** Peers that do not run here, and why. */
  readonly leftOut: readonly { readonly peer: string; readonly why: string }[];
  readonly limits?: readonly Limit[];
  /** The profile of the WebAssembly module, if a goal is missed or if it was requested. */
  readonly profile?: ProfileReport;
}

/** The reference peers: runtimes that run in browsers today, and get the file unchanged. */
const marks = { onnx: "onnxruntime-web", tfjs: "tfjs-wasm" } as const satisfies Record<Format, string>;

/** In a browser, the fastest first. */
const peerMarks = ["litert", "onnxruntime-web", "tfjs-wasm"];

/**
 * The reference peer of a comparison: on WebGPU the faster of those that are not Cleave's, in a browser the first of LiteRT.js,
 * onnxruntime-web and tfjs that ran.
 */
export function markOf({ adapter, browser, format = "onnx", peers }: Comparison): PeerResult | undefined {
  if (browser !== undefined)
    return peerMarks.flatMap((name) => peers.find(({ peer }) => peer === name) ?? [])[0];
  if (adapter === undefined) return peers.find(({ peer }) => peer === marks[format]);
  const others = peers.filter(({ peer, counts }) => counts && !isOwn(peer));
  return others.toSorted((a, b) => a.medianMs - b.medianMs)[0];
}

export function isOwn(peer: string): boolean {
  return peer.startsWith("cleave");
}

interface Column {
  readonly title: string;
  readonly cell: (one: PeerResult) => string;
}

/** The columns of a comparison; those with × say how many times as fast a peer is as another. */
function columnsOf(result: Comparison): Column[] {
  const columns = result.browser === undefined ? inNode(result) : inBrowser(result);
  const hasErrors = result.peers.some(({ peer, error }) => error !== undefined && !isInt8(peer));
  return [runtimeColumn, medianColumn, ...columns, ...(hasErrors ? [errorColumn] : []), differenceColumn];
}

/** The columns of the peers of integers, which are compared with the same peers in f32. */
function int8Columns(result: Comparison): Column[] {
  const isInBrowser = result.browser !== undefined;
  const base = result.peers.find(({ peer }) => peer === `litert${int8}`);
  return [
    runtimeColumn,
    medianColumn,
    ...(isInBrowser ? [leastColumn] : []),
    ...(base ? [timesColumn(result, base.peer)] : []),
    {
      title: "× f32",
      cell: ({ peer, medianMs }) => {
        const own = result.peers.find((one) => one.peer === peer.replace(int8, ""));
        return own ? (own.medianMs / medianMs).toFixed(2) : "";
      },
    },
    ...loadColumns,
    ...(isInBrowser ? downloadColumns : sizeColumns),
    errorColumn,
    differenceColumn,
  ];
}

const runtimeColumn: Column = {
  title: "runtime",
  cell: ({ peer, threads }) =>
    peer.replace(/:(\d+)$/, threads > 1 ? ", $1 threads" : ", $1 threads asked for"),
};

const differenceColumn: Column = {
  title: "difference",
  cell: ({ agrees, difference: off }) => `${agrees ? "" : "DIFFERS "}${off.toExponential(1)}`,
};

const errorColumn: Column = {
  title: "error",
  cell: ({ error }) => (error === undefined ? "" : error.toExponential(1)),
};

const leastColumn: Column = { title: "least ms", cell: ({ leastMs }) => milliseconds(leastMs) };

const medianColumn: Column = { title: "median ms", cell: ({ medianMs }) => milliseconds(medianMs) };

const loadColumns: readonly Column[] = [
  { title: "load ms", cell: ({ loadMs }) => loadMs.toFixed(0) },
  { title: "first run ms", cell: ({ firstRunMs }) => firstRunMs.toFixed(0) },
];

function inNode(result: Comparison): Column[] {
  return [
    timesColumn(result, markOf(result)?.peer ?? marks[result.format ?? "onnx"]),
    ...loadColumns,
    ...(result.adapter === undefined ? [] : gpuColumns),
    ...sizeColumns,
  ];
}

const sizeColumns: readonly Column[] = [
  {
    title: "peak MB",
    cell: ({ peakBytes }) => (peakBytes === undefined ? "" : (peakBytes / 1e6).toFixed(0)),
  },
  { title: "module KiB gz", cell: ({ moduleGzipBytes: bytes }) => kibibytes(bytes) },
];

function inBrowser(result: Comparison): Column[] {
  const others = peerMarks.filter((name) => result.peers.some(({ peer }) => peer === name));
  return [
    leastColumn,
    ...others.map((peer) => timesColumn(result, peer)),
    ...loadColumns,
    ...downloadColumns,
  ];
}

const downloadColumns: readonly Column[] = [
  { title: "code KiB", cell: ({ download }) => kibibytes(download?.code.bytes) },
  { title: "gzipped", cell: ({ download }) => kibibytes(download?.code.gzipBytes) },
  { title: "weights MB", cell: ({ download }) => megabytes(download?.weights.bytes) },
  { title: "gzipped", cell: ({ download }) => megabytes(download?.weights.gzipBytes) },
];

function timesColumn({ peers }: Comparison, over: string): Column {
  const base = peers.find(({ peer }) => peer === over);
  return {
    title: `× ${over}`,
    cell: ({ medianMs }) => (base ? (base.medianMs / medianMs).toFixed(2) : ""),
  };
}

/** A time with three digits or so. */
export function milliseconds(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

function kibibytes(bytes: number | undefined): string {
  return bytes === undefined ? "" : (bytes / 1024).toFixed(bytes < 1e6 ? 1 : 0);
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "" : (bytes / 1e6).toFixed(1);
}

/** What a run requests of WebGPU. */
const gpuColumns: readonly Column[] = [
  { title: "dispatches", cell: ({ counts }) => (counts ? String(counts.dispatches) : "") },
  { title: "submits", cell: ({ counts }) => (counts ? String(counts.submits) : "") },
  { title: "pipelines", cell: ({ counts }) => (counts ? String(counts.pipelines) : "") },
  {
    title: "kernel MB",
    cell: ({ counts, kernelBytes }) => {
      if (kernelBytes !== undefined) return (kernelBytes / 1e6).toFixed(1);
      return counts ? `≤ ${(counts.boundBytes / 1e6).toFixed(1)}` : "";
    },
  },
  {
    title: "host KB",
    cell: ({ counts }) => (counts ? ((counts.uploadedBytes + counts.readBytes) / 1e3).toFixed(0) : ""),
  },
];

/** The heads and the rows of a comparison as text, in f32 and in integers; without peers of a kind, its table is empty. */
export function tablesOf(result: Comparison): { readonly f32: string[][]; readonly int8: string[][] } {
  const table = (peers: readonly PeerResult[], columns: readonly Column[]): string[][] =>
    peers.length === 0
      ? []
      : [columns.map(({ title }) => title), ...peers.map((one) => columns.map(({ cell }) => cell(one)))];
  return {
    f32: table(
      result.peers.filter(({ peer }) => !isInt8(peer)),
      columnsOf(result),
    ),
    int8: table(
      result.peers.filter(({ peer }) => isInt8(peer)),
      int8Columns(result),
    ),
  };
}

export function printComparison(result: Comparison): void {
  console.log(
    `${titleOf(result)}; medians of ${result.rounds} turns or fewer, ${whereOf(result)}, ${cpuOf(result)}`,
  );
  const { f32, int8: integers } = tablesOf(result);
  printTable(f32);
  printTable(integers);
  for (const { peer, why } of result.leftOut) console.log(`  ${peer} is left out: ${why}`);
  for (const limit of limitsOf(result)) console.log(`  ${limitText(limit)}`);
  console.log("");
}

function printTable(all: readonly (readonly string[])[]): void {
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  for (const row of all) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(`  ${cells.join("  ")}`);
  }
}

/** `mobilenet_v1, 1×224×224×3, 16.9 MB of weights`, and the adapter. */
export function titleOf({ model, input, weightBytes, adapter }: Comparison): string {
  const size = `${model}, ${input.join("×")}, ${(weightBytes / 1e6).toFixed(1)} MB of weights`;
  return adapter === undefined ? size : `${size}, WebGPU on ${adapter}`;
}

/** The Node or the browser in which the peers ran. */
export function whereOf({ node, browser }: Comparison): string {
  return browser ?? `Node ${node.slice(1)}`;
}

/** The name of the processor, without padding by blanks. */
export function cpuOf({ cpu }: Comparison): string {
  return cpu.replaceAll(/\s+/g, " ").trim();
}

/** The same rows as tables of Markdown. */
export function markdownOf(result: Comparison): string {
  const { f32, int8: integers } = tablesOf(result);
  return [f32, integers].flatMap((rows) => (rows.length === 0 ? [] : [markdownTable(rows)])).join("\n\n");
}

/** Rows, the first of which is the head, as a table of Markdown; all columns except the first `left` are numbers. */
export function markdownTable([head = [], ...rows]: readonly (readonly string[])[], left = 1): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at < left ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A page with a text between two marks in place of what is there. Throws an `Error` if a mark is missing. */
export function between(
  name: string,
  page: string,
  [begin, end]: readonly [string, string],
  text: string,
): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${name} has no ${from < 0 ? begin : end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}
