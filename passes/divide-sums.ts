// Divides sums of integers that f32 does not hold exactly. Kernels that have no products of integers sum integers as f32, which is exact as long as every partial sum is below
// 2²⁴. A larger sum becomes two, of the upper and the lower digits of the weights, each exact: adding them rounds once, as the conversion of
// the exact sum to f32 does.

import { produce } from "immer";
import { createFresh } from "#ir/fresh.js";
import type { Node, NodeId, NodeOf, WeightId } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { IntegerType, TensorType } from "#ir/type.js";
import { isInteger } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { constantNode } from "#rewrite/rule/replacement-builder.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import { integerRange, isByteSum } from "#template/byte-sums.js";

/** f32 holds all integers up to this one. */
const exact = 2 ** 24;

/** The upper digits of a weight are multiples of this number, and the lower ones at most half of it. */
const base = 16;

type Product = NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d"> | NodeOf<"dense">;

export const divideSums: Pass = {
  name: "divide-sums",
  doc: "Divides sums of integers that could exceed what f32 holds exactly into two, by digits of the weights.",
  run: (module, { target }) => {
    const { graph, weights } = module;
    const divided = new Map<NodeId, readonly Node[]>();
    const fresh = createFresh(graph);
    for (const node of topological(graph)) {
      if (!isInteger(node.type.dtype) || isByteSum(graph, node, target)) continue;
      const [x, w, b] = operands(graph, node);
      if (!isProduct(node) || w?.op !== "constant" || b?.op !== "constant" || !x) continue;
      const range = integerRange(graph, x.id);
      const bias = weights.readF32(b.attributes.weight).slice();
      if (isExact(weights.readF32(w.attributes.weight), range, bias)) continue;
      const { upper, lower } = digitsOf(weights, w.attributes.weight, "i16");
      const absent = weights.add(b.name, b.type, { kind: "absent" });
      const exactWith = (offsets: Digits): boolean =>
        [upper, lower].every((part, at) =>
          isExact(
            weights.readF32(part).slice(),
            range,
            weights.readF32(offsets[at === 0 ? "upper" : "lower"]),
          ),
        );
      // The bias belongs to the sum of the lower digits, if that has room for it.
      const whole: Digits = { upper: absent, lower: b.attributes.weight };
      const offsets = exactWith(whole) ? whole : digitsOf(weights, b.attributes.weight, "i32");
      // Otherwise both parts would be rounded too.
      if (!exactWith(offsets)) continue;
      const { position } = node;
      const origin = { pass: "divide-sums", spans: node.origin.spans };
      const made: Node[] = [];
      const constant = (name: string, weight: WeightId): NodeId => {
        const { type } = entryOf(weights, weight);
        const id = fresh.nextId();
        made.push(constantNode({ id, name: fresh.unique(name), position, type, origin }, weight));
        return id;
      };
      const part = (name: string, weight: WeightId, offset: NodeId): NodeId => {
        const id = fresh.nextId();
        const inputs = [x.id, constant(`${w.name}.${name}`, weight), offset];
        made.push(makeNode({ ...node, id, name: fresh.unique(`${node.name}.${name}`), inputs, origin }));
        return id;
      };
      const [high, low] =
        offsets === whole
          ? [constant(`${b.name}.none`, absent), b.id]
          : [constant(`${b.name}.upper`, offsets.upper), constant(`${b.name}.lower`, offsets.lower)];
      const inputs = [part("upper", upper, high), part("lower", lower, low)];
      made.push(
        makeNode({
          id: node.id,
          name: node.name,
          op: "add",
          inputs,
          attributes: {},
          type: node.type,
          position,
          origin,
        }),
      );
      divided.set(node.id, made);
    }
    if (divided.size === 0) return module;
    return {
      weights,
      graph: produce(graph, (draft) => {
        for (const made of divided.values()) for (const node of made) draft.nodes.set(node.id, node as never);
        draft.nextId = fresh.next;
      }),
    };
  },
};

function isProduct(node: Node): node is Product {
  return node.op === "conv2d" || node.op === "depthwise_conv2d" || node.op === "dense";
}

/**
 * Whether f32 holds every partial sum of products and a bias, in whatever order they are added; the output channels are the last axis of a
 * weight. All partial sums are multiples of the greatest power of two that divides the weights and the bias.
 */
function isExact(weight: Float32Array, [low, high]: readonly [number, number], bias: Float32Array): boolean {
  const filters = bias.length;
  const up = Float64Array.from(bias, (b) => Math.max(b, 0));
  const down = Float64Array.from(bias, (b) => Math.min(b, 0));
  let bits = bias.reduce((all, b) => all | b, 0);
  for (
    let at = 0, filter = 0;
    at < weight.length;
    at += 1, filter = filter + 1 === filters ? 0 : filter + 1
  ) {
    const w = weight[at] as number;
    const [a, b] = [w * low, w * high];
    up[filter] = (up[filter] as number) + Math.max(a, b, 0);
    down[filter] = (down[filter] as number) + Math.min(a, b, 0);
    bits |= w;
  }
  const divisor = bits & -bits || 1;
  return up.every((sum) => sum < exact * divisor) && down.every((sum) => -sum < exact * divisor);
}

/** The parts of a weight: multiples of the base, and the rest. */
interface Digits {
  readonly upper: WeightId;
  readonly lower: WeightId;
}

/** The digits of an integer weight; `type` is that of the upper ones. */
function digitsOf(store: WeightStore, id: WeightId, type: "i16" | "i32"): Digits {
  const { shape } = entryOf(store, id).type;
  const scalar = (value: number): WeightId =>
    store.add("scale", { dtype: "f32", shape: [] }, { kind: "literal", data: Float32Array.of(value) });
  const add = (
    op: string,
    dtype: TensorType["dtype"],
    inputs: readonly WeightId[],
    attributes: Attributes,
  ): WeightId => store.add(`${id}.${op}`, { dtype, shape }, { kind: "expression", op, attributes, inputs });
  const real = (integers: WeightId, scale: number): WeightId =>
    add("dequantize", "f32", [integers, scalar(scale)], { zero: 0 });
  const integers = (values: WeightId, scale: number, own: IntegerType): WeightId =>
    add("quantize", own, [values, scalar(scale)], {
      zero: 0,
      low: Number.NEGATIVE_INFINITY,
      high: Number.POSITIVE_INFINITY,
      type: own,
    });
  const upper = real(integers(real(id, 1), base, type), base);
  const lower = add("sub", "f32", [real(id, 1), upper], {});
  return { upper: integers(upper, 1, type), lower: integers(lower, 1, type === "i32" ? "i32" : "i8") };
}
