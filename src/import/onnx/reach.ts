// What of a model its outputs depend on, and which operators of that are not known.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { quote } from "#import/refusal.js";
import type { Step } from "#import/cut.js";
import { cutHelp, cutPlaces } from "#import/cut.js";
import { addUnknown, unknownMessage } from "#import/unknown.js";
import type { GraphProto, NodeProto } from "#onnx/proto/onnx_pb.js";

/** The nodes that outputs depend on, in the order of the file, and every name that one of them or an output reads. */
export interface Reached {
  readonly nodes: readonly NodeProto[];
  readonly used: ReadonlySet<string>;
}

/** Walks from the outputs to the inputs. Two nodes that make the same name are an error, as a text. */
export function reach(graph: GraphProto, outputs: readonly string[]): Reached | string {
  const makers = new Map<string, NodeProto>();
  const given = new Set([...graph.input, ...graph.initializer].map(({ name }) => name));
  for (const node of graph.node) {
    for (const name of node.output) {
      if (name === "") continue;
      if (makers.has(name)) return `two nodes make ${quote(name)}`;
      if (given.has(name)) return `${quote(name)} is made by a node, and is an input or a weight too`;
      makers.set(name, node);
    }
  }
  const used = new Set(outputs);
  const reached = new Set<NodeProto>();
  // A set may grow while it is walked, and then the new names are walked too.
  for (const name of used) {
    const maker = makers.get(name);
    if (!maker || reached.has(maker)) continue;
    reached.add(maker);
    for (const read of namesRead(maker)) used.add(read);
  }
  return { nodes: graph.node.filter((node) => reached.has(node)), used };
}

/** What a node reads, its subgraphs' names included: some of them are names of the graph around. */
function namesRead(node: NodeProto): string[] {
  const names = node.input.filter((name) => name !== "");
  const open = subgraphs(node);
  for (let graph = open.pop(); graph; graph = open.pop()) {
    for (const { name } of graph.output) names.push(name);
    for (const inner of graph.node) {
      for (const name of inner.input) if (name !== "") names.push(name);
      for (const part of subgraphs(inner)) open.push(part);
    }
  }
  return names;
}

function subgraphs(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
}

/** What can be done about operators that people meet. */
const advice: Readonly<Record<string, string>> = {
  NonMaxSuppression: "boxes are better sorted out in JavaScript",
  TopK: "it is better done in JavaScript",
  Loop: "export the model with fixed shapes, so that the exporter unrolls it",
  DynamicQuantizeLinear: "export the model with float activations; quantised weights are fine",
};

/** The nodes as steps; `isBad` says which ones cannot be imported. */
function stepsOf(nodes: readonly NodeProto[], isBad: (node: NodeProto) => boolean): Step[] {
  return nodes.map((node) => ({
    reads: namesRead(node),
    makes: node.output.filter((name) => name !== ""),
    isBad: isBad(node),
    isShape: node.opType === "Shape" || node.opType === "Size",
  }));
}

/** The help that says where a model can be cut before bad nodes. */
export function cutBefore(
  nodes: readonly NodeProto[],
  isBad: (node: NodeProto) => boolean,
  { inputs, outputs }: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
): readonly string[] {
  return cutHelp(cutPlaces(stepsOf(nodes, isBad), inputs, outputs));
}

/** Whether a node and all nodes in its subgraphs are known. */
function isKnownWhole(node: NodeProto, isKnown: (domain: string, op: string) => boolean): boolean {
  const open = [node];
  for (let next = open.pop(); next; next = open.pop()) {
    if (!isKnown(next.domain, next.opType)) return false;
    for (const graph of subgraphs(next)) for (const inner of graph.node) open.push(inner);
  }
  return true;
}

/** One message about all operators of the model that are not known, or none. */
export function unknownOperators(
  nodes: readonly NodeProto[],
  isKnown: (domain: string, op: string) => boolean,
  {
    file,
    ...ends
  }: { readonly file: string; readonly inputs: readonly string[]; readonly outputs: readonly string[] },
): Diagnostic[] {
  const found = new Map<string, string[]>();
  const open = [...nodes].toReversed();
  for (let node = open.pop(); node; node = open.pop()) {
    if (!isKnown(node.domain, node.opType)) {
      const op = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
      addUnknown(found, op, node.name || node.output[0] || "");
    }
    for (const graph of subgraphs(node)) for (const inner of graph.node) open.push(inner);
  }
  return unknownMessage(found, {
    file,
    advice,
    help: [
      ...(found.size > 0 ? cutBefore(nodes, (node) => !isKnownWhole(node, isKnown), ends) : []),
      "docs/onnx.md lists what is known; onnxsim or onnxruntime's offline optimization may fold such nodes away",
    ],
  });
}
