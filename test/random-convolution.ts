// Random modules of one convolution: strides, dilations, paddings, groups, even and flat windows, first layers.

import type { Node } from "#ir/graph.js";
import { f32 } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { inferType, makeNode } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { createWeightStore } from "#weights/store.js";

const kernels = [
  [1, 2],
  [1, 5],
  [2, 2],
  [3, 1],
  [3, 3],
  [3, 3],
  [4, 4],
  [5, 5],
  [7, 7],
] as const;

/** `y = conv2d(x, w, b)` with random weights, and with enough channels for any split. */
export function randomConvolution(random: Random): Module {
  const kernel = random.pick(kernels);
  const groups = random.pick([1, 1, 1, 2, 3]);
  const [ci, co] = [random.pick([3, 4, 5, 8]), random.pick([1, 3, 4, 6, 8])];
  const stride = [random.int(1, 2), random.int(1, 2)];
  const dilation = [random.int(1, 2), random.int(1, 2)];
  const padding = Array.from({ length: 4 }, () => random.int(0, 2));
  const [height = 1, width = 1] = kernel.map((extent, axis) => (extent - 1) * (dilation[axis] ?? 1) + 1);
  const x = f32(random.int(1, 2), height + random.int(0, 4), width + random.int(0, 4), groups * ci);
  const weights = createWeightStore();
  const types = [x, f32(...kernel, ci, groups * co), f32(groups * co)];
  const hasBias = random.next() < 0.7;
  const attributes = { stride, dilation, padding, groups, zero: 0 };
  const y = inferType("conv2d", types, attributes);
  if (isProblem(y)) throw new Error(y.problem);
  const names = ["x", "w", "b"];
  const nodes = types.map((type, id): Node => {
    const base = { id, name: names[id] ?? "", inputs: [], position: id, type, origin: { spans: [] } };
    if (id === 0) return makeNode({ ...base, op: "input", attributes: {} });
    const count = type.shape.reduce((product, extent) => product * extent, 1);
    const data = Float32Array.from({ length: count }, () => random.normal());
    const weight = weights.add(
      base.name,
      type,
      id === 2 && !hasBias ? { kind: "absent" } : { kind: "literal", data },
    );
    return makeNode({ ...base, op: "constant", attributes: { weight } });
  });
  nodes.push(
    makeNode({
      id: 3,
      name: "y",
      op: "conv2d",
      inputs: [0, 1, 2],
      attributes,
      type: y,
      position: 3,
      origin: { spans: [] },
    }),
  );
  return {
    weights,
    graph: {
      name: "convolution",
      nodes: new Map(nodes.map((node) => [node.id, node])),
      outputs: [{ name: "y", node: 3 }],
      kernels: new Map(),
      nextId: 4,
    },
  };
}
