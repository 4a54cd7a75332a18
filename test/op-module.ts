// Modules made for tests: one op on random operands, or a chain of ops.

import { makeNode, ops } from "#ops/index.js";
import type { Node, OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Random } from "#ops/random.js";
import { opOf } from "#ops/index.js";
import { randomPlaces } from "./ops/values.js";
import { createWeightStore } from "#weights/store.js";

/** Ops that compute: all but inputs and constants. */
export const computingOps = (Object.keys(ops) as OpName[]).filter(
  (op) => op !== "input" && op !== "constant",
);

/** A net of one op: data operands are inputs, weights are literals. */
export function opModule(
  op: OpName,
  inputs: readonly TensorType[],
  attributes: object,
  output: TensorType,
  random: Random,
): Module {
  const weights = createWeightStore();
  const nodes = new Map<number, Node>();
  const add = (
    name: string,
    kind: OpName,
    type: TensorType,
    of: readonly number[],
    values: object,
  ): number => {
    const id = nodes.size;
    nodes.set(
      id,
      makeNode({
        id,
        name,
        op: kind,
        inputs: of,
        type,
        attributes: { ...values },
        position: id,
        origin: { spans: [] },
      }),
    );
    return id;
  };
  const operands = opOf(op).operands;
  const ids = inputs.map((type, at) => {
    if (operands[Math.min(at, operands.length - 1)]!.role === "data")
      return add(`x${at}`, "input", type, [], {});
    // A variance must be positive, and so may any weight be.
    const data = Float32Array.from({ length: elements(type.shape) }, () =>
      op === "batch_norm" ? Math.abs(random.normal()) + 0.1 : random.normal(),
    );
    const weight = weights.add(`w${at}`, type, { kind: "literal", data });
    return add(`w${at}`, "constant", type, [], { weight });
  });
  const node = add("y", op, output, ids, attributes);
  return {
    graph: { name: op, nodes, outputs: [{ name: "y", node }], kernels: new Map(), nextId: nodes.size },
    weights,
  };
}

/** Standard normal values for all inputs of a module, exact in f32; whole numbers for places. */
export function randomInputs(module: Module, random: Random): Map<string, Tensor> {
  return new Map(
    [...module.graph.nodes.values()]
      .filter((node) => node.op === "input")
      .map((node) => [
        node.name,
        isPlaces(module, node.id)
          ? randomPlaces(random, node.type)
          : {
              shape: node.type.shape,
              data: Float64Array.from({ length: elements(node.type.shape) }, () =>
                Math.fround(random.normal()),
              ),
            },
      ]),
  );
}

function isPlaces({ graph }: Module, id: number): boolean {
  return [...graph.nodes.values()].some(({ op, inputs }) => opOf(op).operands[inputs.indexOf(id)]?.places);
}
