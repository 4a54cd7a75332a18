// How many ops became how many kernels, counted and worded in the same way in all reports.

import type { Graph } from "#ir/graph.js";
import { plural } from "#ir/units.js";
import { opCount } from "#inspect/cost.js";

/** The counts, as `counts` in `--json`. */
export interface Counts {
  /** Ops of the model as written: nodes that are neither inputs nor constants. */
  readonly ops: number;
  /** Kernels that a run launches. Kernels that share code count separately. */
  readonly kernels: number;
  /** Kernels that are launched once, when the net is loaded. */
  readonly setup: number;
}

/** The counts from a model as written and the kernel counts of its artifact or program. */
export function countsOf(written: Graph, { kernels, setup }: Omit<Counts, "ops">): Counts {
  return { ops: opCount(written), kernels, setup };
}

/** `35 ops → 10 kernels, and 4 once at load`. */
export function countsText({ ops, kernels, setup }: Counts): string {
  return `${plural(ops, "op")} → ${plural(kernels, "kernel")}${setup === 0 ? "" : `, and ${setup} once at load`}`;
}
