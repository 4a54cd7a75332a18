// The gradient by the input of a window: spreads the gradient by the stride, and slides a window of stride 1 over it.

import type { NodeId } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { channels } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import { spatial } from "#ops/window.js";
import type { GradientBuilder } from "./gradient-builder.js";
import type { Windows } from "./windows.js";
import { placeInZeros } from "./windows.js";

/**
 * Spreads the gradient by the stride, and gives the padding for a window of stride 1 over it. At each element of an input of this size, that
 * window reads all results that had read the element. The padding before is (k − 1) · dilation − padding; a negative one cuts off instead.
 * Undefined if all windows read only padding.
 */
export function spreadBack(
  build: GradientBuilder,
  gradient: NodeId,
  { kernel, stride, dilation, padding }: Windows,
  size: Size,
): { readonly spread: NodeId; readonly padding: Padding } | undefined {
  const [n = 1, height = 1, width = 1, depth = 1] = build.shape(gradient);
  const along = (axis: 0 | 1, count: number): { before: number; after: number; extent: number } => {
    const extent = (count - 1) * stride[axis] + 1;
    const reach = (kernel[axis] - 1) * dilation[axis];
    const before = reach - padding[(2 * axis) as 0 | 2];
    return { before, after: size[axis] - extent - before + reach, extent };
  };
  const [rows, columns] = [along(0, height), along(1, width)];
  const left = (one: typeof rows): number => one.extent + Math.min(0, one.before) + Math.min(0, one.after);
  if (left(rows) < 1 || left(columns) < 1) return undefined;
  const begin = [0, Math.min(0, rows.before), Math.min(0, columns.before), 0];
  return {
    spread: placeInZeros(
      build,
      gradient,
      begin,
      [1, stride[0], stride[1], 1],
      [n, left(rows), left(columns), depth],
    ),
    padding: [
      Math.max(0, rows.before),
      Math.max(0, rows.after),
      Math.max(0, columns.before),
      Math.max(0, columns.after),
    ],
  };
}

/**
 * The gradient by the input, of `shape`, of a depthwise convolution. `turned` is its weights with the taps reversed. Undefined if
 * `spreadBack` is.
 */
export function backThroughDepthwise(
  build: GradientBuilder,
  gradient: NodeId,
  windows: Windows,
  turned: NodeId,
  shape: Shape,
): NodeId | undefined {
  const around = spreadBack(build, gradient, windows, spatial(shape));
  if (!around) return undefined;
  const { spread, padding } = around;
  const each = build.op("depthwise_conv2d", [spread, turned], { dilation: windows.dilation, padding });
  const multiplier = channels(build.shape(each)) / channels(shape);
  if (multiplier === 1) return each;
  return build.reshape(build.sum(build.reshape(each, [...shape, multiplier]), [4]), shape);
}
