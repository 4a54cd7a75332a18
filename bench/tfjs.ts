// A graph as calls of tfjs, as its converter writes them: bias and activation are part of the convolution.

import * as tf from "@tensorflow/tfjs-core";
import type { Graph, Node, NodeId, OpName } from "../src/ir/graph.js";
import { nodeOf } from "../src/ir/graph.js";
import { topological } from "../src/ir/node-order.js";
import type { Activation } from "./activations.js";
import { fusedActivations } from "./activations.js";
import type { Values } from "./running.js";

/** A network on the backend that was current when it was made. */
export interface TfjsNet {
  run(inputs: Values): Promise<Values>;
  dispose(): void;
}

/** Ops that take an activation. */
const fusing: ReadonlySet<OpName> = new Set(["conv2d", "depthwise_conv2d", "dense"]);

/** Weights become tensors once, on the current backend. The first run throws for an unknown op. */
export function tfjsNet({
  graph,
  readF32,
}: {
  readonly graph: Graph;
  readonly readF32: (weight: string) => Float32Array;
}): TfjsNet {
  const order = topological(graph).filter((node) => node.op !== "constant");
  const activations = fusedActivations(graph, fusing);
  const constants = new Map<NodeId, tf.Tensor>();
  for (const node of graph.nodes.values()) {
    if (node.op === "constant")
      constants.set(node.id, tf.tensor(readF32(node.attributes.weight), [...node.type.shape]));
  }
  // tfjs has depthwise kernels as [kh, kw, c, m]; because output channel is c·m + j, the bytes are the same.
  for (const node of order) {
    const [x = -1, w = -1] = node.inputs;
    const kernel = constants.get(w);
    if (node.op !== "depthwise_conv2d" || !kernel) continue;
    const [height = 1, width = 1] = kernel.shape;
    constants.set(w, tf.reshape(kernel, [height, width, nodeOf(graph, x).type.shape[3] ?? 1, -1]));
  }

  const forward = (inputs: Values): Record<string, tf.Tensor> => {
    const values = new Map<NodeId, tf.Tensor>(constants);
    for (const node of order) {
      // Already computed together with the convolution before it.
      if (values.has(node.id)) continue;
      if (node.op === "input") {
        values.set(node.id, tf.tensor(inputs[node.name] ?? [], [...node.type.shape]));
        continue;
      }
      const operands = node.inputs.map((id) => values.get(id) ?? fail(`${node.name} lacks an operand`));
      const fused = activations.get(node.id);
      values.set(fused?.id ?? node.id, call(node, operands, fused?.op));
    }
    return Object.fromEntries(
      graph.outputs.map(({ name, node }) => [name, values.get(node) ?? fail(`output ${name} has no value`)]),
    );
  };

  return {
    run: async (inputs) => {
      const results = tf.tidy(() => forward(inputs));
      const entries: [string, Float32Array][] = [];
      for (const [name, result] of Object.entries(results))
        entries.push([name, (await result.data()) as Float32Array]);
      tf.dispose(results);
      return Object.fromEntries(entries);
    },
    dispose: () => tf.dispose([...constants.values()]),
  };
}

function call(node: Node, all: tf.Tensor[], activation: Activation | undefined): tf.Tensor {
  const [x, w, b, ...rest] = all;
  if (!x) throw new Error(`${node.name} has no operand`);
  const withActivation = activation ? { activation } : {};
  const withBias = b ? { bias: b } : {};
  switch (node.op) {
    case "conv2d":
    case "depthwise_conv2d": {
      if (node.op === "conv2d" && node.attributes.groups !== 1) throw new Error(`${node.name} has groups`);
      const { stride, dilation, padding } = node.attributes;
      if (Math.max(...stride) > 1 && Math.max(...dilation) > 1)
        throw new Error(`${node.name} has a stride and a dilation`);
      const shared = {
        x: x as tf.Tensor4D,
        filter: w as tf.Tensor4D,
        strides: [stride[0], stride[1]] as [number, number],
        // The declared type lacks explicit padding for depthwise convolutions, but the code is the same.
        pad: explicit(padding) as unknown as "valid",
        dilations: [dilation[0], dilation[1]] as [number, number],
        ...withBias,
        ...withActivation,
      };
      return node.op === "conv2d" ? tf.fused.conv2d(shared) : tf.fused.depthwiseConv2d(shared);
    }
    case "dense": {
      const rows = x.rank === 2 ? (x as tf.Tensor2D) : tf.reshape(x, [-1, x.shape.at(-1) ?? 1]);
      const product = tf.fused.matMul({ a: rows, b: w as tf.Tensor2D, ...withBias, ...withActivation });
      return x.rank === 2 ? product : tf.reshape(product, [...node.type.shape]);
    }
    case "batch_norm": {
      const [mean, variance] = rest;
      if (!mean || !variance) throw new Error(`${node.name} lacks an operand`);
      return tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        b as tf.Tensor1D,
        w as tf.Tensor1D,
        node.attributes.epsilon,
      );
    }
    case "max_pool": {
      const { kernel, stride, padding, dilation } = node.attributes;
      if (dilation.some((one) => one !== 1)) throw new Error(`${node.name} has a dilation`);
      return tf.maxPool(x as tf.Tensor4D, pair(kernel), pair(stride), explicit(padding));
    }
    case "avg_pool": {
      const { kernel, stride, padding, dilation, count_include_pad } = node.attributes;
      if (dilation.some((one) => one !== 1)) throw new Error(`${node.name} has a dilation`);
      const pad = explicit(padding);
      if (count_include_pad && Math.max(...pad.flat()) > 0)
        throw new Error(`${node.name} has zeros that count`);
      return tf.avgPool(x as tf.Tensor4D, pair(kernel), pair(stride), pad);
    }
    case "global_avg_pool":
      return tf.mean(x, [1, 2], node.attributes.keepdims);
    case "global_max_pool":
      return tf.max(x, [1, 2], node.attributes.keepdims);
    case "softmax":
      if (node.attributes.axis !== -1 && node.attributes.axis !== x.rank - 1)
        throw new Error(`${node.name} has another axis than the last`);
      return tf.softmax(x);
    case "reshape":
      return tf.reshape(x, [...node.type.shape]);
    case "transpose":
      return tf.transpose(x, [...node.attributes.perm]);
    case "concat":
      return tf.concat(all, node.attributes.axis);
    case "pad": {
      const { before, after, mode, value } = node.attributes;
      if (mode !== "constant") throw new Error(`${node.name} has the mode ${mode}`);
      return tf.pad(
        x,
        before.map((amount, axis) => [amount, after[axis] ?? 0]),
        value,
      );
    }
    case "relu":
      return tf.relu(x);
    case "relu6":
      return tf.relu6(x);
    case "sigmoid":
      return tf.sigmoid(x);
    case "tanh":
      return tf.tanh(x);
    case "clip":
      return tf.clipByValue(x, node.attributes.low, node.attributes.high);
    case "add":
      return tf.add(x, w ?? fail(`${node.name} lacks an operand`));
    case "sub":
      return tf.sub(x, w ?? fail(`${node.name} lacks an operand`));
    case "mul":
      return tf.mul(x, w ?? fail(`${node.name} lacks an operand`));
    case "div":
      return tf.div(x, w ?? fail(`${node.name} lacks an operand`));
    case "prelu":
      return tf.prelu(x, w ?? fail(`${node.name} lacks an operand`));
    default:
      throw new Error(`${node.name}: ${node.op} is not known`);
  }
}

function pair(values: readonly number[]): [number, number] {
  return [values[0] ?? 1, values[1] ?? 1];
}

function explicit(padding: readonly number[] | string): [[0, 0], [number, number], [number, number], [0, 0]] {
  if (typeof padding === "string") throw new Error("padding must be numbers; a graph has it so");
  const [top = 0, bottom = 0, left = 0, right = 0] = padding;
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

function fail(why: string): never {
  throw new Error(why);
}
