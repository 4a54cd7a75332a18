// The WebGPU target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";
import { wgslTile } from "#kernel/tile.js";
import { guaranteedLimits } from "./limits.js";
import type { Limits } from "./limits.js";

/**
 * The target for devices with these limits; the costs are those of a middling GPU, and only ratios matter: what a dispatch costs in a
 * browser is worth 25 million multiply-accumulates. Software adapters have other ratios (lavapipe on two cores: 4e9 multiply-accumulates
 * a second and 1e-4 s a dispatch), but one module serves all.
 */
export function wgslTargetFor(limits: Limits): Target {
  return {
    name: "wgsl",
    lanes: 4,
    scratchBytes: limits.maxComputeWorkgroupStorageSize,
    denseMacs: 1e12,
    depthwiseMacs: 250e9,
    bytes: 125e9,
    launch: 25e-6,
    chains: ["separable", "separable_pointwise", "pooled_dense"],
    addsProducts: true,
    pixelTiles: { rows: wgslTile.rows, columns: wgslTile.columns, items: wgslTile.team },
    buffers: { bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) },
  };
}

/** For every WebGPU device. */
export const wgslTarget: Target = wgslTargetFor(guaranteedLimits);
