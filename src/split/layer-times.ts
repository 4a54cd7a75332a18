// The times of the layers of a net, from the times of its kernels.

import { elements } from "#ir/type.js";
import type { KernelProfile, ProfiledOp } from "#report/profile.js";

/**
 * Seconds by the names of layers. The convolutions into which a layer was split have names that begin with its name. The time of a kernel
 * with several layers is divided by their multiply-accumulates. Ops that are fused with a layer count as part of it.
 */
export function layerTimes(
  kernels: readonly KernelProfile[],
  layers: readonly string[],
): Map<string, number> {
  const names = new Set(layers);
  const times = new Map<string, number>();
  for (const { ops, milliseconds } of kernels) {
    const macs = new Map<string, number>();
    for (const op of ops) {
      const layer = layerOf(op, names);
      if (layer !== undefined) macs.set(layer, (macs.get(layer) ?? 0) + macsOf(op));
    }
    const all = [...macs.values()].reduce((sum, one) => sum + one, 0);
    for (const [layer, own] of macs)
      times.set(layer, (times.get(layer) ?? 0) + (milliseconds / 1000) * (own / all));
  }
  return times;
}

function layerOf({ name, op }: ProfiledOp, layers: ReadonlySet<string>): string | undefined {
  if (op !== "conv2d" && op !== "depthwise_conv2d") return undefined;
  // The longest name that fits: a layer may be named like a part of another one.
  for (let end = name.length; end > 0; end = name.lastIndexOf(".", end - 1)) {
    const start = name.slice(0, end);
    if (layers.has(start)) return start;
  }
  return undefined;
}

/** The operands are the input and the weights [kh, kw, ci / groups, co] of a convolution. */
function macsOf({ operands: [, weights = []], op, shape }: ProfiledOp): number {
  const depth = op === "conv2d" ? (weights[2] ?? 1) : 1;
  return Math.max(1, elements(weights.slice(0, 2)) * depth * elements(shape));
}
