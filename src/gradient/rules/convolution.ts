// Gradients of convolutions. By the input: a convolution of the gradient with the weights reversed. By the weights: a product of the patches
// with the gradient.

import type { NodeId, NodeOf } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { channels } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import { explicitPadding, spatial } from "#ops/window.js";
import type { GradientBuilder } from "../gradient-builder.js";
import type { Windows } from "../windows.js";
import { seenByTaps, sliced, tapsOf } from "../windows.js";
import { backThroughDepthwise, spreadBack } from "../back-through-window.js";
import type { Backward, Rule } from "../rule.js";

type Convolution = NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d">;

export const convolutionRule: Rule<"conv2d"> = (backward) => {
  const { build, node, gradient, needs } = backward;
  const [x = 0] = node.inputs;
  const windows = windowsOf(build, node);
  const { groups } = node.attributes;
  return [
    needs(0) ? inputGradient(backward, windows, groups) : undefined,
    needs(1) ? weightGradient(build, x, gradient, windows, groups) : undefined,
    needs(2) ? biasGradient(build, gradient) : undefined,
  ];
};

export const depthwiseRule: Rule<"depthwise_conv2d"> = ({ build, node, gradient, needs }) => {
  const [x = 0, w = 0] = node.inputs;
  const windows = windowsOf(build, node);
  return [
    needs(0) ? backThroughDepthwise(build, gradient, windows, reversed(build, w), build.shape(x)) : undefined,
    needs(1) ? depthwiseWeightGradient(build, x, gradient, windows) : undefined,
    needs(2) ? biasGradient(build, gradient) : undefined,
  ];
};

/** y = convᵀ(x, w): by x it is the convolution; by w it is that of the convolution, with x and the gradient exchanged. */
export const transposedRule: Rule<"conv2d_transpose"> = ({ build, node, gradient, needs }) => {
  const [x = 0, w = 0] = node.inputs;
  const { stride, dilation, padding, groups } = node.attributes;
  const kernel = kernelSize(build.shape(w));
  const windows: Windows = { kernel, stride, dilation, padding: padding as Padding };
  const [n = 1, height = 1, width = 1, depth = 1] = build.shape(x);
  const toInput = (): NodeId => {
    const turned = exchanged(build, w, groups);
    const attributes = { stride, dilation, padding, groups };
    // If the padding added more rows at the end than a stride, some windows belong to no element of x.
    const all = build.op("conv2d", [gradient, turned], attributes);
    return sliced(build, all, [0, 0, 0, 0], [n, height, width, depth]);
  };
  return [
    needs(0) ? toInput() : undefined,
    needs(1) ? transposedWeightGradient(build, x, gradient, windows, groups) : undefined,
    needs(2) ? biasGradient(build, gradient) : undefined,
  ];
};

function windowsOf(build: GradientBuilder, node: Convolution): Windows {
  const [x = 0, w = 0] = node.inputs;
  const kernel = kernelSize(build.shape(w));
  const { stride, dilation } = node.attributes;
  return {
    kernel,
    stride,
    dilation,
    padding: explicitPadding(spatial(build.shape(x)), kernel, node.attributes),
  };
}

function kernelSize(shape: Shape): Size {
  return [shape[0] ?? 1, shape[1] ?? 1];
}

function biasGradient(build: GradientBuilder, gradient: NodeId): NodeId {
  return build.op("reduce_sum", [gradient], { axes: [0, 1, 2], keepdims: false });
}

/** The weights with their taps reversed, down and across. */
function reversed(build: GradientBuilder, w: NodeId): NodeId {
  const shape = build.shape(w);
  const [kh, kw] = kernelSize(shape);
  if (kh * kw === 1) return w;
  const rest = shape.slice(2);
  const flat = build.reshape(w, [kh * kw, ...rest]);
  const taps = tapsOf({ kernel: [kh, kw] }).map((_, tap) =>
    build.op("slice", [flat], { begin: [kh * kw - 1 - tap, ...rest.map(() => 0)], size: [1, ...rest] }),
  );
  return build.reshape(build.op("concat", taps, { axis: 0 }), shape);
}

/** [kh, kw, c / groups, f] as [kh, kw, f / groups, c]: exchanges input and output channels of each group. */
function exchanged(build: GradientBuilder, w: NodeId, groups: number): NodeId {
  const [kh = 1, kw = 1, perGroup = 1, filters = 1] = build.shape(w);
  const apart = build.reshape(w, [kh, kw, perGroup, groups, filters / groups]);
  return build.reshape(build.transpose(apart, [0, 1, 4, 3, 2]), [
    kh,
    kw,
    filters / groups,
    perGroup * groups,
  ]);
}

function inputGradient(
  { build, node, gradient }: Backward,
  windows: Windows,
  groups: number,
): NodeId | undefined {
  const around = spreadBack(build, gradient, windows, spatial(build.shape(node.inputs[0] ?? 0)));
  if (!around) return undefined;
  const turned = exchanged(build, reversed(build, node.inputs[1] ?? 0), groups);
  const { spread, padding } = around;
  return build.op("conv2d", [spread, turned], { dilation: windows.dilation, padding, groups });
}

/** What the taps read, next to each other, by group: [groups, pixels, taps · c / groups]. */
function patches(build: GradientBuilder, x: NodeId, windows: Windows, size: Size, groups: number): NodeId {
  const taps = seenByTaps(build, x, windows, size);
  const [n = 1, height = 1, width = 1, depth = 1] = build.shape(taps[0] ?? x);
  const pixels = n * height * width;
  const count = taps.length;
  const beside = count === 1 ? (taps[0] ?? x) : build.op("concat", taps, { axis: -1 });
  const apart = build.reshape(beside, [pixels, count, groups, depth / groups]);
  const moved = groups === 1 ? apart : build.transpose(apart, [2, 0, 1, 3]);
  return build.reshape(moved, [groups, pixels, (count * depth) / groups]);
}

/** Groups first, transposed: [groups, c / groups, pixels]. */
function turnedPixels(build: GradientBuilder, x: NodeId, groups: number): NodeId {
  const shape = build.shape(x);
  const depth = channels(shape);
  const pixels = (shape[0] ?? 1) * (shape[1] ?? 1) * (shape[2] ?? 1);
  return build.transpose(build.reshape(x, [pixels, groups, depth / groups]), [1, 2, 0]);
}

/** dw[i, j, c, f] = Σ over pixels of what tap (i, j) reads of channel c, times the gradient of filter f. */
function weightGradient(
  build: GradientBuilder,
  x: NodeId,
  gradient: NodeId,
  windows: Windows,
  groups: number,
): NodeId {
  const seen = patches(build, x, windows, spatial(build.shape(gradient)), groups);
  const product = build.op("matmul", [turnedPixels(build, gradient, groups), seen]);
  const [kh, kw] = windows.kernel;
  const [perGroup, filters] = [channels(build.shape(x)) / groups, channels(build.shape(gradient))];
  const apart = build.reshape(product, [groups, filters / groups, kh * kw, perGroup]);
  return build.reshape(build.transpose(apart, [2, 3, 0, 1]), [kh, kw, perGroup, filters]);
}

function transposedWeightGradient(
  build: GradientBuilder,
  x: NodeId,
  gradient: NodeId,
  windows: Windows,
  groups: number,
): NodeId {
  const size = spatial(build.shape(x));
  // The taps do not read rows that were added at the end; they read zeros for rows that were cut off.
  const seen = patches(build, gradient, windows, size, groups);
  const product = build.op("matmul", [turnedPixels(build, x, groups), seen]);
  const [kh, kw] = windows.kernel;
  const [perGroup, filters] = [channels(build.shape(x)) / groups, channels(build.shape(gradient))];
  const apart = build.reshape(product, [groups, perGroup, kh * kw, filters / groups]);
  return build.reshape(build.transpose(apart, [2, 1, 0, 3]), [kh, kw, perGroup, filters]);
}

/**
 * dw[i, j, c·m + q] = Σ over pixels of what tap (i, j) reads of channel c, times the gradient of filter c·m + q: a depthwise convolution of x
 * with the gradient as its weights, whose stride and dilation are exchanged. Sample by sample.
 */
function depthwiseWeightGradient(
  build: GradientBuilder,
  x: NodeId,
  gradient: NodeId,
  windows: Windows,
): NodeId {
  const { kernel, stride, dilation, padding } = windows;
  const shape = build.shape(x);
  const [samples = 1, height = 1, width = 1, filters = 1] = build.shape(gradient);
  const sums = Array.from({ length: samples }, (_, sample) => {
    const one = (id: NodeId, [, ...size]: Shape): NodeId =>
      sliced(build, id, [sample, ...size.map(() => 0)], [1, ...size]);
    const taps = build.reshape(one(gradient, build.shape(gradient)), [height, width, 1, filters]);
    const window = { stride: dilation, dilation: stride, padding };
    // Rows of x that no window reaches give rows after the last tap.
    const all = build.op("depthwise_conv2d", [one(x, shape), taps], window);
    return sliced(build, all, [0, 0, 0, 0], [1, ...kernel, filters]);
  });
  const sum = sums.reduce((total, term) => build.op("add", [total, term]));
  return build.reshape(sum, [...kernel, 1, filters]);
}
