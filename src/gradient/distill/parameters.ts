// The parameters of a split network that distillation learns: the factors and biases of its layers, as constants of the graph.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { findCandidates } from "#passes/split/candidates.js";
import { factorsOf } from "#passes/split/form.js";
import type { FactoredLayer } from "#passes/split/report.js";
import { balanced } from "./balance.js";

/** A tensor that distillation learns. */
export interface Parameter {
  /** The id of its constant in the split network. */
  readonly node: NodeId;
  readonly layer: string;
  /** The index of the factor in the layer; the bias comes last. */
  readonly factor: number;
  readonly isBias: boolean;
  readonly data: Float32Array;
}

/** The layers, each with its bias and with balanced factors. */
export function balancedLayers(
  module: Module,
  layers: ReadonlyMap<string, FactoredLayer>,
): Map<string, FactoredLayer> {
  const candidates = new Map(findCandidates(module).map((one) => [one.node.name, one]));
  return new Map(
    [...layers].map(([name, layer]) => {
      const candidate = candidates.get(name) ?? bug(`${name} cannot be split`);
      const constant = nodeOf(module.graph, candidate.node.inputs[2] ?? bug(`${name} has no bias`));
      if (constant.op !== "constant") return bug(`the bias of ${name} is computed`);
      const bias = layer.bias ?? module.weights.readF32(constant.attributes.weight).slice();
      return [name, { ...layer, factors: balanced(factorsOf(candidate, layer), layer.factors), bias }];
    }),
  );
}

/** The constants of the factors. The factors are a chain of convolutions that ends at the node with the layer's name. */
export function parametersOf(graph: Graph, layers: ReadonlyMap<string, FactoredLayer>): Parameter[] {
  const byName = new Map([...graph.nodes.values()].map((node) => [node.name, node]));
  return [...layers].flatMap(([layer, { factors, bias }]) => {
    let conv = byName.get(layer) ?? bug(`there is no ${layer}`);
    const last = conv;
    const result: Parameter[] = [];
    for (let factor = factors.length - 1; factor >= 0; factor -= 1) {
      const [x = 0, node = 0] = conv.inputs;
      result.unshift({ node, layer, factor, isBias: false, data: factors[factor] ?? bug("no factor") });
      conv = nodeOf(graph, x);
    }
    const data = bias ?? bug(`${layer} has no bias`);
    return [...result, { node: last.inputs[2] ?? 0, layer, factor: factors.length, isBias: true, data }];
  });
}

/** The layers with other values of their parameters. */
export function withValues(
  layers: ReadonlyMap<string, FactoredLayer>,
  parameters: readonly Parameter[],
  tensors: readonly Float32Array[],
): Map<string, FactoredLayer> {
  const valueOf = (layer: string, factor: number): Float32Array =>
    tensors[parameters.findIndex((one) => one.layer === layer && one.factor === factor)] ?? bug("no tensor");
  return new Map(
    [...layers].map(([name, layer]) => [
      name,
      {
        ...layer,
        factors: layer.factors.map((_, factor) => valueOf(name, factor)),
        bias: valueOf(name, layer.factors.length),
      },
    ]),
  );
}
