// The report on the measured times of a net's kernels, compared with the limits of the machine.

import { lineText } from "#diagnostic/escape.js";
import type { Shape } from "#ir/type.js";
import { bytesText, countText } from "#ir/units.js";
import type { Counts } from "./counts.js";
import { countsText } from "./counts.js";
import { table } from "./table.js";

/** One kernel, in the order in which they run. */
export interface KernelProfile {
  readonly order: number;
  /** The name of the emitted function. */
  readonly kernel: string;
  readonly ops: readonly ProfiledOp[];
  /** The median over the runs. */
  readonly milliseconds: number;
  /** Its share of the sum over all kernels. */
  readonly share: number;
  /** Multiply-accumulates of the ops, and those that the kernel computes: fewer with Winograd's algorithm, more if strips overlap. */
  readonly macs: number;
  readonly macsDone: number;
  /** Those of the latter that are products of integers. */
  readonly integerMacs: number;
  /** 10⁹ operations per second, two for each of `macs`, whether of integers or not. */
  readonly gigaflops: number;
  /** Bytes read and written, by the cost model: each tensor counts once, as if it were not in a cache. */
  readonly bytes: number;
  /** 10⁹ of those bytes per second. */
  readonly gigabytes: number;
  /** The roofline of the kernel; absent on a GPU, which is not measured. */
  readonly roofline?: {
    readonly milliseconds: number;
    /** The limiting resource: arithmetic, memory, or a cache that may still have most of what the kernel reads. */
    readonly bound: "compute" | "cache" | "memory";
    /** If that is a cache: the size of the arrays of `bandwidths` that are as fast. */
    readonly cacheBytes?: number;
    /** The least time, relative to the measured time. */
    readonly share: number;
  };
}

/** An op of a kernel, with the shapes of its operands, including weights, and of its result. */
export interface ProfiledOp {
  readonly name: string;
  readonly op: string;
  readonly operands: readonly Shape[];
  readonly shape: Shape;
  readonly line?: string;
}

/** The output of `cleave profile --json`. */
export interface ProfileReport {
  readonly name: string;
  readonly target: string;
  /** The name of the adapter, for the target wgsl. */
  readonly adapter?: string;
  readonly threads: number;
  readonly runs: number;
  /** The rates of this machine with these threads, with the bandwidth by size of the arrays; absent on a GPU. */
  readonly machine?: {
    readonly macsPerSecond: number;
    /** Of products of integers of 8 bits, by the instruction of WebAssembly: see `IntegerRates`; present if the net has some. */
    readonly integers?: { readonly pairs: number; readonly fours?: number };
    readonly bandwidths: readonly { readonly bytes: number; readonly bytesPerSecond: number }[];
  };
  readonly kernels: readonly KernelProfile[];
  readonly counts: Counts;
  /** The median time of whole runs, and the sum of the medians of kernels. */
  readonly milliseconds: number;
  readonly kernelMilliseconds: number;
  /** Absent on a GPU. */
  readonly rooflineMilliseconds?: number;
}

/** The report as a table; sorted by time, the slowest kernel is first. */
export function profileText(report: ProfileReport, sort: "order" | "time" = "order"): string {
  const { name, target, adapter, threads, runs, machine, milliseconds, kernelMilliseconds } = report;
  const kernels =
    sort === "time" ? report.kernels.toSorted((a, b) => b.milliseconds - a.milliseconds) : report.kernels;
  const total = {
    macs: kernels.reduce((sum, { macs }) => sum + macs, 0),
    bytes: kernels.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  const hasIntegers = kernels.some(({ integerMacs }) => integerMacs > 0);
  const head = [
    "#",
    "kernel",
    "ops",
    "line",
    "ms",
    "share",
    "MACs",
    hasIntegers ? "GOP/s" : "GFLOP/s",
    "bytes",
    ...(machine ? ["of roofline", "bound by"] : ["GB/s"]),
  ];
  const rows = kernels.map((one) => [
    String(one.order),
    one.kernel,
    opsText(one),
    linesText(one),
    one.milliseconds.toFixed(3),
    percent(one.share),
    countText(one.macs),
    one.macs > 0 ? one.gigaflops.toFixed(1) : "",
    bytesText(one.bytes),
    ...(one.roofline ? [percent(one.roofline.share), boundText(one.roofline)] : [one.gigabytes.toFixed(1)]),
  ]);
  const last = [
    "",
    "all",
    "",
    "",
    kernelMilliseconds.toFixed(3),
    "",
    countText(total.macs),
    ((2e-6 * total.macs) / kernelMilliseconds).toFixed(1),
    bytesText(total.bytes),
    ...(machine
      ? [percent((report.rooflineMilliseconds ?? 0) / kernelMilliseconds), ""]
      : [((1e-6 * total.bytes) / kernelMilliseconds).toFixed(1)]),
  ];
  const right = "right" as const;
  const left = "left" as const;
  const align = [right, left, left, left, right, right, right, right, right, right, left];
  const where = adapter ?? (threads === 1 ? "1 thread" : `${threads} threads`);
  return [
    `${lineText(name)} on ${target}, ${where}: ${milliseconds.toFixed(3)} ms a run, the median of ${runs}`,
    countsText(report.counts),
    ...(machine
      ? [
          `this machine: ${(2e-9 * machine.macsPerSecond).toFixed(1)} GFLOP/s${integersText(machine)}; GB/s by bytes moved: ${machine.bandwidths
            .map(({ bytes, bytesPerSecond }) => `${bytesText(bytes)} ${(1e-9 * bytesPerSecond).toFixed(1)}`)
            .join(", ")}`,
        ]
      : []),
    "",
    table(head, [...rows, last], align.slice(0, head.length)),
    "",
  ].join("\n");
}

/** `, 94.4 GOP/s of integers (dot_i16x8_s 94.4, relaxed_dot 94.0)`. */
function integersText({ integers }: Exclude<ProfileReport["machine"], undefined>): string {
  if (!integers) return "";
  const { pairs, fours } = integers;
  const rate = (one: number): string => (2e-9 * one).toFixed(1);
  const each = fours === undefined ? "" : `, relaxed_dot_i8x16_i7x16_add_s ${rate(fours)}`;
  return `, ${rate(Math.max(pairs, fours ?? 0))} GOP/s of integers (dot_i16x8_s ${rate(pairs)}${each})`;
}

/** `compute`, or `cache of 1.50 MiB`. */
export function boundText({ bound, cacheBytes }: Exclude<KernelProfile["roofline"], undefined>): string {
  return cacheBytes === undefined ? bound : `${bound} of ${bytesText(cacheBytes)}`;
}

/** `s1.conv2d + 2 more`. */
function opsText({ ops }: KernelProfile): string {
  const [first] = ops;
  return `${first?.name ?? ""}${ops.length > 1 ? ` + ${ops.length - 1} more` : ""}`;
}

/** `model.net:5,7` of lines such as `model.net:5: y = …`. */
function linesText({ ops }: KernelProfile): string {
  const numbers = new Map<string, Set<string>>();
  for (const { line = "" } of ops) {
    const [, file, number] = /^(.*?):(\d+): /.exec(line) ?? [];
    if (file !== undefined && number !== undefined)
      numbers.set(file, (numbers.get(file) ?? new Set()).add(number));
  }
  return [...numbers].map(([file, own]) => `${file}:${[...own].join(",")}`).join(" ");
}

function percent(part: number): string {
  return `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)}%`;
}
