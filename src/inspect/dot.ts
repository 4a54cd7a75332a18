// A graph as Graphviz DOT: a box for each node, a cluster for each kernel.

import { expectModule } from "#diagnostic/argument.js";
import { dotString } from "#diagnostic/escape.js";
import type { KernelId, Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { TensorType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { countText } from "#ir/units.js";
import { nodeCost } from "./cost.js";
import { headline } from "./headline.js";
import { opFacts } from "./op-facts.js";

/** Fill colours by kind of op; light, so that black text stays readable. */
const fills: Readonly<Record<string, string>> = {
  input: "#d8e8f8",
  conv2d: "#f8dcc4",
  depthwise_conv2d: "#fbe9c6",
  dense: "#f3cfd6",
  matmul: "#f3cfd6",
};

/** The graph in DOT: an edge is named by the shape of its value. Constants are not drawn: their sizes are in the boxes of their users. */
export function graphDot(module: Module): string {
  expectModule("graphDot", module);
  const { graph } = module;
  const nodes = topological(graph).filter((node) => node.op !== "constant");
  const lines = [
    `digraph ${dotString(graph.name)} {`,
    `  rankdir=TB; nodesep=0.25; ranksep=0.3;`,
    `  node [shape=box, style="rounded,filled", fillcolor="#eeeeee", color="#888888", fontname="Helvetica", fontsize=10, margin="0.25,0.06"];`,
    `  edge [color="#666666", arrowsize=0.6, fontname="Helvetica", fontsize=9, fontcolor="#666666"];`,
  ];
  const byKernel = new Map<KernelId, Node[]>();
  for (const node of nodes) {
    if (node.kernel === undefined) continue;
    const members = byKernel.get(node.kernel);
    if (members) members.push(node);
    else byKernel.set(node.kernel, [node]);
  }
  for (const [kernel, label] of graph.kernels) {
    const members = byKernel.get(kernel);
    if (!members) continue;
    lines.push(
      `  subgraph ${dotString(`cluster_${kernel}`)} {`,
      `    label=${dotString(`${kernel} ${label.fusion ?? label.template}`)}; labeljust=l; fontname="Helvetica"; fontsize=10; color="#b0b0b0"; style="rounded,dashed";`,
    );
    for (const node of members) lines.push(`    ${box(module, node)}`);
    lines.push(`  }`);
  }
  for (const node of nodes) if (node.kernel === undefined) lines.push(`  ${box(module, node)}`);
  for (const node of nodes) {
    for (const id of node.inputs) {
      const { op, type } = nodeOf(graph, id);
      if (op !== "constant") lines.push(`  n${id} -> n${node.id} [label=${dotString(shapeOf(type))}];`);
    }
  }
  for (const [index, output] of graph.outputs.entries()) {
    lines.push(
      `  out${index} [label=${dotString(output.name)}, shape=plain, style="", fontsize=11];`,
      `  n${output.node} -> out${index} [label=${dotString(shapeOf(nodeOf(graph, output.node).type))}];`,
    );
  }
  lines.push("}");
  return `${lines.join("\n")}\n`;
}

/** Only ASCII, here and in boxes, because Graphviz does not know the widths of other characters. */
function shapeOf({ shape }: TensorType): string {
  return shape.join("x") || "scalar";
}

function box(module: Module, node: Node): string {
  const { parameters, macs } = nodeCost(module, node);
  const facts = [
    ...(macs > 0 ? [`${countText(macs)} MACs`] : []),
    ...(parameters > 0 ? [`${countText(parameters)} parameters`] : []),
  ];
  const lines = [node.name, headline(node.op, opFacts(module.graph, node), "x"), facts.join(", ")];
  const fill = fills[node.op];
  return `n${node.id} [label=${dotString(lines.filter((line) => line !== "").join("\n"))}${fill ? `, fillcolor="${fill}"` : ""}];`;
}
