// Makes modules for tests: one op on random operands, or a chain of ops.

import { makeNode, ops } from "#ops/index.js";
import type { Node, NodeId, OpName } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { elements, isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Distribution } from "#ops/distributions.js";
import { distributionNames, drawValues } from "#ops/distributions.js";
import { evalNode, inferType, opOf } from "#ops/index.js";
import type { OpClass } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { randomIntegers, randomPlaces } from "./ops/values.js";
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
    // A variance must be positive, and other weights may be.
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

/** Values for all inputs of a module, exact in f32; whole numbers for indices. */
export function randomInputs(
  module: Module,
  random: Random,
  kind: Distribution = "normal",
): Map<string, Tensor> {
  return new Map(
    inputNodes(module.graph).map(({ id, name, type }) => [
      name,
      isPlaces(module, id)
        ? randomPlaces(random, type)
        : isInteger(type.dtype)
          ? randomIntegers(random, type.dtype, type.shape)
          : { shape: type.shape, data: Float64Array.from(drawValues(random, kind, elements(type.shape))) },
    ]),
  );
}

function isPlaces({ graph }: Module, id: number): boolean {
  return [...graph.nodes.values()].some(({ op, inputs }) => opOf(op).operands[inputs.indexOf(id)]?.places);
}

/** A distribution for each seed, all in turn. */
export const kindOf = (seed: number): Distribution => distributionNames[seed % distributionNames.length]!;

/** An op of a drawn shape in its own net, with inputs from one of the distributions. */
export interface OpSample {
  /** The description to print if it fails. */
  readonly name: string;
  readonly module: Module;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

export function opSample(op: OpName, seed: number): OpSample {
  // By the op too: else all ops with windows are drawn the same few windows, and what those lack is tried nowhere.
  const random = seededRandom(seed * 7919 + hashOf(op));
  const { inputs: types, attributes } = opOf(op).sample(random);
  const type = inferType(op, types, attributes as never);
  if (isProblem(type)) throw new Error(`sample of ${op} is invalid: ${type.problem}`);
  const module = opModule(op, types, attributes, type, random);
  const name = `${op} seed ${seed}, ${kindOf(seed)} inputs ${JSON.stringify({ inputs: types, attributes })}`;
  return { name, module, inputs: randomInputs(module, random, kindOf(seed)) };
}

/** FNV-1a. */
function hashOf(text: string): number {
  return [...text].reduce((hash, one) => Math.imul(hash ^ one.charCodeAt(0), 0x01000193) >>> 0, 0x811c9dc5);
}

/**
 * The values whose size sets the tolerance of a net of one op (see `firstDifference`). For a sum, the sum of the absolute values of
 * its terms, since the terms may cancel; for a difference of two large values likewise. For other ops, the values themselves.
 */
export function scaleOf({ module, inputs }: Pick<OpSample, "module" | "inputs">): Float64Array {
  const { graph, weights } = module;
  const valueOf = new Map<NodeId, Tensor>();
  for (const node of topological(graph)) {
    const isSum = sums.some((one) => opOf(node.op).classes.includes(one)) || addition.includes(node.op);
    const operands = node.inputs.map((id) => valueOf.get(id)!);
    valueOf.set(
      node.id,
      node.op === "input"
        ? inputs.get(node.name)!
        : node.op === "constant"
          ? weights.read(node.attributes.weight)
          : evalNode(node, isSum ? absolutes(node.op, operands) : operands),
    );
  }
  return valueOf.get(graph.outputs[0]!.node)!.data;
}

const sums: readonly OpClass[] = ["convolution", "matmul", "reduction", "pooling"];
/** Sums of two terms or more, by other names: of gelu they are x/2 and x/2 · erf(x/√2), which cancel where x is negative. */
const addition: readonly OpName[] = ["add", "sub", "conv2d_transpose", "gelu"];

/** The sizes of the terms of a sum; the sizes in a difference are added. */
function absolutes(op: OpName, operands: readonly Tensor[]): Tensor[] {
  return operands.map(({ shape, data }, at) => ({
    shape,
    data: data.map((value) => (op === "sub" && at === 1 ? -Math.abs(value) : Math.abs(value))),
  }));
}
