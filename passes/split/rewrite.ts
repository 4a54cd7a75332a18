// Puts two convolutions in the place of one.

import type { Node, NodeId, WeightId } from "#ir/graph.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Shape, TensorType } from "#ir/type.js";
import { f32 } from "#ir/type.js";
import type { Module, WeightSource } from "#ir/weights.js";
import { inferType, makeNode } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { constantNode } from "#rewrite/build.js";
import { seedOf } from "#weights/generate.js";
import type { Candidate } from "./candidates.js";
import { factorize } from "./decompose.js";
import type { SplitOrder } from "./report.js";

/** Where new nodes get ids and names from. */
export interface Fresh {
  nextId(): NodeId;
  unique(name: string): string;
}

/**
 * The nodes of a split. The second convolution takes the id and name of the one that is replaced, and the bias: a bias
 * before a zero-padded depthwise convolution would corrupt the border. Stride, padding and dilation stay on the depthwise.
 * With `structural`, weights are new parameters; else the factors of the old ones.
 */
export function splitNodes(
  candidate: Candidate,
  order: SplitOrder,
  m: number,
  module: Module,
  fresh: Fresh,
  structural: boolean,
): Node[] {
  const { node, kernel } = candidate;
  const [kh = 1, kw = 1, ci = 1, co = 1] = candidate.shape;
  const [x, , b] = node.inputs;
  if (x === undefined || b === undefined) return bug(`${node.name} lacks operands`);
  const first = order === "depthwise-pointwise";
  const factors = structural ? undefined : factorize(module.weights.read(kernel.attributes.weight), order, m);
  const origin = { pass: "split", rule: order, spans: node.origin.spans };
  const nodes: Node[] = [];
  const add = (made: Node): Node => {
    nodes.push(made);
    return made;
  };
  const constant = (name: string, shape: Shape, source: WeightSource): Node => {
    const type = f32(...shape);
    const weight: WeightId = module.weights.add(name, type, source);
    const base = { id: fresh.nextId(), name: fresh.unique(name), position: node.position, origin };
    return add(constantNode({ ...base, type }, weight));
  };
  const weights = (part: string, shape: Shape, data: Float32Array | undefined): Node => {
    const name = `${node.name}.${part}.kernel`;
    if (data) return constant(name, shape, { kind: "literal", data });
    const fanIn = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
    return constant(name, shape, { kind: "seeded", generator: "he_normal", seed: seedOf(name), fanIn });
  };
  const zeros = (part: string, extent: number): Node =>
    constant(`${node.name}.${part}.b`, [extent], { kind: "absent" });

  const { stride, dilation, padding } = node.attributes;
  const window = { stride, dilation, padding };
  const still = { stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0], groups: 1 };
  const convolution = (
    op: "conv2d" | "depthwise_conv2d",
    name: string | undefined,
    inputs: readonly { readonly id: NodeId; readonly type: TensorType }[],
    attributes: Attributes,
  ): Node => {
    const type = inferType(
      op,
      inputs.map((input) => input.type),
      attributes,
    );
    if (isProblem(type)) return bug(`split of ${node.name}: ${type.problem}`);
    const base =
      name === undefined
        ? { id: node.id, name: node.name }
        : { id: fresh.nextId(), name: fresh.unique(name) };
    return add(
      makeNode({
        ...base,
        op,
        inputs: inputs.map((input) => input.id),
        attributes,
        type,
        position: node.position,
        origin,
      }),
    );
  };
  const input = { id: x, type: module.graph.nodes.get(x)?.type ?? bug(`${node.name} has no input`) };
  const bias = { id: b, type: f32(co) };
  if (first) {
    const w = weights("depthwise", [kh, kw, 1, ci * m], factors?.depthwise);
    const inner = convolution(
      "depthwise_conv2d",
      `${node.name}.depthwise`,
      [input, w, zeros("depthwise", ci * m)],
      window,
    );
    const p = weights("pointwise", [1, 1, ci * m, co], factors?.pointwise);
    convolution("conv2d", undefined, [inner, p, bias], still);
  } else {
    const p = weights("pointwise", [1, 1, ci, co * m], factors?.pointwise);
    const inner = convolution(
      "conv2d",
      `${node.name}.pointwise`,
      [input, p, zeros("pointwise", co * m)],
      still,
    );
    const w = weights("depthwise", [kh, kw, m, co], factors?.depthwise);
    // A group of one channel is a depthwise convolution.
    if (m === 1) convolution("depthwise_conv2d", undefined, [inner, w, bias], window);
    else convolution("conv2d", undefined, [inner, w, bias], { ...window, groups: co });
  }
  return nodes;
}
