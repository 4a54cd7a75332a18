// A graph as JSON, for programs: in a stable order, and without internal ids.

import { given } from "#diagnostic/given.js";
import { expectModule } from "#diagnostic/argument.js";
import type { KernelPlan } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";
import { topological } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { nodeCost } from "./cost.js";

/** A node in the output of `inspect --format json`. */
export interface NodeJson {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly macs: number;
  /** Bytes of the result. */
  readonly bytes: number;
  readonly kernel?: string;
  readonly origin: {
    readonly pass?: string;
    readonly rule?: string;
    readonly spans: readonly { readonly file: string; readonly start: number; readonly end: number }[];
  };
}

/** A graph in the output of `inspect --format json`. */
export interface GraphJson {
  readonly name: string;
  readonly batch?: string;
  /** How pictures become values of inputs, by input. */
  readonly pictures?: Readonly<Record<string, Preprocess>>;
  /** Names of classes, by output. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  readonly nodes: readonly NodeJson[];
  readonly outputs: readonly { readonly name: string; readonly node: string; readonly once?: true }[];
  readonly kernels: Readonly<Record<string, KernelPlan>>;
}

/** The graph of a module as plain data, nodes in topological order. */
export function graphJson(module: Module): GraphJson {
  expectModule("graphJson", module);
  const { graph } = module;
  return {
    name: graph.name,
    ...given({
      batch: graph.batch,
      pictures: graph.pictures && Object.fromEntries(graph.pictures),
      labels: graph.labels && Object.fromEntries(graph.labels),
    }),
    nodes: topological(graph).map((node) => ({
      name: node.name,
      op: node.op,
      inputs: node.inputs.map((id) => nodeOf(graph, id).name),
      dtype: node.type.dtype,
      shape: node.type.shape,
      attributes:
        node.op === "constant"
          ? { ...node.attributes, source: entryOf(module.weights, node.attributes.weight).source.kind }
          : { ...node.attributes },
      macs: nodeCost(module, node).macs,
      bytes: nodeCost(module, node).bytes,
      ...given({ kernel: node.kernel }),
      origin: node.origin,
    })),
    outputs: graph.outputs.map(({ name, node, once }) => ({
      name,
      node: nodeOf(graph, node).name,
      ...given({ once }),
    })),
    kernels: Object.fromEntries(graph.kernels),
  };
}
