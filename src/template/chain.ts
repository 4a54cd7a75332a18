// Decides which nodes can be one kernel: chains of ops that some template holds.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId, TemplateName } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { broadcastOf } from "#ir/broadcast.js";
import { outputIds, users } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { sameShape } from "#ir/type.js";
import { shapeText } from "#ir/units.js";
import { lastStep, scalarSize } from "#ops/compose.js";
import { isMember, isOpClass, opOf } from "#ops/index.js";
import { isByteSum } from "./byte-sums.js";
import type { Template } from "./templates.js";
import { isOfUse, templateNames, templates } from "./templates.js";

/** The most operations of a step in which a value is needed twice: expressions are trees, so the value is computed twice. */
const maxStepSize = 64;

/** The most ops of a kernel. It is far above what nets have, and bounds the search and the registers of a kernel. */
const maxOps = 48;

/** Whether a node maps elements one by one. */
export function isMap(node: Node): boolean {
  return opOf(node.op).scalar !== undefined;
}

/** The nodes of a chain so far, in order, with what is needed to look at the next one. */
export interface GrowingChain {
  readonly nodes: readonly Node[];
  /** The place of each in `nodes`. */
  readonly places: ReadonlyMap<NodeId, number>;
  /** The place of the last stage; −1 without one. */
  readonly lastStage: number;
}

/** A chain of given nodes. */
export function chainOf(nodes: readonly Node[]): GrowingChain {
  return {
    nodes,
    places: new Map(nodes.map((node, at) => [node.id, at])),
    lastStage: nodes.findLastIndex((one) => !isMap(one)),
  };
}

/** Why a node cannot continue a chain, whatever follows; undefined if it can. An empty chain takes any first node. */
export function joinProblem(graph: Graph, chain: GrowingChain, node: Node): string | undefined {
  if (chain.nodes.length >= maxOps) return `a kernel holds ${maxOps} ops at most`;
  return isMap(node) ? mapProblem(graph, chain, node) : stageProblem(graph, chain, node);
}

/**
 * Why an elementwise step cannot continue the chain. Its operands must be values of the chain since the last stage, or sides that broadcast
 * in a simple way.
 */
function mapProblem(
  graph: Graph,
  { nodes: chain, places, lastStage }: GrowingChain,
  node: Node,
): string | undefined {
  const { shape } = node.type;
  const isReachable = (input: Node): boolean => (places.get(input.id) ?? -1) >= Math.max(lastStage, 0);
  const inputs = operands(graph, node);
  for (const input of inputs) {
    if (isReachable(input)) {
      if (!sameShape(input.type.shape, shape))
        return `\`${node.name}\` repeats \`${input.name}\` from ${shapeText(input.type.shape)} to ${shapeText(shape)}`;
    } else if (places.has(input.id)) {
      return `\`${input.name}\` is read by \`${node.name}\`, after the value has gone through \`${chain[lastStage]?.name}\``;
    } else if (broadcastOf(input.type.shape, shape) === "general") {
      return `\`${input.name}\` repeats over \`${node.name}\` from ${shapeText(input.type.shape)} to ${shapeText(shape)}, which only a kernel of its own does`;
    }
  }
  const isFed =
    chain.length === 0
      ? inputs.some((input) => input.op !== "constant" && sameShape(input.type.shape, shape))
      : inputs.some((input) => isReachable(input));
  if (!isFed) return `\`${node.name}\` reads no value of the chain whole`;
  const flow = chain[Math.max(lastStage, 0)];
  const last = chain.at(-1);
  const readsBack = inputs.some((input) => input.id !== last?.id && isReachable(input));
  if (!flow || !readsBack) return undefined;
  const segment = [...chain.slice(lastStage < 0 ? 0 : lastStage + 1), node];
  const from = lastStage < 0 ? segment[0]?.inputs[0] : flow.id;
  const step = from === undefined ? undefined : lastStep(segment, from);
  return step && scalarSize(step.scalar) > maxStepSize
    ? `\`${node.name}\` needs values of the chain again that are too long to compute twice`
    : undefined;
}

/** Why a stage cannot continue the chain. It must take the only open value as its first operand, and nothing else of the chain. */
function stageProblem(graph: Graph, { nodes: chain, places }: GrowingChain, node: Node): string | undefined {
  const flow = chain.at(-1);
  if (!flow) return undefined;
  if (node.inputs[0] !== flow.id || node.inputs.lastIndexOf(flow.id) !== 0)
    return `\`${flow.name}\` is not the first operand of \`${node.name}\` alone`;
  for (const one of chain) {
    if (outputIds(graph).has(one.id)) return `\`${one.name}\` is an output of the net`;
    const other = (users(graph).get(one.id) ?? []).find((id) => id !== node.id && !places.has(id));
    if (other !== undefined)
      return `\`${one.name}\` is also read by \`${nodeOf(graph, other).name}\`, but only a part of it is kept for \`${node.name}\``;
    if (one !== flow && node.inputs.includes(one.id))
      return `\`${node.name}\` also reads \`${one.name}\`, from before the end of the chain`;
  }
  return undefined;
}

/** The template that holds some nodes, or why none does. */
export type Held =
  | { readonly template: TemplateName; readonly problem?: never }
  | { readonly template?: never; readonly problem: string };

/** The template of a target that holds a whole chain, whose nodes are in order: the first one in the table. */
export function templateOf(graph: Graph, chain: readonly Node[], target: Target): Held {
  const stages = chain.filter((node) => !isMap(node));
  const [first] = stages;
  const last = stages.at(-1);
  if (!first || !last) return { template: "elementwise" };
  const view = stages.find((node) => opOf(node.op).classes.includes("view"));
  if (view && chain.length > 1)
    return { problem: `\`${view.name}\` is a ${view.op}, which is free as a view of memory` };
  const known = templateNames.filter((name) => holdsStages(name, graph, stages, target));
  const before = chain.indexOf(first);
  const able = before > 0 ? known.filter((name) => templates[name].prologue) : known;
  if (before > 0 && able.length === 0)
    return {
      problem: `no kernel computes \`${chain[before - 1]?.name}\` on the way into \`${first.name}\``,
    };
  if (last !== chain.at(-1) && !templates[ownTemplate(last)].epilogue)
    return { problem: `no kernel continues after the ${last.op} \`${last.name}\`` };
  const [template] = able;
  return template === undefined
    ? { problem: `no kernel of ${target.name} holds ${stages.map((node) => node.op).join(" and ")}` }
    : { template };
}

/** Whether a template has these stages, and the target supports the template. The algorithm is chosen later. */
function holdsStages(name: TemplateName, graph: Graph, stages: readonly Node[], target: Target): boolean {
  const template = templates[name];
  if (template.insteadOf !== undefined || template.stages.length !== stages.length) return false;
  if (!isOfUse(template, target)) return false;
  const isChain = stages.length > 1;
  // What such a kernel keeps on chip are single elements, not words.
  if (isChain && target.words && stages.some((node) => isByteSum(graph, node, target))) return false;
  return stages.every((node, at) => {
    const inputs = operands(graph, node);
    const isFixed = inputs.slice(1).every((input) => input.op === "constant");
    return isStage(template.stages[at], node, inputs) && (isFixed || !isChain);
  });
}

function isStage(
  wanted: Template["stages"][number] | undefined,
  node: Node,
  inputs: readonly Node[],
): boolean {
  if (wanted === undefined) return false;
  const types = inputs.map((input) => input.type);
  return isOpClass(wanted) ? isMember(wanted, node, types) : node.op === wanted;
}

/** The template with the name of an op. */
export function ownTemplate({ op }: Node): TemplateName {
  return templateNames.find((name) => name === op) ?? bug(`no template for ${op}`);
}
