// Moves zero points out of sums that kernels compute as f32: the integers that such sums read are stored less their zero points, so that sums
// need no correction and pad with zeros. Sums that a target computes in integers keep their zero points.

import { produce } from "immer";
import { bug } from "#diagnostic/diagnostic.js";
import { createFresh } from "#ir/fresh.js";
import type { Graph, Node, NodeId, OpName } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import type { IntegerType, TensorType } from "#ir/type.js";
import { elements, integerRanges, isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { makeNode, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { zeroNames } from "#ops/result-type.js";
import { constantNode } from "#rewrite/rule/replacement-builder.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import { isByteSum } from "#template/byte-sums.js";

export const centerIntegers: Pass = {
  name: "center-integers",
  doc: "Stores the integers that sums of f32 read less their zero points, so that these sums need no zero points.",
  run: (module, { target }) => {
    const { graph } = module;
    const hasZero = [...graph.nodes.values()].some(
      (node) => zerosOf(node).some((zero) => zero !== 0) && !isByteSum(graph, node, target),
    );
    return hasZero ? centred(module, target) : module;
  },
};

/** An integer value in the new graph: the integer of the old graph is the new one plus `offset`. */
interface Stored {
  readonly id: NodeId;
  readonly type: TensorType;
  readonly offset: number;
}

function centred(module: Module, target: Target): Module {
  const { graph, weights } = module;
  const toCentre = readByCentredSums(graph, target);
  const fresh = createFresh(graph);
  const changed = new Map<NodeId, Node>();
  const values = new Map<NodeId, Stored>();
  const shifts = new Map<string, Stored>();

  const storedOf = (id: NodeId): Stored => {
    const known = values.get(id);
    if (known) return known;
    const { type } = graph.nodes.get(id) ?? bug(`center-integers: there is no node ${id}`);
    return { id, type, offset: 0 };
  };

  /** The value with another offset. The number of new nodes is bounded by the uses of integers with different zero points. */
  const withOffset = (value: Stored, offset: number, wanted: IntegerType, near: Node): Stored => {
    if (value.offset === offset) return value;
    const key = `${value.id} ${offset}`;
    const known = shifts.get(key);
    if (known) return known;
    const { shape } = value.type;
    const parts = {
      position: near.position,
      origin: { pass: "center-integers", spans: near.origin.spans },
    };
    if (wanted === "i32") {
      const moved = { id: sumWith(value, value.offset - offset, parts, near), type: value.type, offset };
      shifts.set(key, moved);
      return moved;
    }
    const type: TensorType = { dtype: offset === 0 ? wanted : centredType(wanted, offset), shape };
    const add = (op: OpName, of: NodeId, own: TensorType, attributes: Attributes): NodeId => {
      const source = changed.get(of) ?? graph.nodes.get(of);
      const id = fresh.nextId();
      const name = fresh.unique(`${source?.name ?? near.name}.${op}`);
      if (source?.op === "constant") {
        const inputs = [source.attributes.weight, one()];
        const weight = weights.add(name, own, { kind: "expression", op, attributes, inputs });
        changed.set(id, constantNode({ ...parts, id, name, type: own }, weight));
      } else {
        const inputs = [of, oneNode(parts)];
        changed.set(id, makeNode({ ...parts, id, name, op, inputs, type: own, attributes }));
      }
      return id;
    };
    const real = add("dequantize", value.id, { dtype: "f32", shape }, { zero: offset - value.offset });
    const [low, high] = integerRanges[wanted].map((bound) => bound - offset);
    const id = add("quantize", real, type, {
      zero: 0,
      low: low ?? 0,
      high: high ?? 0,
      type: type.dtype as IntegerType,
    });
    const shifted = { id, type, offset };
    shifts.set(key, shifted);
    return shifted;
  };

  /** A sum of 32 bits and a number. */
  const sumWith = (
    { id: of, type }: Stored,
    number: number,
    parts: Pick<Node, "position" | "origin">,
    near: Node,
  ): NodeId => {
    const name = fresh.unique(`${(changed.get(of) ?? graph.nodes.get(of) ?? near).name}.add`);
    const added = fresh.nextId();
    const scalar: TensorType = { dtype: "i32", shape: [] };
    const weight = weights.add(`${name}.offset`, scalar, {
      kind: "literal",
      data: Float32Array.of(number),
    });
    const constant = { ...parts, id: added, name: fresh.unique(`${name}.offset`), type: scalar };
    changed.set(added, constantNode(constant, weight));
    const id = fresh.nextId();
    changed.set(id, makeNode({ ...parts, id, name, op: "add", inputs: [of, added], type, attributes: {} }));
    return id;
  };

  const one = (): string =>
    weights.add("one", { dtype: "f32", shape: [] }, { kind: "literal", data: Float32Array.of(1) });
  let ones: NodeId | undefined;
  const oneNode = (parts: Pick<Node, "position" | "origin">): NodeId => {
    if (ones !== undefined) return ones;
    const id = fresh.nextId();
    const type: TensorType = { dtype: "f32", shape: [] };
    changed.set(id, constantNode({ ...parts, id, name: fresh.unique("one"), type }, one()));
    ones = id;
    return id;
  };

  const put = (
    node: Node,
    inputs: readonly NodeId[],
    attributes: object,
    type = node.type,
    offset = 0,
  ): void => {
    const same = inputs.every((id, at) => id === node.inputs[at]) && attributes === node.attributes;
    if (!same || type !== node.type)
      changed.set(node.id, makeNode({ ...node, inputs, type, attributes: { ...attributes } }));
    if (isInteger(type.dtype)) values.set(node.id, { id: node.id, type, offset });
  };

  for (const node of topological(graph)) {
    const inputs = node.inputs.map(storedOf);
    const ids = inputs.map(({ id }) => id);
    if (node.op === "quantize") {
      const { zero, low, high, type: dtype } = node.attributes;
      if (zero === 0 || !toCentre.has(node.id)) continue;
      const [least, greatest] = integerRanges[dtype];
      const own = centredType(dtype, zero);
      const bounds = { low: Math.max(low, least) - zero, high: Math.min(high, greatest) - zero };
      const attributes = { zero: 0, ...bounds, type: own };
      put(node, ids, attributes, { dtype: own, shape: node.type.shape }, zero);
    } else if (node.op === "dequantize") {
      const { offset = 0 } = inputs[0] ?? {};
      const { zero } = node.attributes;
      put(node, ids, offset === 0 ? node.attributes : { zero: zero - offset });
    } else if (isByteSum(graph, node, target)) {
      const whole = inputs.map((value, at) => withOffset(value, 0, integerType(module, node, at), node));
      put(
        node,
        whole.map(({ id }) => id),
        node.attributes,
      );
    } else if (opOf(node.op).integers === "sums" && isInteger(node.type.dtype)) {
      const factors = inputs.map((value, at): Stored => {
        const zero = zerosOf(node)[at];
        return zero === undefined ? value : withOffset(value, zero, integerType(module, node, at), node);
      });
      const zeros = Object.fromEntries(zeroNames(opOf(node.op)).map((name) => [name, 0]));
      const isMoved = zerosOf(node).some((zero) => zero !== 0);
      const attributes = isMoved ? { ...node.attributes, ...zeros } : node.attributes;
      // A sum without zero points, as that of a pool, has the offsets of all its terms.
      const terms = elements(inputs[0]?.type.shape ?? []) / elements(node.type.shape);
      const offset = zerosOf(node).length > 0 ? 0 : (inputs[0]?.offset ?? 0) * terms;
      put(
        node,
        factors.map(({ id }) => id),
        attributes,
        node.type,
        offset,
      );
    } else if (opOf(node.op).integers === "adds" && isInteger(node.type.dtype)) {
      const offset = inputs.reduce((sum, value) => sum + value.offset, 0);
      put(node, ids, node.attributes, node.type, offset);
    } else if (opOf(node.op).integers === "moves" && isInteger(node.type.dtype)) {
      const { offset = 0 } = inputs[0] ?? {};
      const same = inputs.map((value, at): Stored =>
        isInteger(value.type.dtype) ? withOffset(value, offset, integerType(module, node, at), node) : value,
      );
      const { dtype = node.type.dtype } = same[0]?.type ?? {};
      const isPad = node.op === "pad" && offset !== 0;
      put(
        node,
        same.map(({ id }) => id),
        isPad ? { ...node.attributes, value: node.attributes.value - offset } : node.attributes,
        dtype === node.type.dtype ? node.type : { dtype, shape: node.type.shape },
        offset,
      );
    }
  }
  const outputs = graph.outputs.map((output) => {
    const value = values.get(output.node);
    const node = graph.nodes.get(output.node);
    if (!value || !node || value.offset === 0) return output;
    return { ...output, node: withOffset(value, 0, node.type.dtype as IntegerType, node).id };
  });
  return {
    weights,
    graph: produce(graph, (draft) => {
      for (const [id, node] of changed) draft.nodes.set(id, node as never);
      draft.outputs = outputs;
      draft.nextId = fresh.next;
    }),
  };
}

/** The zero points of an op's factors, by operand; those of conversions do not count. */
function zerosOf({ op, attributes }: Node): readonly number[] {
  return zeroNames(opOf(op)).map((name) => Number((attributes as Attributes)[name] ?? 0));
}

function integerType({ graph }: Module, node: Node, at: number): IntegerType {
  const dtype = graph.nodes.get(node.inputs[at] ?? -1)?.type.dtype ?? "f32";
  return isInteger(dtype) ? dtype : bug(`${node.name} has an operand of type ${dtype}`);
}

/** The smallest type of the integers of a type less a zero point. */
function centredType(dtype: IntegerType, zero: number): IntegerType {
  const [least, greatest] = integerRanges[dtype].map((bound) => bound - zero);
  const types = Object.keys(integerRanges) as IntegerType[];
  return (
    types.find((one) => integerRanges[one][0] <= (least ?? 0) && integerRanges[one][1] >= (greatest ?? 0)) ??
    bug(`no type holds ${dtype} less ${zero}`)
  );
}

/** The values that sums of f32 read with a zero point, or through moves. */
function readByCentredSums(graph: Graph, target: Target): ReadonlySet<NodeId> {
  const found = new Set<NodeId>();
  for (const node of topological(graph).toReversed()) {
    const { integers } = opOf(node.op);
    const isCentred =
      zerosOf(node).length > 0 && isInteger(node.type.dtype) && !isByteSum(graph, node, target);
    if (isCentred || (integers === "moves" && found.has(node.id)))
      for (const id of node.inputs) found.add(id);
  }
  return found;
}
