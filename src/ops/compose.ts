// Elementwise nodes as a sequence of steps over one value; nodes that need an earlier value again become one step.

import { bug } from "#diagnostic/diagnostic.js";
import type { Node, NodeId } from "#ir/graph.js";
import { opOf } from "./index.js";
import type { Scalar } from "./scalar.js";
import { operand } from "./scalar.js";

/** One step: it takes the flowing value and gives a new one. */
export interface ComposedStep {
  /** The nodes that the step computes; the value of the last one flows to the next step. */
  readonly nodes: readonly Node[];
  /** The value that the step takes. */
  readonly from: NodeId;
  /** An expression over the operands in `flow` and `sides`. */
  readonly scalar: Scalar;
  /** The operands of `scalar` that are the flowing value. */
  readonly flow: readonly number[];
  /** The other operands, by operand index. */
  readonly sides: ReadonlyMap<number, NodeId>;
}

/**
 * The steps of elementwise nodes in order; every node must read `flow` or a node before it. A node that reads only the
 * value just before it, as most do, is one step, with the operand indices of the node. In `x · σ(x)` the product needs x again, so
 * σ and the product are one step. A side that is one of `conversions` is computed in the step, from its operands.
 */
export function composeSteps(
  nodes: readonly Node[],
  flow: NodeId,
  conversions: ReadonlyMap<NodeId, Node> = new Map(),
): ComposedStep[] {
  let steps: ComposedStep[] = [];
  for (const node of nodes) {
    const first = earliestRead(steps, flow, node);
    const from = first === 0 ? flow : (steps[first - 1]?.nodes.at(-1)?.id ?? flow);
    const merged = [...steps.slice(first).flatMap((step) => step.nodes), node];
    steps = [...steps.slice(0, first), makeStep(merged, from, conversions)];
  }
  return steps;
}

/**
 * The last step of `composeSteps(nodes, flow)`, without computing the others. A step begins at a node if neither this node nor a later
 * one reads a value earlier than the one just before it, so the search begins at the end.
 */
export function lastStep(nodes: readonly Node[], flow: NodeId): ComposedStep | undefined {
  const places = new Map<NodeId, number>(nodes.map((node, at) => [node.id, at]));
  let start = nodes.length - 1;
  for (let at = start; at >= start && at >= 0; at -= 1) {
    for (const id of nodes[at]?.inputs ?? []) {
      const place = id === flow ? -1 : (places.get(id) ?? at);
      start = Math.min(start, place + 1);
    }
  }
  const from = nodes[start - 1]?.id ?? flow;
  return nodes.length === 0 ? undefined : makeStep(nodes.slice(start), from);
}

/** The number of operations of an expression, which counts a value each time it is used. */
export function scalarSize(scalar: Scalar): number {
  switch (scalar.kind) {
    case "operand":
    case "number":
      return 0;
    case "unary":
      return 1 + scalarSize(scalar.x);
    case "binary":
      return 1 + scalarSize(scalar.a) + scalarSize(scalar.b);
    case "select":
      return (
        1 + [scalar.a, scalar.b, scalar.then, scalar.otherwise].reduce((sum, x) => sum + scalarSize(x), 0)
      );
    default:
      return scalar satisfies never;
  }
}

/** How many steps stay separate: those before the first step whose inner or incoming value the node reads. */
function earliestRead(steps: readonly ComposedStep[], flow: NodeId, node: Node): number {
  let first = steps.length;
  if (node.inputs.includes(flow)) return 0;
  for (const [at, step] of steps.entries()) {
    for (const [place, { id }] of step.nodes.entries()) {
      if (!node.inputs.includes(id)) continue;
      first = Math.min(first, place === step.nodes.length - 1 ? at + 1 : at);
    }
  }
  return first;
}

function makeStep(
  nodes: readonly Node[],
  from: NodeId,
  conversions: ReadonlyMap<NodeId, Node> = new Map(),
): ComposedStep {
  const [single, second] = nodes;
  if (single && !second && !single.inputs.some((id) => id !== from && conversions.has(id))) {
    const own = single.inputs.map((_, at) => operand(at));
    return {
      nodes,
      from,
      scalar: scalarOf(single, own),
      flow: [...single.inputs.keys()].filter((at) => single.inputs[at] === from),
      sides: new Map([...single.inputs.entries()].filter(([, id]) => id !== from)),
    };
  }
  const values = new Map<NodeId, Scalar>([[from, operand(0)]]);
  const sides = new Map<number, NodeId>();
  const valueOf = (id: NodeId): Scalar => {
    const known = values.get(id);
    if (known) return known;
    const conversion = conversions.get(id);
    const value = conversion ? scalarOf(conversion, conversion.inputs.map(valueOf)) : operand(sides.size + 1);
    if (!conversion) sides.set(sides.size + 1, id);
    values.set(id, value);
    return value;
  };
  for (const node of nodes) values.set(node.id, scalarOf(node, node.inputs.map(valueOf)));
  const last = nodes.at(-1) ?? bug("a step of no nodes");
  return { nodes, from, scalar: values.get(last.id) ?? bug("a step without a value"), flow: [0], sides };
}

function scalarOf(node: Node, operands: readonly Scalar[]): Scalar {
  const { scalar } = opOf(node.op);
  return (
    scalar?.(operands, node.attributes as Readonly<Record<string, never>>) ??
    bug(`${node.op} is not elementwise`)
  );
}
