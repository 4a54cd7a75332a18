// Fusions: chains of ops in the direction of the data, as `fuse` items write them, found in a graph.

import type { Expression, FuseItem, FuseStep } from "#grammar/ast.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import { suggest } from "#diagnostic/suggest.js";
import type { Graph, Node } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { outputIds, topological, users } from "#ir/order.js";
import type { Target } from "#ir/target.js";
import { channels, elements, sameShape } from "#ir/type.js";
import { isMember, isOp, isOpClass, opClasses, opOf, ops } from "#ops/index.js";

/** A compiled `fuse` item. */
export interface Fusion {
  readonly name: string;
  readonly steps: readonly FusionStep[];
  readonly condition: (chain: readonly Node[], graph: Graph, target: Target) => boolean;
}

interface FusionStep {
  readonly accepts: (graph: Graph, node: Node) => boolean;
  readonly repeat: FuseStep["repeat"];
}

/** A chain that a fusion matches. */
export interface Candidate {
  readonly fusion: Fusion;
  readonly nodes: readonly Node[];
  /** Bytes that are neither written to memory nor read back. */
  readonly savedBytes: number;
  /** Modelled seconds that it saves. */
  readonly saving: number;
}

/** Checks and compiles a `fuse` item. */
export function compileFusion(item: FuseItem): Result<Fusion> {
  const diagnostics: Diagnostic[] = [];
  const steps = item.steps.map((step): FusionStep => {
    const { text, span } = step.name;
    if (!isOp(text) && !isOpClass(text)) {
      const near = suggest(text, [...Object.keys(ops), ...opClasses]);
      const help =
        near.length > 0
          ? [`did you mean ${near.map((one) => `\`${one}\``).join(" or ")}?`]
          : [`classes are ${opClasses.join(", ")}`];
      diagnostics.push(error("unknown-op", `\`${text}\` is no op and no class of ops`, { span, help }));
    }
    return { repeat: step.repeat, accepts: (graph, node) => accepts(text, graph, node) };
  });
  const condition = item.when ? compileCondition(item.when, diagnostics) : () => true;
  if (hasErrors(diagnostics)) return { diagnostics };
  return { value: { name: item.name.text, steps, condition }, diagnostics };
}

/** All chains of at least two nodes that the fusion matches and that are legal, one per first node, as long as can be. */
export function findCandidates(fusion: Fusion, graph: Graph, target: Target): Candidate[] {
  return topological(graph).flatMap((start) => {
    const nodes = matchFrom(fusion, graph, start);
    if (!nodes || nodes.length < 2 || !fusion.condition(nodes, graph, target)) return [];
    const savedBytes = nodes.slice(0, -1).reduce((sum, node) => sum + 2 * 4 * elements(node.type.shape), 0);
    return [
      { fusion, nodes, savedBytes, saving: savedBytes / target.bytes + (nodes.length - 1) * target.launch },
    ];
  });
}

/**
 * The longest chain from a node on. Every inner value has one user and is no output, so nothing leaves the chain but its
 * last value, no path leaves it and comes back, and no two chains can wait for each other.
 */
function matchFrom(fusion: Fusion, graph: Graph, start: Node): Node[] | undefined {
  const chain: Node[] = [];
  let next: Node | undefined = start;
  for (const step of fusion.steps) {
    let count = 0;
    while (
      next &&
      step.accepts(graph, next) &&
      isFree(next) &&
      (chain.length === 0 || canFollow(graph, chain, next))
    ) {
      chain.push(next);
      count += 1;
      next = onlyUser(graph, next);
      if (step.repeat === "one" || step.repeat === "?") break;
    }
    if (count === 0 && (step.repeat === "one" || step.repeat === "+")) return undefined;
  }
  return chain;
}

function isFree(node: Node): boolean {
  return node.kernel === undefined && node.op !== "input" && node.op !== "constant";
}

function onlyUser(graph: Graph, node: Node): Node | undefined {
  const [use, second] = users(graph).get(node.id) ?? [];
  return use === undefined || second !== undefined || outputIds(graph).has(node.id)
    ? undefined
    : nodeOf(graph, use);
}

/** Whether a kernel can take the next node: the value flows in whole, and side operands broadcast in a simple way. */
function canFollow(graph: Graph, chain: readonly Node[], next: Node): boolean {
  const flow = chain.at(-1);
  if (!flow) return true;
  if (!opOf(next.op).scalar) return next.inputs[0] === flow.id && next.inputs.lastIndexOf(flow.id) === 0;
  if (!sameShape(flow.type.shape, next.type.shape)) return false;
  return operands(graph, next).every(
    (side) => side.id === flow.id || broadcastsSimply(side.type.shape, next.type.shape),
  );
}

/** Element by element, per channel, per last-axis vector, or one value. */
function broadcastsSimply(shape: readonly number[], to: readonly number[]): boolean {
  if (sameShape(shape, to) || elements(shape) === 1) return true;
  if (elements(shape) === channels(to) && channels(shape) === channels(to)) return true;
  return channels(shape) === 1 && shape.length === to.length && elements(shape) === elements(to.slice(0, -1));
}

function accepts(name: string, graph: Graph, node: Node): boolean {
  if (isOpClass(name)) {
    return isMember(
      name,
      node,
      operands(graph, node).map((input) => input.type),
    );
  }
  return node.op === name;
}

/** Conditions on a chain: `fits_on_chip`, with `and`, `or`, `not`. */
function compileCondition(expression: Expression, diagnostics: Diagnostic[]): Fusion["condition"] {
  if (expression.kind === "binary" && (expression.operator === "and" || expression.operator === "or")) {
    const left = compileCondition(expression.left, diagnostics);
    const right = compileCondition(expression.right, diagnostics);
    const isAnd = expression.operator === "and";
    return (...of) => (isAnd ? left(...of) && right(...of) : left(...of) || right(...of));
  }
  if (expression.kind === "unary" && expression.operator === "not") {
    const operand = compileCondition(expression.operand, diagnostics);
    return (...of) => !operand(...of);
  }
  if (expression.kind === "name" && expression.name === "fits_on_chip") return fitsOnChip;
  diagnostics.push(
    error("unknown-condition", "this is no condition on a chain of ops", {
      span: expression.span,
      help: ["`when` of a fusion takes `fits_on_chip`, with `and`, `or`, `not`"],
    }),
  );
  return () => false;
}

/** Whether one row of every inner value fits into the target's scratch: the least that a fused kernel keeps. */
function fitsOnChip(chain: readonly Node[], graph: Graph, target: Target): boolean {
  const [first] = chain;
  const input = first && operands(graph, first)[0];
  const row = (node: Node): number => 4 * elements(node.type.shape.slice(2));
  const windowRows =
    first?.op === "depthwise_conv2d" || first?.op === "conv2d"
      ? (operands(graph, first)[1]?.type.shape[0] ?? 1)
      : 1;
  const inner = chain.slice(0, -1).filter((node) => !opOf(node.op).scalar);
  const bytes = inner.reduce((sum, node) => sum + row(node), 0) + (input ? windowRows * row(input) : 0);
  return bytes <= target.scratchBytes;
}
