// ONNX models as short texts, for cases: one line an input, weight, node or output.
//
//     opset 13
//     input x float[N, 3, 8, 8]
//     weight w float[4, 3, 3, 3]
//     weight s int64[2] = 1, -1
//     y = Conv(x, w) strides=[2, 2] auto_pad="SAME_UPPER" name="/stem/Conv"
//     output y
//
// An output may declare its shape, as in `output y float[N, 4]`, and `info y float[N, 4]` declares that of another value.
//
// A function stands between `function acme.block(x, w) -> y slope` and `end`, where `slope` is an attribute; in its nodes `alpha=@slope`
// refers to that, and `slope=0.5` in the head gives a default.

import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { elementTypes } from "#import/onnx/element-type.js";
import type {
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "#onnx/proto/onnx_pb.js";
import { AttributeProto_AttributeType as Kind, ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { seededRandom } from "#ops/random.js";

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;

/** The bytes of a model. Throws `SyntaxError` for a line that it does not know. */
export function modelOf(text: string): Uint8Array {
  let opset = 13;
  const graph = {
    name: "main_graph",
    node: [] as Init<typeof NodeProtoSchema>[],
    input: [] as Init<typeof ValueInfoProtoSchema>[],
    output: [] as Init<typeof ValueInfoProtoSchema>[],
    valueInfo: [] as Init<typeof ValueInfoProtoSchema>[],
    initializer: [] as Init<typeof TensorProtoSchema>[],
  };
  const functions: Init<typeof FunctionProtoSchema>[] = [];
  let body = graph.node;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    if (line.startsWith("function ")) {
      body = [];
      functions.push(functionOf(line, body, opset));
      continue;
    }
    if (line === "end") {
      body = graph.node;
      continue;
    }
    const [word = "", name = "", rest = ""] = line.match(/^(\S+) (\S+) ?(.*)$/)?.slice(1) ?? [];
    if (word === "opset") opset = Number(name);
    else if (word === "input") graph.input.push(valueInfo(name, rest));
    else if (word === "output") graph.output.push(rest === "" ? { name } : valueInfo(name, rest));
    else if (word === "info") graph.valueInfo.push(valueInfo(name, rest));
    else if (word === "weight") graph.initializer.push(weight(name, rest, graph.initializer.length));
    else body.push(nodeOf(line));
  }
  const domains = new Set([...functions, ...graph.node].map(({ domain }) => domain ?? ""));
  domains.delete("");
  const proto: Init<typeof GraphProtoSchema> = graph;
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: functions.length > 0 ? 8n : 7n,
      graph: proto,
      opsetImport: [
        { domain: "", version: BigInt(opset) },
        ...[...domains].map((domain) => ({ domain, version: 1n })),
      ],
      functions,
    }),
  );
}

const numberOfType = new Map([...elementTypes].map(([number, { name }]) => [name, number]));
numberOfType.set("float", 1);
numberOfType.set("string", 8);

function typeOf(text: string): { elemType: number; extents: string[] } {
  const [, type = "", list = ""] = text.match(/^(\w+)\[(.*?)\]/) ?? [];
  const elemType = numberOfType.get(type);
  if (elemType === undefined) throw new SyntaxError(`no type ${text}`);
  return { elemType, extents: list === "" ? [] : list.split(", ") };
}

function valueInfo(name: string, text: string): Init<typeof ValueInfoProtoSchema> {
  const { elemType, extents } = typeOf(text);
  const dim = extents.map((extent) =>
    /^-?\d+$/.test(extent)
      ? { value: { case: "dimValue" as const, value: BigInt(extent) } }
      : extent === "?"
        ? {}
        : { value: { case: "dimParam" as const, value: extent } },
  );
  return { name, type: { value: { case: "tensorType", value: { elemType, shape: { dim } } } } };
}

/** Floats in raw bytes, other types in their typed field; values that are not given are small random ones. */
function weight(name: string, text: string, seed: number): Init<typeof TensorProtoSchema> {
  const { elemType, extents } = typeOf(text);
  const dims = extents.map(BigInt);
  const count = extents.reduce((product, extent) => product * Number(extent), 1);
  const given = text.split(" = ")[1];
  const random = seededRandom(seed);
  const drawn = (): number[] => Array.from({ length: count }, () => random.normal() / 4);
  // Variances and scales.
  const positive = (): number[] => Array.from({ length: count }, () => 0.5 + random.next());
  const values = given === "positive" ? positive() : (given?.split(", ").map(Number) ?? drawn());
  // The greatest int64 stands for "to the end".
  const whole = (value: number): bigint =>
    BigInt.asIntN(64, value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));
  const type = elementTypes.get(elemType)?.name;
  const common = { name, dims, dataType: elemType };
  if (type === "float32") return { ...common, rawData: new Uint8Array(Float32Array.from(values).buffer) };
  if (type === "float64") return { ...common, rawData: new Uint8Array(Float64Array.from(values).buffer) };
  if (type === "uint32" || type === "uint64") return { ...common, uint64Data: values.map(BigInt) };
  return type === "int64"
    ? { ...common, int64Data: values.map(whole) }
    : { ...common, int32Data: values.map(Math.trunc) };
}

/** The head of a function, whose nodes will stand in `node`. */
function functionOf(
  line: string,
  node: Init<typeof NodeProtoSchema>[],
  opset: number,
): Init<typeof FunctionProtoSchema> {
  const match = line.match(/^function ([\w.]+)\.(\w+)\(([^)]*)\) -> (\w+(?:, \w+)*)(.*)$/);
  if (!match) throw new SyntaxError(`not the head of a function: ${line}`);
  const [, domain = "", name = "", inputs = "", outputs = "", rest = ""] = match;
  const words = rest.split(" ").filter((word) => word !== "");
  return {
    domain,
    name,
    input: inputs.split(", "),
    output: outputs.split(", ").map((one) => (one === "_" ? "" : one)),
    attribute: words.filter((word) => !word.includes("=")),
    attributeProto: words
      .filter((word) => word.includes("="))
      .map((word) => attribute(word.split("=")[0] ?? "", word.split("=")[1] ?? "")),
    opsetImport: [
      { domain: "", version: BigInt(opset) },
      { domain, version: 1n },
    ],
    node,
  };
}

function nodeOf(line: string): Init<typeof NodeProtoSchema> {
  const match = line.match(/^([^=]*) = ([\w.]+)\(([^)]*)\)(.*)$/);
  if (!match) throw new SyntaxError(`not a line of a model: ${line}`);
  const [, outputs = "", path = "", inputs = "", rest = ""] = match;
  const attributes = [...rest.matchAll(/(\w+)=("[^"]*"|\[[^\]]*\]|\S+)/g)];
  const name = attributes.find(([, key]) => key === "name")?.[2];
  const dot = path.lastIndexOf(".");
  // As exporters do it, what is empty is left out.
  return {
    ...(name ? { name: JSON.parse(name) as string } : {}),
    opType: path.slice(dot + 1),
    ...(dot > 0 ? { domain: path.slice(0, dot) } : {}),
    input: inputs === "" ? [] : inputs.split(", ").map((one) => (one === "_" ? "" : one)),
    output: outputs.split(", ").map((one) => (one === "_" ? "" : one)),
    attribute: attributes
      .filter(([, key]) => key !== "name")
      .map(([, key = "", value = ""]) => attribute(key, value)),
  };
}

function attribute(name: string, text: string): Init<typeof AttributeProtoSchema> {
  if (text.startsWith("@")) return { name, refAttrName: text.slice(1), type: Kind.FLOAT };
  const value = JSON.parse(text) as number | string | number[] | string[];
  if (typeof value === "string") return { name, type: Kind.STRING, s: new TextEncoder().encode(value) };
  if (typeof value === "number")
    return text.includes(".")
      ? { name, type: Kind.FLOAT, f: value }
      : { name, type: Kind.INT, i: BigInt(value) };
  if (typeof value[0] === "string")
    return { name, type: Kind.STRINGS, strings: value.map((one) => new TextEncoder().encode(String(one))) };
  return text.includes(".")
    ? { name, type: Kind.FLOATS, floats: value.map(Number) }
    : { name, type: Kind.INTS, ints: value.map(BigInt) };
}
