// Tables of the layers of a model, before and after the passes.

import { given } from "#diagnostic/given.js";
import { expectModule } from "#diagnostic/argument.js";
import { lineText } from "#diagnostic/escape.js";
import type { Graph, Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { groupsOf, topological } from "#ir/node-order.js";
import { bytesOf } from "#ir/target.js";
import type { Preprocess } from "#ir/preprocess.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { nodeCost, opCount, totalCost } from "#inspect/cost.js";
import { bytesText, countText, numberText, shapeText } from "#ir/units.js";
import type { Counts } from "./counts.js";
import { countsText } from "./counts.js";
import { picturesText } from "./pictures.js";
import { table } from "./table.js";

/** One row: a node, or a fused kernel. */
interface LayerRow {
  readonly name: string;
  /** `conv2d 3×3 /2`; for a kernel, its ops joined by ` + `. */
  readonly op: string;
  readonly kernel?: string;
  /** The shape of the result, at batch 1. */
  readonly shape: readonly number[];
  readonly parameters: number;
  /** Multiply-accumulates at batch 1. */
  readonly macs: number;
  /** Bytes of the result, which are written to memory. */
  readonly bytes: number;
}

/** Layers and totals of one graph at batch 1. */
export interface Explanation {
  readonly rows: readonly LayerRow[];
  readonly parameters: number;
  readonly macs: number;
  /** Bytes of all results that are written to memory, without inputs. */
  readonly bytes: number;
  /** Operators: nodes that are neither inputs nor constants. */
  readonly ops: number;
}

/** The output of `cleave explain --json`. */
export interface ExplainReport {
  readonly name: string;
  /** What the doc comments of the model say about the net, and about what its file defines. */
  readonly docs?: readonly { readonly kind: string; readonly name: string; readonly text: string }[];
  /** How pictures become values, by input. */
  readonly pictures?: Readonly<Record<string, Preprocess>>;
  /** Names of classes, by output. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  readonly before: Explanation;
  readonly after: Explanation;
  readonly counts: Counts;
}

/** One row per node, without constants. */
export function explain(module: Module): Explanation {
  expectModule("explain", module);
  return summarize(
    module,
    layers(module.graph).map((node) => row(module, [node])),
  );
}

/**
 * One row for each kernel of the graph, and one for each node outside kernels. Not all rows are kernels of a run: views do not need a
 * kernel, and a concat may take several.
 */
export function explainKernels(module: Module): Explanation {
  const nodes = layers(module.graph);
  const groupOf = groupsOf(nodes);
  const groups = nodes.map(groupOf).filter(([first], at) => first === nodes[at]);
  return summarize(
    module,
    groups.map((group) => row(module, group)),
  );
}

/** The report as text: both tables and the totals. */
export function explainText(report: ExplainReport): string {
  const { before, after } = report;
  const change = (from: string, to: string) => (from === to ? from : `${from} → ${to}`);
  return [
    ...docsText(report),
    ...knownText(report),
    `${lineText(report.name)}: as written`,
    rowsText(before),
    "",
    `${lineText(report.name)}: after the passes, by kernel`,
    rowsText(after),
    "",
    countsText(report.counts),
    `parameters           ${change(exact(before.parameters), exact(after.parameters))}`,
    `MACs                 ${change(exact(before.macs), exact(after.macs))}`,
    `written to memory    ${change(bytesText(before.bytes), bytesText(after.bytes))}`,
    "",
  ].join("\n");
}

/** A line for each doc comment, with a blank line behind them. */
function docsText({ docs = [] }: ExplainReport): string[] {
  if (docs.length === 0) return [];
  return [
    ...docs.map(
      ({ kind, name, text }) => `${kind} ${lineText(name)}: ${lineText(text.replaceAll("\n", " "))}`,
    ),
    "",
  ];
}

/** What is known about pictures and classes, with a blank line behind it. */
function knownText({ pictures = {}, labels = {} }: ExplainReport): string[] {
  const text = picturesText({
    pictures: new Map(Object.entries(pictures)),
    labels: new Map(Object.entries(labels)),
  });
  return text === "" ? [] : [text];
}

function rowsText(explanation: Explanation): string {
  const head = ["layer", "op", "result", "parameters", "MACs", "bytes"];
  const body = explanation.rows.map((layer) => [
    layer.kernel === undefined ? layer.name : `${layer.kernel} ${layer.name}`,
    layer.op,
    shapeText(layer.shape),
    layer.parameters === 0 ? "" : exact(layer.parameters),
    layer.macs === 0 ? "" : exact(layer.macs),
    bytesText(layer.bytes),
  ]);
  const total = [
    "total",
    "",
    "",
    exact(explanation.parameters),
    exact(explanation.macs),
    bytesText(explanation.bytes),
  ];
  return table(head, [...body, total], ["left", "left", "left", "right", "right", "right"]);
}

function exact(count: number): string {
  return count < 1e10 ? numberText(count) : countText(count);
}

function layers(graph: Graph): Node[] {
  return topological(graph).filter((node) => node.op !== "constant");
}

function row(module: Module, nodes: readonly Node[]): LayerRow {
  const last = nodes.at(-1) as Node;
  const costs = nodes.map((node) => nodeCost(module, node));
  return {
    name: last.name,
    op: nodes.map((node) => opText(module.graph, node)).join(" + "),
    ...given({ kernel: last.kernel }),
    shape: last.type.shape,
    parameters: costs.reduce((sum, cost) => sum + cost.parameters, 0),
    macs: costs.reduce((sum, cost) => sum + cost.macs, 0),
    bytes: bytesOf(last.type.dtype) * elements(last.type.shape),
  };
}

function summarize(module: Module, rows: readonly LayerRow[]): Explanation {
  const computed = rows.filter((layer) => layer.op !== "input");
  return {
    rows,
    ...totalCost(module),
    bytes: computed.reduce((sum, layer) => sum + layer.bytes, 0),
    ops: opCount(module.graph),
  };
}

/** `conv2d 3×3 /2`: the op, with the size and stride of its window. */
function opText(graph: Graph, node: Node): string {
  if (node.op !== "conv2d" && node.op !== "depthwise_conv2d") return node.op;
  const kernel = nodeOf(graph, node.inputs[1] as number).type.shape.slice(0, 2);
  const { stride } = node.attributes;
  const step =
    stride[0] === 1 && stride[1] === 1 ? "" : ` /${stride[0] === stride[1] ? stride[0] : stride.join("×")}`;
  return `${node.op} ${kernel.join("×")}${step}`;
}
