// How many operators became how many kernels, in the same words wherever that is said.

import type { Graph } from "#ir/graph.js";
import { plural } from "#ir/units.js";
import { opCount } from "#inspect/cost.js";

/** What `--json` prints as `counts`. */
export interface Counts {
  /** Operators of the model as written: nodes that are neither inputs nor constants. */
  readonly ops: number;
  /** Kernels that a run launches. Those that a kernel's code is shared by count each. */
  readonly kernels: number;
  /** Kernels that are launched once, while the net is loaded. */
  readonly setup: number;
}

/** The counts of a model as written, and of the artifact, or whatever counts its kernels, that was made of it. */
export function countsOf(written: Graph, { kernels, setup }: Omit<Counts, "ops">): Counts {
  return { ops: opCount(written), kernels, setup };
}

/** `35 ops → 10 kernels, and 4 once at load`. */
export function countsText({ ops, kernels, setup }: Counts): string {
  return `${plural(ops, "op")} → ${plural(kernels, "kernel")}${setup === 0 ? "" : `, and ${setup} once at load`}`;
}
