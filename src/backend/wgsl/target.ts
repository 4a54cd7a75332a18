// The WebGPU target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";
import { wgslTile } from "#kernel/part/tile.js";
import type { AdapterClass } from "./adapter.js";
import { guaranteedLimits } from "./limits.js";
import type { Limits } from "./limits.js";

/**
 * What differs between the classes. The costs of `gpu` are those of a mid-range GPU, where a dispatch in a browser costs as much as 25
 * million multiply-accumulates; only ratios matter. Rasterisers on a CPU (measured: lavapipe 25 and SwiftShader 5, two cores of Zen 3) gain
 * nothing by keeping values in workgroup memory, which is ordinary memory there, and SwiftShader takes 1.5 s to compile a shader with 16
 * KiB of it, because it writes the zeros that WebGPU requires there one by one. Load and first run, then the fastest run, in ms:
 *
 *     class       MobileNetV1 SwiftShader   lavapipe          MobileNetV2 SwiftShader   lavapipe
 *     gpu                      4960  1100   995   145                      8890   960   2615    98
 *     software                  980   770   811   137                       890   610   1280    93
 *
 * Tiles of 4×8 sums are 15% slower there, 4×4 take 1.6 times as long, and 32 items a block are as fast as 64, so both classes have the same
 * tile.
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

/** The target for devices with these limits, most of which are of one class. */
export function wgslTargetFor(limits: Limits, adapter: AdapterClass = "gpu"): Target {
  return {
    name: "wgsl",
    lanes: 4,
    scratchBytes: limits.maxComputeWorkgroupStorageSize,
    ...classes[adapter],
    // A page gets a buffer of the GPU some frames of work later: about 2 ms after the last kernel.
    answer: 2e-3,
    addsProducts: true,
    integers: true,
    words: true,
    pixelTiles: { rows: wgslTile.rows, columns: wgslTile.columns, items: wgslTile.team },
    buffers: { bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) },
  };
}

/** The target for every WebGPU device. */
export const wgslTarget: Target = wgslTargetFor(guaranteedLimits);
