// A graph as an ONNX model (opset 13), so that ONNX runtimes run the same network with the same weights. The model is NCHW,
// as exporters write them, and its results are in Cleave's order. It has the ops of the examples; another one is an error.
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

import type { Module, Node } from "../src/index.js";
import { nodeOf, topological } from "../src/index.js";
import { channelsFirst } from "./channels.js";
import type { Message } from "./protobuf.js";
import { bytesField, encode, floatField, message, messageField, textField, varintField } from "./protobuf.js";

type Attributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;

/** The bytes of an ONNX model with the graph's inputs and outputs under their names. Throws for an op that it does not know. */
export function toOnnx({ graph, weights }: Module): Uint8Array {
  const nodes: Message[] = [];
  const initializers: Message[] = [];
  const inputs: Message[] = [];
  const outputs: Message[] = [];
  const names = new Map<number, string>();

  const constant = (id: number): { shape: readonly number[]; values: Float32Array } => {
    const node = nodeOf(graph, id);
    if (node.op !== "constant") throw new Error(`${node.name} is no constant`);
    return { shape: node.type.shape, values: weights.readF32(node.attributes.weight) };
  };
  const initializer = (
    name: string,
    shape: readonly number[],
    values: Float32Array | BigInt64Array,
  ): string => {
    initializers.push(tensor(name, shape, values));
    return name;
  };
  const add = (op: string, from: readonly string[], to: string, attributes: Attributes = {}): string => {
    nodes.push(operator(op, from, to, attributes));
    return to;
  };
  const value = (id: number): string => names.get(id) ?? fail(`${nodeOf(graph, id).name} has no value`);

  /** A vector of channels, such as a bias. */
  const vector = (id: number | undefined, name: string): string[] => {
    if (id === undefined) return [];
    const { shape, values } = constant(id);
    return [initializer(name, shape, values)];
  };

  const emit = (node: Node): string => {
    const to = `v${node.id}`;
    const [x = -1, w = -1, b] = node.inputs;
    const xShape = x < 0 ? [] : nodeOf(graph, x).type.shape;
    switch (node.op) {
      case "input":
        inputs.push(valueInfo(node.name, channelsFirst(node.type.shape)));
        return node.name;
      case "conv2d":
      case "depthwise_conv2d": {
        const { shape, values } = constant(w);
        const [height = 1, width = 1, depth = 1, filters = 1] = shape;
        const kernel = transposeKernel(values, height * width, depth, filters);
        const names = [
          initializer(`${to}.w`, [filters, depth, height, width], kernel),
          ...vector(b, `${to}.b`),
        ];
        return add("Conv", [value(x), ...names], to, {
          ...window(node.attributes),
          kernel_shape: [height, width],
          group: node.op === "conv2d" ? node.attributes.groups : (xShape[3] ?? 1),
        });
      }
      case "dense": {
        if (xShape.length !== 2) throw new Error(`${node.name}: only a dense layer over rows is known`);
        const { shape, values } = constant(w);
        return add("Gemm", [value(x), initializer(`${to}.w`, shape, values), ...vector(b, `${to}.b`)], to);
      }
      case "batch_norm": {
        const statistics = node.inputs.slice(1).flatMap((id, at) => vector(id, `${to}.${at}`));
        return add("BatchNormalization", [value(x), ...statistics], to, {
          epsilon: { float: node.attributes.epsilon },
        });
      }
      case "relu":
        return add("Relu", [value(x)], to);
      case "relu6": {
        const bounds = [0, 6].map((bound) => initializer(`${to}.${bound}`, [], Float32Array.of(bound)));
        return add("Clip", [value(x), ...bounds], to);
      }
      case "add": {
        const shapes = node.inputs.map((id) => nodeOf(graph, id).type.shape.join());
        if (shapes[0] !== shapes[1]) throw new Error(`${node.name}: only a sum of equal shapes is known`);
        return add("Add", [value(x), value(w)], to);
      }
      case "max_pool":
        return add("MaxPool", [value(x)], to, {
          ...window(node.attributes),
          kernel_shape: node.attributes.kernel,
        });
      case "global_avg_pool":
        return add("Flatten", [add("GlobalAveragePool", [value(x)], `${to}.pool`)], to, { axis: 1 });
      case "reshape": {
        const rows = xShape.length === 4 ? add("Transpose", [value(x)], `${to}.nhwc`, toLast) : value(x);
        const shape = BigInt64Array.from(node.type.shape, BigInt);
        return add("Reshape", [rows, initializer(`${to}.shape`, [shape.length], shape)], to);
      }
      default:
        throw new Error(`${node.name}: ${node.op} is not known`);
    }
  };

  for (const node of topological(graph)) if (node.op !== "constant") names.set(node.id, emit(node));
  for (const { name, node } of graph.outputs) {
    const { shape } = nodeOf(graph, node).type;
    if (shape.length === 4) add("Transpose", [value(node)], name, toLast);
    else add("Identity", [value(node)], name);
    outputs.push(valueInfo(name, shape));
  }
  const body = message(
    ...nodes.map((one) => messageField(1, one)),
    textField(2, graph.name),
    ...initializers.map((one) => messageField(5, one)),
    ...inputs.map((one) => messageField(11, one)),
    ...outputs.map((one) => messageField(12, one)),
  );
  const opset = message(textField(1, ""), varintField(2, 13));
  return encode(
    message(varintField(1, 7), textField(2, "cleave"), messageField(7, body), messageField(8, opset)),
  );
}

const toLast: Attributes = { perm: [0, 2, 3, 1] };

interface Window {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[] | string;
}

function window({ stride, dilation, padding }: Window): Attributes {
  if (typeof padding === "string") throw new Error("padding must be numbers; a graph has it so");
  const [top = 0, bottom = 0, left = 0, right = 0] = padding;
  return { strides: stride, dilations: dilation, pads: [top, left, bottom, right] };
}

/** `[taps, depth, filters]` → `[filters, depth, taps]`. */
function transposeKernel(values: Float32Array, taps: number, depth: number, filters: number): Float32Array {
  const result = new Float32Array(values.length);
  let to = 0;
  for (let filter = 0; filter < filters; filter += 1)
    for (let channel = 0; channel < depth; channel += 1)
      for (let tap = 0; tap < taps; tap += 1) {
        result[to] = values[(tap * depth + channel) * filters + filter] ?? 0;
        to += 1;
      }
  return result;
}

function operator(op: string, inputs: readonly string[], output: string, attributes: Attributes): Message {
  return message(
    ...inputs.map((name) => textField(1, name)),
    textField(2, output),
    textField(3, output),
    textField(4, op),
    ...Object.entries(attributes).map(([name, attribute]) => messageField(5, attributeOf(name, attribute))),
  );
}

function attributeOf(name: string, value: Attributes[string]): Message {
  if (typeof value === "number")
    return message(textField(1, name), varintField(3, value), varintField(20, 2));
  if ("float" in value) return message(textField(1, name), floatField(2, value.float), varintField(20, 1));
  return message(textField(1, name), ...value.map((one) => varintField(8, one)), varintField(20, 7));
}

function tensor(name: string, shape: readonly number[], values: Float32Array | BigInt64Array): Message {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return message(
    ...shape.map((extent) => varintField(1, extent)),
    varintField(2, values instanceof Float32Array ? 1 : 7),
    textField(8, name),
    bytesField(9, bytes),
  );
}

function valueInfo(name: string, shape: readonly number[]): Message {
  const dims = shape.map((extent) => messageField(1, varintField(1, extent)));
  const type = message(varintField(1, 1), messageField(2, message(...dims)));
  return message(textField(1, name), messageField(2, messageField(1, type)));
}

function fail(why: string): never {
  throw new Error(why);
}
