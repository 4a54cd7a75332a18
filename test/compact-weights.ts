// Modules with weights of few bits, and the same modules with the widened values as f32: both must give the same bits.

import type { CodeType, CompactForm } from "#ir/compact.js";
import type { Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import { channels, elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { makeNode, opOf } from "#ops/index.js";
import type { Random } from "#ops/random.js";
import { roundedForm } from "#weights/compact.js";
import { createWeightStore } from "#weights/store.js";

export interface Pair {
  readonly compact: Module;
  readonly plain: Module;
  /** The forms in use. */
  readonly forms: readonly CompactForm[];
}

/** Stores every constant but indices in a form that is drawn, whatever its size and use. */
export function compactEverywhere(module: Module, random: Random): Pair {
  const forms: CompactForm[] = [];
  const { graph, weights } = module;
  const nodes = new Map(graph.nodes);
  for (const node of graph.nodes.values()) {
    if (node.op !== "constant" || isIndex(module, node)) continue;
    const { source } = entryOf(weights, node.attributes.weight);
    if (source.kind === "absent" || source.kind === "compact") continue;
    const form = drawForm(module, node, random);
    if (!form) continue;
    forms.push(form);
    const of = node.attributes.weight;
    const id = weights.add(`${of}.${forms.length}`, node.type, {
      kind: "compact",
      of,
      isRounded: true,
      form,
    });
    nodes.set(node.id, makeNode({ ...node, attributes: { weight: id } }));
  }
  const compact = { graph: { ...graph, nodes }, weights };
  return { compact, plain: widened(compact), forms };
}

/** The module with the values of its compact weights as literals. */
export function widened({ graph, weights }: Module): Module {
  const store = createWeightStore();
  const nodes = new Map(
    [...graph.nodes].map(([id, node]): [number, Node] => {
      if (node.op !== "constant") return [id, node];
      const { source, type } = entryOf(weights, node.attributes.weight);
      const data = () => weights.readF32(node.attributes.weight).slice();
      const own = source.kind === "absent" ? source : ({ kind: "literal", data: data() } as const);
      return [
        id,
        makeNode({ ...node, attributes: { weight: store.add(node.attributes.weight, type, own) } }),
      ];
    }),
  );
  return { graph: { ...graph, nodes }, weights: store };
}

function isIndex({ graph }: Module, node: Node): boolean {
  return (users(graph).get(node.id) ?? []).some((id) => {
    const { op, inputs } = nodeOf(graph, id);
    return inputs.some((input, at) => input === node.id && opOf(op).operands[at]?.places);
  });
}

function drawForm(
  { graph, weights }: Module,
  node: Node & { op: "constant" },
  random: Random,
): CompactForm | undefined {
  const { weight } = node.attributes;
  const count = elements(node.type.shape);
  if (count < 2) return undefined;
  const depthwise = (users(graph).get(node.id) ?? [])
    .map((id) => nodeOf(graph, id))
    .find(({ op }) => op === "depthwise_conv2d");
  const own = channels(depthwise?.type.shape ?? node.type.shape);
  const columns = count % own === 0 ? own : channels(node.type.shape);
  if (random.next() < 0.5) {
    const rounded = roundedForm(weights, weight, random.pick(["f16", "int8"]), columns);
    return "why" in rounded ? undefined : rounded.form;
  }
  const codes = random.pick<CodeType>(["int8", "uint8", "uint16", "float16"]);
  const least = codes === "int8" ? -128 : 0;
  // Halves from −2 to 2.
  const most = { int8: 127, uint8: 255, uint16: 65_535, float16: 0x4000 }[codes];
  const values = Float32Array.from(
    { length: count },
    () => random.int(least, most) + (codes === "float16" && random.next() < 0.5 ? 0x8000 : 0),
  );
  const read = (into?: Float32Array) => {
    if (!into) return values;
    into.set(values);
    return into.subarray(0, count);
  };
  const numbers =
    codes === "float16" ? { scale: 1, min: 0 } : { scale: 2 / most, min: random.pick([0, -1, 0.3]) };
  const factors = Float64Array.from({ length: columns }, () => random.normal());
  const dtype = random.pick(["f32", "f64"] as const);
  const stored = dtype === "f32" ? Float64Array.from(factors, Math.fround) : factors;
  return {
    codes,
    ...numbers,
    read,
    ...(random.next() < 0.5 && { factors: { dtype, count: columns, read: () => stored } }),
  };
}
