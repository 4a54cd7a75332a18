// The report on the kernels of a schedule: the ops of each, its template, its cost, and the reasons, as text and JSON.

import { given } from "#diagnostic/given.js";
import { lineText } from "#diagnostic/escape.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { bytesText, countText, timeText } from "#ir/units.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import type { Tile } from "#kernel/part/tile.js";
import type { FuseReport } from "#passes/fuse.js";
import { arenaText, describeGroup, whyFused } from "#schedule/describe.js";
import type { KernelCost } from "#schedule/kernel-cost.js";
import { kernelCost } from "#schedule/kernel-cost.js";
import type { ConvolutionChoice, Group, Schedule } from "#schedule/schedule.js";
import { arenaElements } from "#ir/arenas.js";
import type { Counts } from "./counts.js";
import { countsOf, countsText } from "./counts.js";

/** One kernel, in the order in which they run. */
interface KernelReport {
  /** The name of the emitted function: the template and the shape of the result. Kernels that differ only in weights share a function. */
  readonly template: string;
  readonly ops: readonly { readonly name: string; readonly op: string; readonly line?: string }[];
  /** The fusion that joined its ops, and the reason. */
  readonly fusion?: string;
  readonly reason?: string;
  /** Fusions that describe a longer chain through this kernel, and the reason why that chain is not one kernel. */
  readonly notFused: readonly {
    readonly fusion: string;
    readonly ops: readonly string[];
    readonly reason: string;
  }[];
  /** Independent blocks, and bytes of scratch of each. */
  readonly blocks: number;
  readonly scratchBytes: number;
  readonly cost: KernelCost;
  /** For a 3×3 convolution: how it is computed, and the costs of the other ways. */
  readonly convolution?: Omit<ConvolutionChoice, "node">;
}

/** The output of `cleave explain --schedule --json`. */
export interface ScheduleReport {
  readonly name: string;
  readonly target: string;
  readonly tile: Tile;
  readonly kernels: readonly KernelReport[];
  readonly counts: Counts;
  readonly arenaBytes: number;
  /** The most bytes that are live at one time: a lower bound of any memory plan with this order. */
  readonly arenaBoundBytes: number;
  readonly seconds: number;
}

type Refusal = FuseReport["refusals"][number];

export interface ScheduleSources {
  /** The model as written. */
  readonly written: Graph;
  readonly schedule: Schedule;
  /** The program of the schedule, with this tile: a launch for each group. */
  readonly program: KernelProgram;
  readonly tile: Tile;
  /** The report of the fuse pass; absent if it did not run. */
  readonly fused?: FuseReport;
  /** `model.net:5: y = …` of a span. */
  readonly lineOf: (span: Span | undefined) => string | undefined;
}

/** The report on a schedule. */
export function explainSchedule(sources: ScheduleSources): ScheduleReport {
  const { schedule, tile, fused } = sources;
  const refusals = new Map<NodeId, Refusal[]>();
  for (const refusal of fused?.refusals ?? []) {
    for (const { id } of refusal.nodes) {
      const list = refusals.get(id);
      if (list) list.push(refusal);
      else refusals.set(id, [refusal]);
    }
  }
  const kernels = schedule.groups.map((group, at) => {
    const own = new Set(group.nodes.flatMap((id) => refusals.get(id) ?? []));
    return reportOn(sources, group, at, [...own]);
  });
  return {
    name: schedule.graph.name,
    target: schedule.target.name,
    tile,
    kernels,
    counts: countsOf(sources.written, {
      kernels: sources.program.launches.length,
      setup: sources.program.setup.length,
    }),
    arenaBytes: 4 * arenaElements(schedule),
    arenaBoundBytes: 4 * schedule.arenaBound,
    seconds: kernels.reduce((sum, { cost }) => sum + cost.seconds, 0),
  };
}

function reportOn(
  { schedule, program, fused, lineOf }: ScheduleSources,
  group: Group,
  at: number,
  refusals: readonly Refusal[],
): KernelReport {
  const { graph } = schedule;
  const launch = program.launches[at];
  const kernel = launch && program.kernels[launch.kernel];
  const choice = fused?.convolutions.find(({ node }) => group.nodes.includes(node));
  return {
    template: kernel?.name ?? "",
    ops: group.nodes.map((id) => {
      const { name, op, origin } = nodeOf(graph, id);
      const line = lineOf(origin.spans[0]);
      return { name, op, ...given({ line }) };
    }),
    ...whyFused(graph, group.nodes, group.plan),
    notFused: refusals.map(({ fusion, nodes, reason }) => ({
      fusion,
      ops: nodes.map((node) => node.name),
      reason,
    })),
    blocks: kernel?.grid.count ?? 0,
    scratchBytes: 4 * (kernel?.scratch ?? 0),
    cost: kernelCost(schedule, group),
    ...given({ convolution: choice && withoutNode(choice) }),
  };
}

function withoutNode(choice: ConvolutionChoice): Omit<ConvolutionChoice, "node"> {
  const { node: _, ...convolution } = choice;
  return convolution;
}

/** The report as text: a paragraph for each kernel, then totals. */
export function explainScheduleText(report: ScheduleReport, schedule: Schedule): string {
  const { tile, target, seconds } = report;
  return [
    `${lineText(report.name)}: kernels for ${target}, tile of ${tile.rows}×${tile.columns} sums, blocks of ${tile.blockPixels} pixels, strips of ${tile.stripRows} rows at most`,
    ...report.kernels.flatMap((kernel, at) => kernelLines(kernel, schedule, at)),
    "",
    `${countsText(report.counts)}; ${arenaText(schedule)}, modelled ${timeText(seconds)}`,
    "",
  ].join("\n");
}

function kernelLines(kernel: KernelReport, schedule: Schedule, at: number): string[] {
  const { cost, fusion, reason } = kernel;
  const group = schedule.groups[at];
  const lines = new Set(kernel.ops.flatMap(({ line }) => (line === undefined ? [] : [line])));
  const why =
    fusion === undefined
      ? "one op, not fused"
      : `fused by ${fusion}${reason === undefined || reason === "" ? "" : `: ${reason}`}`;
  const work = [
    ...(cost.macs > 0 ? [`${countText(cost.macs)} MACs`] : []),
    ...(cost.steps > 0 ? [`${countText(cost.steps)} elementwise results`] : []),
  ];
  const text = [
    "",
    `kernel ${at} ${kernel.template}: ${why}`,
    ...[...lines].map((line) => `  from ${line}`),
    ...(group ? describeGroup(schedule, group) : []),
    `  in ${countText(kernel.blocks)} block${kernel.blocks === 1 ? "" : "s"}${kernel.scratchBytes > 0 ? ` with ${bytesText(kernel.scratchBytes)} of scratch` : ""}`,
    `  cost ${[`reads ${bytesText(cost.bytesRead)}`, `writes ${bytesText(cost.bytesWritten)}`, ...work].join(", ")}`,
    `  modelled ${timeText(cost.seconds)} (computing ${timeText(cost.computeSeconds)}, memory ${timeText(cost.memorySeconds)})`,
    ...(kernel.convolution ? [`  ${convolutionText(kernel.convolution)}`] : []),
    ...kernel.notFused.map((one) => `  not fused by ${one.fusion} as ${one.ops.join(" → ")}: ${one.reason}`),
  ];
  return text.map(lineText);
}

/** `3×3 in Winograd tiles of 4×4: 1.2 ms, 576 KiB of transformed weights; 2×2 2 ms, 256 KiB; direct 4 ms`, or the reason for the direct way. */
function convolutionText({ size, reason, directSeconds, costs }: Omit<ConvolutionChoice, "node">): string {
  if (directSeconds === undefined) return `3×3 directly: ${reason}`;
  const text = (cost: (typeof costs)[number]): string =>
    `${timeText(cost.seconds)} with ${bytesText(cost.bytes)} of transformed weights`;
  const all = costs.map((cost) => `${cost.size}×${cost.size} ${text(cost)}`);
  const others = all.filter((_, at) => costs[at]?.size !== size).join(", ");
  const chosen = costs.find((cost) => cost.size === size);
  const [way, own, last] = chosen
    ? [`in Winograd tiles of ${size}×${size}`, text(chosen), `direct ${timeText(directSeconds)}`]
    : ["directly", timeText(directSeconds), reason];
  return `3×3 ${way}: modelled ${[own, others, last].filter((part) => part !== "").join("; ")}`;
}
