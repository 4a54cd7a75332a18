// Builds the right side of a rule: new nodes with inferred types, and weight expressions for ops over constants.

import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Fresh } from "#ir/fresh.js";
import type { AttributeValue, Graph, Node, NodeId, OpName, WeightId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import { f32 } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";

/** A value of the right side. New values become nodes only when the whole side is known to fit. */
export type Ref = { readonly type: TensorType } & (
  | { readonly kind: "node"; readonly id: NodeId }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "absent" }
  | {
      readonly kind: "op";
      readonly op: OpName;
      readonly operands: readonly Ref[];
      readonly attributes: Attributes;
    }
);

/** Makes values over the nodes of a graph. A value whose operands or attributes do not fit is undefined. */
export interface ReplacementBuilder {
  existing(id: NodeId): Ref;
  /** A scalar constant. */
  number(value: number): Ref;
  /** An op. Optional operands may be left out, and attributes that are not given have their defaults. */
  op(op: OpName, operands: readonly Ref[], attributes: Attributes): Ref | undefined;
}

export function createBuilder(graph: Graph): ReplacementBuilder {
  return {
    existing: (id) => ({ kind: "node", id, type: nodeOf(graph, id).type }),
    number: (value) => ({ kind: "number", value, type: f32() }),
    op: (name, given, attributes) => {
      const op = opOf(name);
      const operands = [...given];
      for (let at = operands.length; at < op.operands.length && op.operands[at]?.optional; at += 1) {
        const type = op.optionalType?.(
          operands.map((operand) => operand.type),
          at,
        );
        if (!type) return undefined;
        operands.push({ kind: "absent", type });
      }
      const types = operands.map((operand) => operand.type);
      const complete: Record<string, AttributeValue> = {};
      for (const [key, kind] of Object.entries(op.attributes)) {
        const value = attributes[key] ?? kind.default;
        if (value === undefined) return undefined;
        complete[key] = value;
      }
      const normal = normalizeAttributes(name, types, complete);
      if (isProblem(normal)) return undefined;
      const type = inferType(name, types, normal);
      return isProblem(type)
        ? undefined
        : { kind: "op", op: name, operands, attributes: { ...normal }, type };
    },
  };
}

/** The nodes that compute some values, and the ids of these values. */
export interface Built {
  readonly ids: readonly NodeId[];
  readonly nodes: readonly Node[];
}

/** The place of a rewrite, which gives new nodes their ids, names and origin. */
export interface RewriteSite {
  readonly module: Module;
  /** The nodes that are replaced: the node of each value takes the id, name and position of its root. */
  readonly roots: readonly Node[];
  readonly origin: Node["origin"];
  readonly fresh: Fresh;
}

/** Turns values into nodes, a value for each root. An op over constants becomes one constant with an expression in the weight store. */
export function materialize(values: readonly Ref[], site: RewriteSite): Built {
  const nodes: Node[] = [];
  const made = new Map<Ref, NodeId>();
  const folded = new Map<Ref, WeightId | undefined>();
  const { module, roots, origin } = site;
  /** The root whose value is a new node; one value may replace several roots. */
  const rootOf = new Map<Ref, Node>();
  for (const [at, value] of values.entries()) {
    const root = roots[at];
    if (root && !rootOf.has(value)) rootOf.set(value, root);
  }

  const base = (value: Ref, name: string, root: Node) => {
    const own = rootOf.get(value);
    if (own) return { id: own.id, name: own.name, position: own.position };
    return { id: site.fresh.nextId(), name: site.fresh.unique(name), position: root.position };
  };
  const push = (node: Node): NodeId => {
    nodes.push(node);
    return node.id;
  };
  const make = (value: Ref, path: string, root: Node): NodeId => {
    if (value.kind === "node") return value.id;
    const known = made.get(value);
    if (known !== undefined) return known;
    const weight = weightOf(value, module, path, folded);
    let id: NodeId;
    if (weight !== undefined) {
      id = push(constantNode({ ...base(value, path, root), type: value.type, origin }, weight));
    } else {
      const { op, operands, attributes } = value as Extract<Ref, { kind: "op" }>;
      const inputs = operands.map((operand, at) => make(operand, operandPath(path, op, operand, at), root));
      const kernel = given({ kernel: root.kernel });
      id = push(
        makeNode({ ...base(value, path, root), ...kernel, op, inputs, attributes, type: value.type, origin }),
      );
    }
    made.set(value, id);
    return id;
  };
  const ids = roots.map((root, at) => make(values[at] ?? bug("a root has no value"), root.name, root));
  return { ids, nodes };
}

/** A constant for an entry of the weight store. */
export function constantNode(
  base: Pick<Node, "id" | "name" | "position" | "type" | "origin">,
  weight: WeightId,
): Node {
  return makeNode({ ...base, op: "constant", inputs: [], attributes: { weight } });
}

/**
 * Adds an entry to the store for a value that is made of constants alone; undefined for any other value. `known` holds the entries
 * of values so far: terms of `where` may share parts, and would otherwise be visited exponentially often.
 */
function weightOf(
  value: Ref,
  module: Module,
  path: string,
  known: Map<Ref, WeightId | undefined>,
): WeightId | undefined {
  if (!known.has(value)) known.set(value, addWeight(value, module, path, known));
  return known.get(value);
}

function addWeight(
  value: Ref,
  module: Module,
  path: string,
  known: Map<Ref, WeightId | undefined>,
): WeightId | undefined {
  switch (value.kind) {
    case "node": {
      const node = nodeOf(module.graph, value.id);
      return node.op === "constant" ? node.attributes.weight : undefined;
    }
    case "number":
      return module.weights.add(path, value.type, { kind: "literal", data: Float32Array.of(value.value) });
    case "absent":
      return module.weights.add(path, value.type, { kind: "absent" });
    case "op": {
      // Constant operands need their entries even if another operand is not constant: they become nodes then.
      const inputs = value.operands.map((operand, at) =>
        weightOf(operand, module, operandPath(path, value.op, operand, at), known),
      );
      const all = inputs.filter((input) => input !== undefined);
      if (all.length < inputs.length) return undefined;
      const { op, attributes, type } = value;
      return module.weights.add(path, type, { kind: "expression", op, attributes, inputs: all });
    }
    default:
      return value satisfies never;
  }
}

/** The name of an operand of y: `y.w` for a weight, `y.relu` for an op. */
function operandPath(path: string, op: OpName, operand: Ref, at: number): string {
  const described = opOf(op).operands[Math.min(at, opOf(op).operands.length - 1)];
  if (described?.role === "weight") return `${path}.${described.name}`;
  return `${path}.${operand.kind === "op" ? operand.op : operand.kind === "number" ? "scalar" : "x"}`;
}
