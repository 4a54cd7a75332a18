// Schedules a module from any source. Kernels that the target cannot run as planned never reach the scheduler.

import { checkKernels } from "#passes/fuse/check-kernels.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Schedule } from "#schedule/schedule.js";
import { schedule } from "#schedule/schedule-graph.js";

/** The schedule of a module. The ops of an invalid kernel (such as one of an edited dump) run one by one. */
export function scheduleModule(module: Module, target: Target): Schedule {
  return schedule({ graph: checkKernels(module, target).graph, weights: module.weights }, target);
}
