// Reverse mode as a transformation of graphs: adds nodes that compute gradients after those of the net.

import { given } from "#diagnostic/given.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { opOf } from "#ops/index.js";
import { createBuilder } from "./gradient-builder.js";
import { ruleOf } from "./rules/index.js";

export interface GradientOptions {
  /** The values y of L = Σ seed · y, summed over all of them and their elements. */
  readonly outputs: readonly NodeId[];
  /**
   * `inputs`: each seed is an input of the net with the shape of its output; its name comes with the result. `ones`: L is the sum of the
   * outputs, which are losses, for instance. `inputs` by default.
   */
  readonly seeds?: "inputs" | "ones";
  /** The values x whose gradients are wanted: of any node, also of constants. */
  readonly wanted: readonly NodeId[];
}

export interface Gradients {
  /** The module with the nodes of the gradients; its outputs are unchanged. `openProbes` computes chosen values of it. */
  readonly module: Module;
  /** The inputs for the seeds, one for each output. Empty for `ones`. */
  readonly seeds: readonly { readonly node: NodeId; readonly name: string }[];
  /** ∂L/∂x for each of `wanted`, in its shape; a constant of zeros if L does not depend on it. */
  readonly gradients: readonly NodeId[];
}

/**
 * Gradients by reverse mode (Griewank and Walther 2008, chapter 3), for a batch of 1 if it is open. An error (`no-gradient`) if the path from
 * an output to a wanted value leads through an op without a rule. Operands that are indices (whole numbers that select elements) pass no
 * gradient on. At kinks, the derivative from below is taken: 0 for relu at 0.
 */
export function gradientModule(module: Module, options: GradientOptions): Result<Gradients> {
  const { outputs, seeds = "inputs", wanted } = options;
  const { graph } = module;
  const order = topological(graph);
  const dependent = new Set<NodeId>(wanted);
  for (const { id, inputs } of order) if (inputs.some((input) => dependent.has(input))) dependent.add(id);

  const build = createBuilder(module, "gradient");
  const sums = new Map<NodeId, NodeId>();
  const add = (to: NodeId, term: NodeId): void => {
    const before = sums.get(to);
    sums.set(to, before === undefined ? term : build.op("add", [before, term]));
  };
  const inputs: { readonly node: NodeId; readonly name: string }[] = [];
  for (const output of outputs) {
    const { name, type } = nodeOf(graph, output);
    const seed = seeds === "ones" ? build.constant(type.shape, 1) : build.input(`seed.${name}`, type.shape);
    if (seeds === "inputs") inputs.push({ node: seed, name: build.node(seed).name });
    if (dependent.has(output)) add(output, seed);
  }
  for (const node of order.toReversed()) {
    const gradient = sums.get(node.id);
    if (gradient === undefined) continue;
    const needs = (at: number): boolean => dependent.has(node.inputs[at] ?? -1) && !isPlaces(node, at);
    if (!node.inputs.some((_, at) => needs(at))) continue;
    const rule = ruleOf(node.op);
    if (!rule) return { diagnostics: [noGradient(node)] };
    const terms = rule({ build, node, gradient, needs });
    for (const [at, term] of terms.entries()) {
      const input = node.inputs[at];
      if (term !== undefined && input !== undefined) add(input, term);
    }
  }
  const gradients = wanted.map((id) => sums.get(id) ?? build.constant(nodeOf(graph, id).type.shape, 0));
  const { batch: _, ...fixed } = build.module().graph;
  return {
    value: { module: { weights: module.weights, graph: fixed }, seeds: inputs, gradients },
    diagnostics: [],
  };
}

function isPlaces(node: Node, at: number): boolean {
  const { operands } = opOf(node.op);
  return operands[Math.min(at, operands.length - 1)]?.places ?? false;
}

/** The error about a node that passes no gradient on. */
export function noGradient(node: Node): Diagnostic {
  const [span] = node.origin.spans;
  const isRounded = opOf(node.op).integers === "converts" || isInteger(node.type.dtype);
  const why = isRounded ? ", since its values are integers" : "";
  return error("no-gradient", `\`${node.name}\`: ${node.op} has no gradient${why}`, {
    ...given({ span }),
    help: [
      isRounded
        ? "split and distil a model before it is quantized, or choose outputs and layers without integers between them"
        : "choose outputs and layers without this op between them",
    ],
  });
}
