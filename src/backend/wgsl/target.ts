// The WebGPU target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";
import { guaranteedLimits } from "./limits.js";
import type { Limits } from "./limits.js";

/** The target for devices with these limits; the costs are those of an integrated GPU, and only ratios matter. */
export function wgslTargetFor(limits: Limits): Target {
  return {
    name: "wgsl",
    lanes: 4,
    scratchBytes: limits.maxComputeWorkgroupStorageSize,
    denseMacs: 400e9,
    depthwiseMacs: 100e9,
    bytes: 50e9,
    launch: 5e-6,
    buffers: { bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) },
  };
}

/** For every WebGPU device. */
export const wgslTarget: Target = wgslTargetFor(guaranteedLimits);
