// TensorFlow.js models written as text, one layer or node a line, so that cases can be read.
//
//     x = InputLayer {"batch_input_shape": [null, 8, 8, 3]}      x = Placeholder [-1, 8, 8, 3]
//     a = Conv2D(x) {"filters": 4, "kernel_size": 3}             w = weight [3, 3, 3, 4]
//     b = a(y)                                                   s = int [2] 6, 8
//                                                                x = Placeholder INT32 [-1, 8, 8, 3]
//     output b                                                   a = Conv2D(x, w) {"strides": [1, 1, 1, 1], "padding": "SAME"}

import type { DataFile } from "#import/data-file.js";
import { dataFileOf } from "#import/data-file.js";
import { seededRandom } from "#ops/random.js";

interface Line {
  readonly name: string;
  readonly kind: string;
  readonly operands: readonly string[];
  readonly rest: string;
}

function linesOf(text: string): { lines: Line[]; outputs: string[] } {
  const outputs: string[] = [];
  const lines: Line[] = [];
  for (const line of text.split("\n").filter((one) => one.trim() !== "")) {
    const output = /^output (.*)$/.exec(line);
    if (output) {
      outputs.push(...output[1]!.split(" "));
      continue;
    }
    const match = /^(\S+) = (\w+)(?:\(([^)]*)\))?(.*)$/.exec(line);
    if (!match) throw new Error(`no layer or node: ${line}`);
    const operands = (match[3] ?? "").split(",").map((one) => one.trim());
    lines.push({
      name: match[1]!,
      kind: match[2]!,
      operands: operands.filter((one) => one !== ""),
      rest: match[4]!.trim(),
    });
  }
  return { lines, outputs };
}

/** The topology of a layers model. A call of a layer that is there already is one more call of it. */
export function layersTopology(text: string, isSequential = false): object {
  const { lines, outputs } = linesOf(text);
  const layers = new Map<
    string,
    { name: string; class_name: string; config: object; inbound_nodes: unknown[] }
  >();
  const tensors = new Map<string, [string, number, number]>();
  for (const { name, kind, operands, rest } of lines) {
    const call = operands.map((one) => [...(tensors.get(one) ?? [one, 0, 0]), {}]);
    const known = layers.get(kind);
    const layer = known ?? {
      name,
      class_name: kind,
      config: { name, ...(JSON.parse(rest || "{}") as object) },
      inbound_nodes: [],
    };
    layers.set(layer.name, layer);
    // Calls of a model are counted from 1.
    const first = kind === "Model" || known?.class_name === "Model" ? 1 : 0;
    tensors.set(name, [layer.name, layer.inbound_nodes.length + first, 0]);
    if (call.length > 0) layer.inbound_nodes.push(call);
  }
  const all = [...layers.values()];
  const config = isSequential
    ? { name: "net", layers: all.map(({ class_name, config }) => ({ class_name, config })) }
    : {
        name: "net",
        layers: all,
        input_layers: all.filter((one) => one.class_name === "InputLayer").map(({ name }) => [name, 0, 0]),
        output_layers: outputs.map((one) => tensors.get(one) ?? [one, 0, 0]),
      };
  return {
    keras_version: "2.2.4",
    backend: "tensor_flow.js",
    model_config: { class_name: isSequential ? "Sequential" : "Model", config },
  };
}

/** A model.json with the bytes of its shards. */
export interface ModelFiles {
  readonly json: Record<string, unknown>;
  readonly shards: ReadonlyMap<string, Uint8Array>;
}

/**
 * A graph model; `weight` is normally distributed, `positive` between ½ and 1½. A function stands between `function f(a, b) -> y:0` and `end`,
 * after the graph; it is named as in `{"body": {"func": {"name": "f"}}}`.
 */
export function graphModel(text: string): ModelFiles {
  const [main = "", ...functions] = text.split(/^function /m);
  const { lines, outputs } = linesOf(main);
  const random = seededRandom(5);
  const weights: object[] = [];
  const bytes: number[] = [];
  const nodeOf = ({ name, kind, operands, rest }: Line): object => {
    if (kind === "Placeholder") {
      const [, type = "FLOAT", sizes = ""] = /^(?:([A-Z0-9]+) )?(.*)$/.exec(rest.trim()) ?? [];
      const dim = (JSON.parse(sizes) as number[]).map((size) => ({ size: `${size}` }));
      return { name, op: kind, attr: { dtype: { type: `DT_${type}` }, shape: { shape: { dim } } } };
    }
    if (kind === "weight" || kind === "positive" || kind === "int") {
      const [, list = "[]", values = ""] = /^(\[[^\]]*\])(.*)$/.exec(rest) ?? [];
      const shape = JSON.parse(list) as number[];
      const count = shape.reduce((product, extent) => product * extent, 1);
      const given = values.trim() === "" ? [] : values.split(",").map(Number);
      const numbers = Array.from({ length: count }, (_, at) =>
        given.length > 0 ? given[at]! : kind === "weight" ? random.normal() : 0.5 + random.next(),
      );
      const data = kind === "int" ? Int32Array.from(numbers) : Float32Array.from(numbers);
      bytes.push(...new Uint8Array(data.buffer));
      weights.push({ name, shape, dtype: kind === "int" ? "int32" : "float32" });
      return { name, op: "Const", attr: { dtype: { type: kind === "int" ? "DT_INT32" : "DT_FLOAT" } } };
    }
    const attributes = Object.entries(JSON.parse(rest || "{}") as Record<string, unknown>);
    const attr = Object.fromEntries(attributes.map(([key, value]) => [key, attributeOf(value)]));
    return { name, op: kind, input: operands, attr };
  };
  const nodes = lines.map(nodeOf);
  const library = { function: functions.map((one) => functionOf(one, nodeOf)) };
  const named = outputs.map((name) => [name, { name, dtype: "DT_FLOAT" }]);
  return {
    json: {
      format: "graph-model",
      modelTopology: { node: nodes, library, versions: {} },
      signature: { outputs: Object.fromEntries(named) },
      weightsManifest: [{ paths: ["weights.bin"], weights }],
    },
    shards: new Map([["weights.bin", Uint8Array.from(bytes)]]),
  };
}

function functionOf(text: string, nodeOf: (line: Line) => object): object {
  const match = /^(\w+)\(([^)]*)\) -> (.*)\n([\s\S]*?)^end$/m.exec(text);
  if (!match) throw new Error(`no function: ${text}`);
  const [, name, inputs = "", results = "", body = ""] = match;
  const args = (list: string[]): object[] => list.map((one) => ({ name: one, type: "DT_FLOAT" }));
  const ends = results.split(", ");
  return {
    signature: {
      name,
      inputArg: args(inputs.split(", ").filter((one) => one !== "")),
      outputArg: args(ends.map((_, at) => `result_${at}`)),
    },
    nodeDef: linesOf(body).lines.map(nodeOf),
    ret: Object.fromEntries(ends.map((end, at) => [`result_${at}`, end])),
  };
}

function attributeOf(value: unknown): object {
  const text = (one: string): string => Buffer.from(one).toString("base64");
  if (typeof value === "boolean") return { b: value };
  if (typeof value === "string") return value.startsWith("DT_") ? { type: value } : { s: text(value) };
  // A float is written with a fraction in an object, since JSON has one kind of number.
  if (typeof value === "number") return { i: `${value}` };
  if (!Array.isArray(value)) return value as object;
  return typeof value[0] === "string"
    ? { list: { s: (value as string[]).map(text) } }
    : { list: { i: value.map(String) } };
}

/** Opens shards that are in memory. */
export function openShards({ shards }: ModelFiles): (path: string) => DataFile {
  return (path) => {
    const bytes = shards.get(path);
    if (!bytes) throw new Error("the file does not exist");
    return dataFileOf(bytes);
  };
}
