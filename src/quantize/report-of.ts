// Describes a quantization for reports.

import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { nodeCost } from "#inspect/cost.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { F32Layer, QuantizedLayer, QuantizedReport } from "#report/quantized.js";
import type { Losses } from "./measure.js";
import type { Product } from "./plan.js";
import { isProduct, unfit } from "./plan.js";
import type { Quantization } from "./rewrite.js";

/** The report on the net `module`, which was made of `base`. */
export function reportOf(
  base: Module,
  module: Module,
  { plan, steps, layers }: Quantization,
  { loss, responses }: Losses,
  how: {
    readonly samples: number;
    readonly limit: number | undefined;
    readonly alone: ReadonlyMap<NodeId, number>;
  },
): QuantizedReport {
  const { graph } = base;
  const own = (layer: Product): QuantizedLayer => {
    const [x = -1, w = -1] = layer.inputs;
    const step = steps.get(plan.groups.get(x) ?? -1) ?? bug(`${layer.name} has no step`);
    return {
      name: layer.name,
      shape: nodeOf(graph, w).type.shape,
      macs: nodeCost(base, layer).macs,
      input: step,
      weightError: weightError(base, layer, layers),
      responseError: responses.get(layer.id) ?? 0,
      ...given({ loss: how.alone.get(layer.id) }),
    };
  };
  const quantized = new Set(plan.layers.map(({ id }) => id));
  const left = topological(graph).flatMap((node): F32Layer[] => {
    const { macs } = nodeCost(base, node);
    if (quantized.has(node.id) || macs === 0) return [];
    const loss = how.alone.get(node.id);
    const reason =
      unfit(graph, node) ??
      (loss !== undefined
        ? "the loss would be too large"
        : isProduct(node)
          ? "its input is not finite"
          : "not a product with constant weights");
    return [{ name: node.name, macs, reason, ...given({ loss }) }];
  });
  return {
    name: graph.name,
    samples: how.samples,
    ...given({ limit: how.limit }),
    layers: plan.layers.map(own),
    left,
    bytes: { before: weightBytes(base), after: weightBytes(module) },
    loss,
  };
}

function weightError({ graph, weights }: Module, layer: Product, layers: Quantization["layers"]): number {
  const node = nodeOf(graph, layer.inputs[1] ?? -1);
  if (node.op !== "constant") return bug(`${layer.name} has no weights`);
  const { integers, scales } = layers.get(layer.id) ?? bug(`${layer.name} has no integers`);
  const exact = weights.readF32(node.attributes.weight);
  let [lost, all] = [0, 0];
  for (let at = 0; at < exact.length; at += 1) {
    const value = exact[at] ?? 0;
    lost += (value - (integers[at] ?? 0) * (scales[at % scales.length] ?? 0)) ** 2;
    all += value ** 2;
  }
  return all > 0 ? Math.sqrt(lost / all) : 0;
}

/** Bytes of the constants of a net, as the packed file stores them: integers of eight bits as one, all others as four. */
function weightBytes({ graph, weights }: Module): number {
  let bytes = 0;
  for (const node of graph.nodes.values())
    if (node.op === "constant" && entryOf(weights, node.attributes.weight).source.kind !== "absent")
      bytes += elements(node.type.shape) * (["i8", "u8"].includes(node.type.dtype) ? 1 : 4);
  return bytes;
}
