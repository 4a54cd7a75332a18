// A table of a module's slowest kernels, for the page of the benchmarks.

import type { KernelProfile, ProfileReport, ProfiledOp } from "../src/index.js";
import { profileText } from "../src/index.js";
import { boundText } from "../src/report/profile.js";

/** Kernels in the table. */
const most = 10;

export function printProfile(report: ProfileReport): void {
  console.log(profileText(report, "time"));
}

/** The head, the slowest kernels, the other kernels as one row, and the sum. */
export function profileRows({
  kernels,
  kernelMilliseconds,
  rooflineMilliseconds = 0,
  machine,
}: ProfileReport): string[][] {
  const slowest = kernels.toSorted((a, b) => b.milliseconds - a.milliseconds);
  const rest = slowest.slice(most);
  const sum = (part: readonly KernelProfile[], of: (one: KernelProfile) => number): number =>
    part.reduce((all, one) => all + of(one), 0);
  const row = (title: string, ops: string, part: readonly KernelProfile[], bound: string): string[] => {
    const milliseconds = sum(part, (one) => one.milliseconds);
    const macs = sum(part, (one) => one.macs);
    const allowed = sum(part, ({ roofline }) => roofline?.milliseconds ?? 0);
    return [
      title,
      ops,
      bound,
      milliseconds.toFixed(3),
      percent(milliseconds / kernelMilliseconds),
      macs > 0 ? ((2e-6 * macs) / milliseconds).toFixed(1) : "",
      ((1e-6 * sum(part, ({ bytes }) => bytes)) / milliseconds).toFixed(1),
      percent(allowed / milliseconds),
    ];
  };
  return [
    [
      "kernel",
      "ops",
      "bound by",
      "ms",
      "share",
      machine?.integers ? "GOP/s" : "GFLOP/s",
      "GB/s",
      "of roofline",
    ],
    ...slowest
      .slice(0, most)
      .map((one) => row(one.kernel, kernelText(one), [one], one.roofline ? boundText(one.roofline) : "")),
    ...(rest.length > 0 ? [row(`${rest.length} more`, "", rest, "")] : []),
    row(`all ${kernels.length}`, `${rooflineMilliseconds.toFixed(2)} ms by the roofline`, kernels, ""),
  ];
}

/** `conv2d 1×1×16×32, 320×320×16 → 320×320×32, hard_swish`: each op, its large operand, and the shapes in between where they change. */
export function kernelText({ ops }: Pick<KernelProfile, "ops">): string {
  const [first] = ops;
  const input = first?.operands[0];
  let last = input?.join("×") ?? "";
  const steps = ops.map((op) => {
    const shape = op.shape.join("×");
    const text = `${op.op}${weightText(op)}${shape === last ? "" : ` → ${shape}`}`;
    last = shape;
    return text;
  });
  return `${input ? `${input.join("×")}: ` : ""}${steps.join(", ")}`;
}

/** The shape of a convolution's or product's weights. */
function weightText({ op, operands: [, weight] }: ProfiledOp): string {
  return weight && /conv|dense|matmul/.test(op) ? ` ${weight.join("×")}` : "";
}

function percent(part: number): string {
  return `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)}%`;
}
