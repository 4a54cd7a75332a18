// The WebGPU target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";
import { wgslTile } from "#kernel/part/tile.js";
import type { AdapterClass } from "./adapter.js";
import { guaranteedLimits } from "./limits.js";
import type { Limits } from "./limits.js";

/**
 * What is particular to a class. Costs of `gpu` are those of a middling GPU, where a dispatch in a browser is worth 25 million
 * multiply-accumulates; only ratios matter. Rasterisers on a CPU (measured: lavapipe 25 and SwiftShader 5, two cores of Zen 3) gain
 * nothing by keeping values in workgroup memory, which is memory like all other, and SwiftShader takes 1.5 s to compile a shader with
 * 16 KiB of it, since it writes the zeros that WebGPU wants there out one by one. Load and first run, then the least of a run, in ms:
 *
 *     class       MobileNetV1 SwiftShader   lavapipe          MobileNetV2 SwiftShader   lavapipe
 *     gpu                      4960  1100   995   145                      8890   960   2615    98
 *     software                  980   770   811   137                       890   610   1280    93
 *
 * Tiles of 4×8 sums are 15% slower there, 4×4 1.6 times, and 32 items a block as fast as 64: so both classes have one tile.
 */
const classes: Readonly<
  Record<AdapterClass, Pick<Target, "denseMacs" | "depthwiseMacs" | "bytes" | "launch" | "chains">>
> = {
  gpu: {
    denseMacs: 1e12,
    depthwiseMacs: 250e9,
    bytes: 125e9,
    launch: 25e-6,
    chains: { stages: 3, keeps: ["pixels"] },
  },
  software: { denseMacs: 4e9, depthwiseMacs: 1e9, bytes: 10e9, launch: 1e-4 },
};

/** The target for devices with these limits, most of them of a class. */
export function wgslTargetFor(limits: Limits, adapter: AdapterClass = "gpu"): Target {
  return {
    name: "wgsl",
    lanes: 4,
    scratchBytes: limits.maxComputeWorkgroupStorageSize,
    ...classes[adapter],
    addsProducts: true,
    pixelTiles: { rows: wgslTile.rows, columns: wgslTile.columns, items: wgslTile.team },
    buffers: { bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) },
  };
}

/** For every WebGPU device. */
export const wgslTarget: Target = wgslTargetFor(guaranteedLimits);
