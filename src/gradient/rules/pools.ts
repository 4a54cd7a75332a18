// Gradients of pools and reductions: a sum gives its gradient to all terms, a maximum to the elements that equal it.

import type { NodeId, NodeOf } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { channels } from "#ir/type.js";
import type { Padding } from "#ops/attributes.js";
import { axisOf } from "#ops/reduce.js";
import { spatial } from "#ops/window.js";
import type { GradientBuilder } from "../gradient-builder.js";
import type { Windows } from "../windows.js";
import { addFromTaps, seenByTaps } from "../windows.js";
import { backThroughDepthwise } from "../back-through-window.js";
import type { Backward, Rule } from "../rule.js";

export const maxPoolRule: Rule<"max_pool"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const [x = 0] = node.inputs;
  const windows = windowsOf(node.attributes);
  const seen = seenByTaps(build, x, windows, spatial(node.type.shape), Number.NEGATIVE_INFINITY);
  const hits = seen.map((tap) => build.op("equal", [tap, node.id]));
  const share = build.op("div", [gradient, hits.reduce((sum, hit) => build.op("add", [sum, hit]))]);
  const taps = hits.map((hit) => build.op("mul", [hit, share]));
  return [addFromTaps(build, taps, windows, build.shape(x))];
};

export const avgPoolRule: Rule<"avg_pool"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const [x = 0] = node.inputs;
  const shape = build.shape(x);
  const windows = windowsOf(node.attributes);
  const [, height = 1, width = 1] = node.type.shape;
  const rows = countsOf(windows, shape, 0, height);
  const columns = countsOf(windows, shape, 1, width);
  const [kh, kw] = windows.kernel;
  const count = (at: number): number =>
    node.attributes.count_include_pad
      ? kh * kw
      : (rows[Math.floor(at / width)] ?? 1) * (columns[at % width] ?? 1);
  const shares = build.constant([1, height, width, 1], (at) => 1 / count(at));
  const each = build.op("mul", [gradient, shares]);
  const ones = build.constant([kh, kw, 1, channels(shape)], 1);
  return [backThroughDepthwise(build, each, windows, ones, shape)];
};

/** How many taps of each window are inside x, along an axis. */
function countsOf(
  { kernel, stride, dilation, padding }: Windows,
  shape: Shape,
  axis: 0 | 1,
  places: number,
): number[] {
  const extent = spatial(shape)[axis];
  return Array.from({ length: places }, (_, at) => {
    const first = at * stride[axis] - padding[(2 * axis) as 0 | 2];
    return Array.from({ length: kernel[axis] }, (_, tap) => first + tap * dilation[axis]).filter(
      (where) => where >= 0 && where < extent,
    ).length;
  });
}

function windowsOf(
  attributes: Omit<Windows, "padding"> & { readonly padding: Padding | "same" | "valid" },
): Windows {
  return { ...attributes, padding: attributes.padding as Padding };
}

export const globalAvgPoolRule: Rule<"global_avg_pool"> = (backward) =>
  spreadSum(backward, [1, 2], (shape) => 1 / ((shape[1] ?? 1) * (shape[2] ?? 1)));

export const reduceSumRule: Rule<"reduce_sum"> = (backward) =>
  spreadSum(backward, reducedAxes(backward.build, backward.node), () => 1);

export const reduceMeanRule: Rule<"reduce_mean"> = (backward) => {
  const axes = reducedAxes(backward.build, backward.node);
  return spreadSum(
    backward,
    axes,
    (shape) => 1 / axes.reduce((count, axis) => count * (shape[axis] ?? 1), 1),
  );
};

export const globalMaxPoolRule: Rule<"global_max_pool"> = (backward) => spreadGreatest(backward, [1, 2]);

export const reduceExtremeRule = (backward: Backward<NodeOf<"reduce_max"> | NodeOf<"reduce_min">>) =>
  spreadGreatest(backward, reducedAxes(backward.build, backward.node));

interface Reducing {
  readonly inputs: readonly NodeId[];
  readonly attributes: { readonly axes: readonly number[] };
}

function reducedAxes(build: GradientBuilder, { inputs, attributes }: Reducing): number[] {
  const shape = build.shape(inputs[0] ?? 0);
  const all = shape.map((_, axis) => axis);
  if (attributes.axes.length === 0) return all;
  const reduced = new Set(attributes.axes.map((axis) => axisOf(axis, shape)));
  return all.filter((axis) => reduced.has(axis));
}

function spreadSum(
  { build, node, gradient, needs }: Backward,
  axes: readonly number[],
  factor: (shape: Shape) => number,
): (NodeId | undefined)[] {
  if (!needs(0)) return [];
  const shape = build.shape(node.inputs[0] ?? 0);
  const kept = build.reshape(gradient, keptShape(shape, axes));
  return [
    build.op("mul", [
      kept,
      build.constant(
        shape.map((extent, axis) => (axes.includes(axis) ? extent : 1)),
        factor(shape),
      ),
    ]),
  ];
}

/** Elements that equal the extreme value share the gradient. */
function spreadGreatest(
  { build, node, gradient, needs }: Backward,
  axes: readonly number[],
): (NodeId | undefined)[] {
  if (!needs(0)) return [];
  const [x = 0] = node.inputs;
  const kept = keptShape(build.shape(x), axes);
  const hits = build.op("equal", [x, build.reshape(node.id, kept)]);
  const share = build.op("div", [build.reshape(gradient, kept), build.sum(hits, axes)]);
  return [build.op("mul", [hits, share])];
}

function keptShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
}

/** dx = y ∘ (g − Σ g ∘ y) along the axis. */
export const softmaxRule: Rule<"softmax"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const axis = axisOf(node.attributes.axis, node.type.shape) ?? 0;
  const weighed = build.sum(build.op("mul", [gradient, node.id]), [axis]);
  return [build.op("mul", [node.id, build.op("sub", [gradient, weighed])])];
};

export const layerNormRule: Rule<"layer_norm"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const [x = 0] = node.inputs;
  const axes = [node.type.shape.length - 1];
  return [normalized(build, x, node.id, gradient, axes, node.attributes.epsilon)];
};

export const groupNormRule: Rule<"group_norm"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const [x = 0] = node.inputs;
  const { shape } = node.type;
  const { groups, epsilon } = node.attributes;
  const [n = 1] = shape;
  const depth = channels(shape);
  const pixels = shape.slice(1, -1).reduce((product, extent) => product * extent, 1);
  const [own, y, g] = [x, node.id, gradient].map((id) =>
    build.reshape(id, [n, pixels, groups, depth / groups]),
  );
  return [build.reshape(normalized(build, own ?? x, y ?? x, g ?? x, [1, 3], epsilon), shape)];
};

/** For y = (x − mean) / σ: dx = (g − mean(g) − y · mean(g ∘ y)) / σ, with means over `axes`. */
function normalized(
  build: GradientBuilder,
  x: NodeId,
  y: NodeId,
  g: NodeId,
  axes: readonly number[],
  epsilon: number,
): NodeId {
  const mean = (id: NodeId): NodeId => build.op("reduce_mean", [id], { axes, keepdims: true });
  const centred = build.op("sub", [x, mean(x)]);
  const variance = mean(build.op("mul", [centred, centred]));
  const scale = build.op("rsqrt", [build.op("add", [variance, build.constant([], epsilon)])]);
  const along = build.op("mul", [y, mean(build.op("mul", [g, y]))]);
  const left = build.op("sub", [build.op("sub", [g, mean(g)]), along]);
  return build.op("mul", [left, scale]);
}
