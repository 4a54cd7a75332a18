// Scheduling a module from anywhere: kernels that the target cannot have as they are planned never reach the scheduler.

import { checkKernels } from "#passes/fuse.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Schedule } from "#schedule/schedule.js";
import { schedule } from "#schedule/schedule-graph.js";

/** The schedule of a module; ops of a wrong kernel (of a dump that was edited, say) run one by one. */
export function scheduleModule(module: Module, target: Target): Schedule {
  return schedule({ graph: checkKernels(module, target).graph, weights: module.weights }, target);
}
