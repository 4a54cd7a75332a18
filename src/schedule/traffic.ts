// What each kernel reads and writes, and how much the run has used since it last used that: it says which cache may still have it.

import { bytesOf } from "#ir/target.js";
import { channels, elements } from "#ir/type.js";
import type { KernelCost } from "./kernel-cost.js";
import { bytesOfSource, kernelCost, sourcesOf } from "./kernel-cost.js";
import type { Schedule, View } from "./schedule.js";

/** Bytes that a kernel reads or writes. */
export interface Traffic {
  readonly bytes: number;
  /** Bytes that the run has used since it last used these, and these themselves: a cache that holds as many may still have them. */
  readonly distance: number;
}

/**
 * The cost and the traffic of each kernel, in order. The distances are those of Mattson et al. 1970 (https://doi.org/10.1147/sj.92.0078),
 * by kernel. The run before used the weights; a tensor was used by the kernel that wrote it, or the last one that read it. A kernel itself
 * uses its result, and what its strips read again.
 */
export function trafficOf(
  schedule: Schedule,
): { readonly cost: KernelCost; readonly traffic: readonly Traffic[] }[] {
  const kernels = schedule.groups.map((group) => {
    const cost = kernelCost(schedule, group);
    const read = sourcesOf(schedule, group).flatMap((source) => (source.kind === "view" ? [source] : []));
    const views = [...read.map(({ view }) => view), group.output];
    return { cost, read, views, used: cost.bytesRead + cost.bytesWritten };
  });
  const run = kernels.reduce((sum, { used }) => sum + used, 0);
  return kernels.map(({ cost, read, used }, at) => {
    const tensors = read.map((source): Traffic => {
      let distance = used;
      for (const before of kernels.slice(0, at).toReversed()) {
        if (before.views.some((view) => overlap(view, source.view))) break;
        distance += before.used;
      }
      return { bytes: bytesOfSource(source, schedule.target), distance };
    });
    const once = tensors.reduce((sum, { bytes }) => sum + bytes, cost.weightBytes);
    const traffic = [
      ...tensors,
      { bytes: cost.weightBytes, distance: run },
      { bytes: used - once, distance: used },
    ];
    return { cost, traffic: traffic.filter(({ bytes }) => bytes > 0) };
  });
}

function overlap(a: View, b: View): boolean {
  return a.arena === b.arena && startOf(a) < endOf(b) && startOf(b) < endOf(a);
}

/** The first byte of a view in its arena, and the one after its last. */
function startOf({ offset, element }: View): number {
  return offset * bytesOf(element);
}

function endOf({ type: { shape }, offset, stride, element }: View): number {
  return (offset + (elements(shape) / channels(shape)) * stride) * bytesOf(element);
}
