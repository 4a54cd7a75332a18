// The measured times of a net's kernels, beside what the machine allows.

import { bytesText, countText } from "#ir/units.js";
import { table } from "./table.js";

/** One kernel, in the order in which they run. */
export interface KernelProfile {
  readonly order: number;
  /** The emitted function. */
  readonly kernel: string;
  readonly ops: readonly { readonly name: string; readonly op: string; readonly line?: string }[];
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
  /** What the roofline allows. */
  readonly roofline: {
    readonly milliseconds: number;
    readonly bound: "compute" | "memory";
    /** Of the measured time; over 1 where caches hold what the model takes from memory. */
    readonly share: number;
  };
}

/** What `cleave profile --json` prints. */
export interface ProfileReport {
  readonly name: string;
  readonly target: string;
  readonly threads: number;
  readonly runs: number;
  /** Of this machine, with these threads. */
  readonly machine: { readonly macsPerSecond: number; readonly bytesPerSecond: number };
  readonly kernels: readonly KernelProfile[];
  /** Median of whole runs, and the sum of the kernels' medians. */
  readonly milliseconds: number;
  readonly kernelMilliseconds: number;
  readonly rooflineMilliseconds: number;
}

/** The report as a table; by time, the slowest kernel comes first. */
export function profileText(report: ProfileReport, sort: "order" | "time" = "order"): string {
  const { name, target, threads, runs, machine, milliseconds, kernelMilliseconds, rooflineMilliseconds } =
    report;
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
    "of roofline",
    "bound by",
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
    percent(one.roofline.share),
    one.roofline.bound,
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
    percent(rooflineMilliseconds / kernelMilliseconds),
    "",
  ];
  const right = "right" as const;
  const left = "left" as const;
  const align = [right, left, left, left, right, right, right, right, right, right, left];
  return [
    `${name} on ${target}, ${threads === 1 ? "1 thread" : `${threads} threads`}: ${milliseconds.toFixed(3)} ms a run, the median of ${runs}`,
    `this machine: ${(2e-9 * machine.macsPerSecond).toFixed(1)} GFLOP/s, ${(1e-9 * machine.bytesPerSecond).toFixed(1)} GB/s`,
    "",
    table(head, [...rows, last], align),
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
