// Gradients of ops that move values: they move gradients back, and add them where an element went to several places.

import type { NodeId } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { axisOf } from "#ops/reduce.js";
import { resizeTaps } from "#ops/resize.js";
import { mapAxis, placeInZeros, sliced } from "../windows.js";
import type { Rule } from "../rule.js";

export const reshapeRule: Rule<"reshape"> = ({ build, node, gradient, needs }) =>
  needs(0) ? [build.reshape(gradient, build.shape(node.inputs[0] ?? 0))] : [];

export const transposeRule: Rule<"transpose"> = ({ build, node, gradient, needs }) => {
  const { perm } = node.attributes;
  return needs(0)
    ? [
        build.transpose(
          gradient,
          perm.map((_, axis) => perm.indexOf(axis)),
        ),
      ]
    : [];
};

export const sliceRule: Rule<"slice"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const shape = build.shape(node.inputs[0] ?? 0);
  const { begin, stride } = node.attributes;
  return [placeInZeros(build, gradient, begin, stride.length === 0 ? shape.map(() => 1) : stride, shape)];
};

export const concatRule: Rule<"concat"> = ({ build, node, gradient, needs }) => {
  const { shape } = node.type;
  const axis = axisOf(node.attributes.axis, shape) ?? 0;
  let from = 0;
  return node.inputs.map((id, at) => {
    const size = build.shape(id);
    const first = from;
    from += size[axis] ?? 0;
    if (!needs(at)) return undefined;
    return sliced(
      build,
      gradient,
      shape.map((_, one) => (one === axis ? first : 0)),
      size,
    );
  });
};

export const padRule: Rule<"pad"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const shape = build.shape(node.inputs[0] ?? 0);
  const { before, after, mode } = node.attributes;
  if (mode === "constant") return [sliced(build, gradient, before, shape)];
  let result = gradient;
  for (const [axis, extent] of shape.entries()) {
    const first = before[axis] ?? 0;
    if (first + (after[axis] ?? 0) === 0) continue;
    const source = (at: number): number => {
      const from = at - first;
      const edge = Math.min(Math.max(from, 0), extent - 1);
      return mode === "edge" ? edge : 2 * edge - from;
    };
    result = mapAxis(build, result, axis, extent, (from, to) => (source(from) === to ? 1 : 0));
  }
  return [result];
};

export const resizeRule: Rule<"resize"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const [x = 0] = node.inputs;
  let result = gradient;
  for (const axis of [1, 2]) {
    const [from, to] = [build.shape(x)[axis] ?? 1, node.type.shape[axis] ?? 1];
    const taps = resizeTaps(from, to, node.attributes);
    result = mapAxis(build, result, axis, from, (at, element) => {
      const { low, high, share } = taps[at] ?? { low: 0, high: 0, share: 0 };
      return (low === element ? 1 - share : 0) + (high === element ? share : 0);
    });
  }
  return [result];
};

/** Adds the gradient of each element where it was taken from. Indices have no gradient, since they are whole numbers. */
export const gatherRule: Rule<"gather"> = ({ build, node, gradient, needs }) => {
  if (!needs(0)) return [];
  const [x = 0, places = 0] = node.inputs;
  const shape = build.shape(x);
  const axis = axisOf(node.attributes.axis, shape) ?? 0;
  const extent = shape[axis] ?? 1;
  const [lead, inner] = [elements(shape.slice(0, axis)), elements(shape.slice(axis + 1))];
  const all = elements(build.shape(places));
  const scattered = (base: readonly number[], at: NodeId, updates: NodeId, along: number): NodeId =>
    build.op("scatter", [build.constant(base, 0), at, updates], { axis: along, reduction: "accumulate" });
  if (node.attributes.batched) {
    const each = all / lead;
    const own = build.reshape(places, [lead, each]);
    const updates = build.reshape(gradient, [lead, each, inner]);
    return [build.reshape(scattered([lead, extent, inner], own, updates, 1), shape)];
  }
  const moved = build.transpose(build.reshape(gradient, [lead, all, inner]), [1, 0, 2]);
  const sums = scattered([extent, lead, inner], build.reshape(places, [all]), moved, 0);
  return [build.reshape(build.transpose(sums, [1, 0, 2]), shape)];
};
