// Describes a quantization for reports.

import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { nodeCost } from "#inspect/cost.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { elements, isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { F32Layer, IntegerLayer, QuantizedLayer, QuantizedReport } from "#report/quantized.js";
import type { DynamicNet } from "./dynamic.js";
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
    readonly limit: number;
    readonly alone: ReadonlyMap<NodeId, number>;
  },
): QuantizedReport {
  return {
    name: base.graph.name,
    samples: how.samples,
    limit: how.limit,
    layers: plan.layers.map((layer) => ({
      ...describe(base, layer, layers),
      ...given({
        input: steps.get(plan.groups.get(layer.inputs[0] ?? -1) ?? -1),
        responseError: responses.get(layer.id),
        loss: how.alone.get(layer.id),
      }),
    })),
    left: leftLayers(
      base,
      new Set(plan.layers.map(({ id }) => id)),
      how.alone,
      "its input is not finite for all samples",
    ),
    already: integerLayers(base),
    bytes: { before: weightBytes(base), after: weightBytes(module) },
    loss,
  };
}

/** The report on a net that was quantized without samples. */
export function dynamicReportOf(base: Module, { module, known, dynamic }: DynamicNet): QuantizedReport {
  const { plan, steps } = known;
  const layers = new Map([...known.layers, ...dynamic.layers]);
  const all = topological(base.graph).flatMap((node) =>
    isProduct(node) && layers.has(node.id) ? [node] : [],
  );
  return {
    name: base.graph.name,
    samples: 0,
    layers: all.map((layer) => ({
      ...describe(base, layer, layers),
      ...given({
        input: plan.layers.some(({ id }) => id === layer.id)
          ? steps.get(plan.groups.get(layer.inputs[0] ?? -1) ?? -1)
          : undefined,
      }),
    })),
    left: leftLayers(base, new Set(layers.keys()), new Map(), "its input has one axis, and so no samples"),
    already: integerLayers(base),
    bytes: { before: weightBytes(base), after: weightBytes(module) },
  };
}

function describe(
  base: Module,
  layer: Product,
  layers: Quantization["layers"],
): Pick<QuantizedLayer, "name" | "shape" | "macs" | "weightError"> {
  return {
    name: layer.name,
    shape: nodeOf(base.graph, layer.inputs[1] ?? -1).type.shape,
    macs: nodeCost(base, layer).macs,
    weightError: weightError(base, layer, layers),
  };
}

/** The products that sum integers in the net that is quantized. */
export function integerLayers(base: Module): IntegerLayer[] {
  return topological(base.graph).flatMap((node) => {
    const { macs } = nodeCost(base, node);
    return macs > 0 && isInteger(node.type.dtype) ? [{ name: node.name, macs }] : [];
  });
}

/** The nodes that multiply f32, and why they do. `otherwise` is why a layer whose weights can be integers stays f32. */
function leftLayers(
  base: Module,
  quantized: ReadonlySet<NodeId>,
  alone: ReadonlyMap<NodeId, number>,
  otherwise: string,
): F32Layer[] {
  return topological(base.graph).flatMap((node): F32Layer[] => {
    const { macs } = nodeCost(base, node);
    if (quantized.has(node.id) || macs === 0 || isInteger(node.type.dtype)) return [];
    const loss = alone.get(node.id);
    const reason =
      loss !== undefined ? "the loss would be too large" : (unfit(base.graph, node) ?? otherwise);
    return [
      {
        name: node.name,
        macs,
        reason: isProduct(node) || unfit(base.graph, node) ? reason : "not a layer with weights",
        ...given({ loss }),
      },
    ];
  });
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
