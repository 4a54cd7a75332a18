// Replaces one convolution by those of a split.

import type { Node, NodeId, WeightId } from "#ir/graph.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Shape, TensorType } from "#ir/type.js";
import { f32 } from "#ir/type.js";
import type { Module, WeightSource } from "#ir/weights.js";
import { inferType, makeNode } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import type { Fresh } from "#ir/fresh.js";
import { constantNode } from "#rewrite/rule/replacement-builder.js";
import { seedOf } from "#weights/generate.js";
import type { Candidate } from "./candidates.js";
import type { Split } from "./form.js";
import { factorsOf } from "./form.js";

/** Values of a split layer. */
export interface SplitValues {
  /** The weights of each factor, in the layout of `factorsOf`. */
  readonly factors: readonly Float32Array[];
  /** `[co]`; by default the bias of the convolution that is split. */
  readonly bias?: Float32Array;
}

/**
 * The nodes of a split. The last convolution takes the id and name of the one that is replaced, and its bias: a bias
 * before a zero-padded depthwise convolution would corrupt the border. The factor with the window takes stride, padding and dilation.
 * Without values, the weights are new parameters.
 */
export function splitNodes(
  candidate: Candidate,
  split: Split,
  module: Module,
  fresh: Fresh,
  values?: SplitValues,
): Node[] {
  const { node } = candidate;
  const [x, , b] = node.inputs;
  if (x === undefined || b === undefined) return bug(`${node.name} lacks operands`);
  const { position } = node;
  const origin = { pass: "split", rule: split.order, spans: node.origin.spans };
  const nodes: Node[] = [];
  const add = <N extends Node>(made: N): N => {
    nodes.push(made);
    return made;
  };
  const constant = (name: string, shape: Shape, source: WeightSource): Node => {
    const type = f32(...shape);
    const weight: WeightId = module.weights.add(name, type, source);
    return add(
      constantNode({ id: fresh.nextId(), name: fresh.unique(name), position, origin, type }, weight),
    );
  };
  const { stride, dilation, padding } = node.attributes;
  const window = { stride, dilation, padding };
  const still = { stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0] };
  const factors = factorsOf(candidate, split);
  let input: { readonly id: NodeId; readonly type: TensorType } =
    module.graph.nodes.get(x) ?? bug(`${node.name} has no input`);
  for (const [at, { part, op, shape, groups, windowed }] of factors.entries()) {
    const data = values && (values.factors[at] ?? bug(`${node.name} lacks its ${part}`));
    const name = `${node.name}.${part}.kernel`;
    const w = constant(name, shape, data ? { kind: "literal", data } : newParameter(name, shape));
    const isLast = at === factors.length - 1;
    const bias = isLast
      ? values?.bias
        ? constant(`${node.name}.bias`, [values.bias.length], { kind: "literal", data: values.bias })
        : { id: b, type: f32(candidate.shape.at(-1) ?? 1) }
      : constant(`${node.name}.${part}.b`, [shape.at(-1) ?? 1], { kind: "absent" });
    const attributes = { ...(windowed ? window : still), ...(op === "conv2d" ? { groups } : {}), zero: 0 };
    const type = inferType(op, [input.type, w.type, bias.type], attributes);
    if (isProblem(type)) return bug(`split of ${node.name}: ${type.problem}`);
    const own = isLast
      ? { id: node.id, name: node.name }
      : { id: fresh.nextId(), name: fresh.unique(`${node.name}.${part}`) };
    const inputs = [input.id, w.id, bias.id];
    input = add(makeNode({ ...own, op, inputs, attributes, type, position, origin }));
  }
  return nodes;
}

function newParameter(name: string, shape: Shape): WeightSource {
  const fanIn = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
  return { kind: "seeded", generator: "he_normal", seed: seedOf(name), fanIn };
}
