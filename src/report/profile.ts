// The measured times of a net's kernels, beside what the machine allows.

import { lineText } from "#diagnostic/escape.js";
import type { Shape } from "#ir/type.js";
import { bytesText, countText } from "#ir/units.js";
import type { Counts } from "./counts.js";
import { countsText } from "./counts.js";
import { table } from "./table.js";

/** One kernel, in the order in which they run. */
export interface KernelProfile {
  readonly order: number;
  /** The emitted function. */
  readonly kernel: string;
  readonly ops: readonly ProfiledOp[];
  /** Median over the runs. */
  readonly milliseconds: number;
  /** Of the sum of all kernels. */
  readonly share: number;
  /** Multiply-accumulates of the ops, and those that the kernel does: fewer by Winograd's algorithm, more where strips overlap. */
  readonly macs: number;
  readonly macsDone: number;
  /** 10⁹ floating-point operations a second, two for each of `macs`. */
  readonly gigaflops: number;
  /** Read and written, by the cost model: each tensor once, as if no cache held it. */
  readonly bytes: number;
  /** 10⁹ of those bytes a second. */
  readonly gigabytes: number;
  /** What the roofline allows; absent on a GPU, whose machine is not measured. */
  readonly roofline?: {
    readonly milliseconds: number;
    /** What sets it: arithmetic, memory, or a cache where all that the kernel moves fits one. */
    readonly bound: "compute" | "cache" | "memory";
    /** Of the measured time. */
    readonly share: number;
  };
}

/** An op of a kernel, with the shapes of what it takes, weights included, and of its result. */
export interface ProfiledOp {
  readonly name: string;
  readonly op: string;
  readonly operands: readonly Shape[];
  readonly shape: Shape;
  readonly line?: string;
}

/** What `cleave profile --json` prints. */
export interface ProfileReport {
  readonly name: string;
  readonly target: string;
  /** wgsl: the name of the adapter. */
  readonly adapter?: string;
  readonly threads: number;
  readonly runs: number;
  /** Of this machine, with these threads, and its bandwidth by how many bytes move; absent on a GPU. */
  readonly machine?: {
    readonly macsPerSecond: number;
    readonly bandwidths: readonly { readonly bytes: number; readonly bytesPerSecond: number }[];
  };
  readonly kernels: readonly KernelProfile[];
  readonly counts: Counts;
  /** Median of whole runs, and the sum of the kernels' medians. */
  readonly milliseconds: number;
  readonly kernelMilliseconds: number;
  /** Absent on a GPU. */
  readonly rooflineMilliseconds?: number;
}

/** The report as a table; by time, the slowest kernel comes first. */
export function profileText(report: ProfileReport, sort: "order" | "time" = "order"): string {
  const { name, target, adapter, threads, runs, machine, milliseconds, kernelMilliseconds } = report;
  const kernels =
    sort === "time" ? report.kernels.toSorted((a, b) => b.milliseconds - a.milliseconds) : report.kernels;
  const total = {
    macs: kernels.reduce((sum, { macs }) => sum + macs, 0),
    bytes: kernels.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  const head = [
    "#",
    "kernel",
    "ops",
    "line",
    "ms",
    "share",
    "MACs",
    "GFLOP/s",
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
    ...(one.roofline ? [percent(one.roofline.share), one.roofline.bound] : [one.gigabytes.toFixed(1)]),
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
          `this machine: ${(2e-9 * machine.macsPerSecond).toFixed(1)} GFLOP/s; GB/s by bytes moved: ${machine.bandwidths
            .map(({ bytes, bytesPerSecond }) => `${bytesText(bytes)} ${(1e-9 * bytesPerSecond).toFixed(1)}`)
            .join(", ")}`,
        ]
      : []),
    "",
    table(head, [...rows, last], align.slice(0, head.length)),
    "",
  ].join("\n");
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
