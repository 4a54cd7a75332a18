// Scheduling a module from anywhere: kernels that the target cannot have as they are labelled never reach the scheduler.

import { checkKernels } from "#passes/fuse.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Schedule } from "#schedule/schedule.js";
import { schedule } from "#schedule/schedule-graph.js";
import type { WinogradOptions } from "#schedule/winograd.js";

/** The schedule of a module; ops of a wrong kernel (of a dump that was edited, say) run one by one. */
export function scheduleModule(
  { graph, weights }: Module,
  target: Target,
  options: WinogradOptions = {},
): Schedule {
  return schedule({ graph: checkKernels(graph, target).graph, weights }, target, options);
}
