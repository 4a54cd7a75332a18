// Importing ONNX: the bytes of a model become a graph in our layout and a store whose entries are parts of the file.

import { expectArgument, expectOptions, hasProperties } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import type { Shape } from "#ir/type.js";
import { createWeightStore } from "#weights/store.js";
import type { Builder } from "#import/builder.js";
import { createBuilder } from "#import/builder.js";
import { unknownOutput, withCut } from "#import/cut.js";
import { float32 } from "#import/element-type.js";
import { rounded, valueOf } from "#import/lowering.js";
import type { Names } from "#import/names.js";
import { cleanName, createNames } from "#import/names.js";
import { diagnosticOf, quote, refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { inputShapes } from "#import/dimensions.js";
import type { Imported, NamedValue } from "#import/finish.js";
import { finish } from "#import/finish.js";
import type { DataFile, OpenData } from "#import/data-file.js";
import { dataFileOf } from "#import/data-file.js";
import { fileConstant } from "#import/file-tensor.js";
import { extentsOf, tensorType } from "./dimensions.js";
import type { Expanded } from "./functions.js";
import { expandFunctions } from "./functions.js";
import { elementTypes, typeName } from "./element-type.js";
import type { Context, OnnxNode } from "./operator.js";
import { attributesOf } from "./operator.js";
import { operators } from "./operators/index.js";
import { reshapes } from "./operators/reshape.js";
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from "#onnx/proto/onnx_pb.js";
import { cutBefore, reach, unknownOperators } from "./reach.js";
import type { ReadModel } from "./read-proto.js";
import { readProto } from "./read-proto.js";
import type { TensorData } from "./tensors.js";
import { checkSlices, fileTensor } from "./tensors.js";

export interface ImportOptions {
  /** The model's name in messages, of its graph without one, and of its weights' source. */
  readonly file?: string;
  /** Values of symbolic dimensions. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Values, or nodes for their first result, that become the outputs in place of the model's own. */
  readonly outputs?: readonly string[];
  /** Opens files with external data. Without it, a model that has some is an error. */
  readonly openData?: OpenData;
  /** Values of inputs that become weights. */
  readonly constants?: ReadonlyMap<string, { readonly shape: Shape; readonly data: ArrayLike<number> }>;
}

/** Most messages about single nodes. */
const messageLimit = 10;

/**
 * The graph of an ONNX model, or everything that is wrong with it. Inputs and outputs are as the model has them; inside,
 * images lie channels last. Weights are read from the bytes or file when they are asked for, so these must not change.
 */
export function importOnnx(model: Uint8Array | DataFile, options: ImportOptions = {}): Result<Imported> {
  const isBytes = model instanceof Uint8Array;
  expectArgument(
    "importOnnx",
    "the bytes of a model",
    model,
    isBytes || hasProperties(model, "size", "read"),
  );
  expectOptions("importOnnx", options);
  const source = isBytes ? dataFileOf(model) : model;
  const file = options.file ?? "model.onnx";
  const read = readProto(source, file);
  if (!read.value) return { diagnostics: read.diagnostics };
  const { value, diagnostics } = importGraph(read.value, source, file, options);
  const all = [...read.diagnostics, ...diagnostics];
  return value ? { value, diagnostics: all } : { diagnostics: all };
}

function importGraph(
  model: ReadModel,
  source: DataFile,
  file: string,
  options: ImportOptions,
): Result<Imported> {
  const wrong = (message: string): Result<Imported> => ({
    diagnostics: [error("bad-model", `${file}: ${message}`)],
  });
  const expanded = expandFunctions(model.graph, model.functions, isKnown);
  if (typeof expanded === "string") return wrong(expanded);
  const { graph } = expanded;
  const chosen = outputsOf(graph, options.outputs, file);
  if (chosen.value === undefined) return { diagnostics: chosen.diagnostics };
  const outputNames = chosen.value;
  const reached = reach(graph, outputNames);
  if (typeof reached === "string") return wrong(reached);
  if (outputNames.length === 0) return wrong("the model has no output");
  const sparse = graph.sparseInitializer.find(({ values }) => reached.used.has(values?.name ?? ""));
  if (sparse)
    return wrong(`weight ${quote(sparse.values?.name ?? "")} is a sparse tensor: write it as a dense one`);
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  if (initializers.size < graph.initializer.length) return wrong("two initializers have the same name");
  const constants = options.constants ?? new Map();
  const inputs = graph.input.filter(({ name }) => !initializers.has(name) && !constants.has(name));
  if (new Set(inputs.map(({ name }) => name)).size < inputs.length)
    return wrong("two inputs have the same name");
  const ends = { inputs: inputs.map(({ name }) => name), outputs: outputNames };
  const unknown = unknownOperators(reached.nodes, isKnown, { file, ...ends });
  if (unknown.length > 0) return { diagnostics: unknown };
  const typed = wrongInputs(inputs, file);
  if (typed.length > 0) return { diagnostics: typed };
  const shapes = inputShapes(
    inputs.map((input) => ({ name: input.name, extents: extentsOf(input) })),
    options.dims ?? new Map(),
    file,
  );
  if (!("shapes" in shapes)) return { diagnostics: shapes };

  const names = createNames();
  const build = createBuilder(createWeightStore(), names, shapes.batch);
  const { held } = model;
  const data: TensorData = { file: source, held, open: options.openData, files: new Map(), slices: [] };
  const state: State = {
    file,
    model,
    build,
    data,
    used: reached.used,
    diagnostics: [],
    opsets: expanded.opsets,
    keys: createNames(),
    values: new Map(),
    failed: new Set(),
  };
  for (const { name } of inputs) {
    const shape = shapes.shapes.get(name) ?? [];
    // Numbers of all types are given as floats; integers keep their arithmetic.
    const type = elementTypes.get(elementTypeOf(graph.input.find((input) => input.name === name)) ?? 1);
    state.values.set(name, valueOf(build.input(name, shape), type));
  }
  for (const [name, { shape, data }] of constants) {
    const type =
      elementTypes.get(elementTypeOf(graph.input.find((input) => input.name === name)) ?? 1) ?? float32;
    build.at(cleanName(name) ?? "constant");
    state.values.set(name, rounded(build, valueOf(build.literal(data, shape), type)));
  }
  try {
    for (const [name, tensor] of initializers)
      if (reached.used.has(name)) state.values.set(name, weight(state, tensor, name));
    checkSlices(data.slices);
  } catch (cause) {
    return { diagnostics: [diagnosticOf(cause, file)] };
  }
  const refused = walk(state, reached.nodes, names);
  if (hasErrors(state.diagnostics)) {
    const help = cutBefore(reached.nodes, (node) => refused.has(node), ends);
    return { diagnostics: withCut(state.diagnostics, help) };
  }
  const outputs: NamedValue[] = [];
  for (const name of outputNames) {
    const value = state.values.get(name);
    if (!value) return wrong(`output ${quote(name)} is made by no node`);
    outputs.push({ name, value });
  }
  const finished = finish(build, outputs, { name: graphName(model, file), file });
  return { ...finished, diagnostics: [...state.diagnostics, ...finished.diagnostics] };
}

/** The names of the outputs: the model's, or those that were asked for. */
function outputsOf(
  graph: GraphProto,
  wanted: readonly string[] | undefined,
  file: string,
): Result<readonly string[]> {
  if (wanted === undefined || wanted.length === 0)
    return { value: graph.output.map(({ name }) => name), diagnostics: [] };
  const made = new Set(graph.node.flatMap(({ output }) => output).filter((name) => name !== ""));
  const byNode = new Map(graph.node.map(({ name, output }) => [name, output[0] ?? ""]));
  const diagnostics: Diagnostic[] = [];
  const names = wanted.map((name) => {
    const found = made.has(name) ? name : byNode.get(name);
    if (found === undefined) diagnostics.push(unknownOutput(name, [...made, ...byNode.keys()], file));
    return found ?? name;
  });
  return diagnostics.length > 0 ? { diagnostics } : { value: [...new Set(names)], diagnostics };
}

/** An import under way. */
interface State {
  readonly file: string;
  readonly model: ReadModel;
  readonly build: Builder;
  readonly data: TensorData;
  readonly used: ReadonlySet<string>;
  readonly diagnostics: Diagnostic[];
  /** Opsets of nodes that have another one than the model. */
  readonly opsets: Expanded["opsets"];
  /** Names of tensors as the weight store tells them apart: graphs in branches may have the same ones. */
  readonly keys: Names;
  /** The graph around, whose values are seen from inside. */
  readonly outer?: State;
  readonly values: Map<string, Value>;
  /** Names whose nodes were refused. What depends on them is not looked at. */
  readonly failed: Set<string>;
}

/** Whether an operator is imported. */
export function isKnown(domain: string, op: string): boolean {
  return (domain === "" || domain === "ai.onnx") && Object.hasOwn(operators, op);
}

/** An initializer or constant as a value. */
function weight(state: State, proto: TensorProto, name: string): Value {
  state.build.at(cleanName(name) ?? "weight");
  return fileConstant(state.build, fileTensor(proto, name, state.data), state.file, state.keys.unique(name));
}

function elementTypeOf(input: ValueInfoProto | undefined): number | undefined {
  return tensorType(input?.type)?.elemType;
}

function wrongInputs(inputs: readonly ValueInfoProto[], file: string): Diagnostic[] {
  return inputs.flatMap((input) => {
    const number = elementTypeOf(input) ?? 0;
    if (elementTypes.has(number)) return [];
    const message = `${file}: input ${quote(input.name)} is ${typeName(number)}; inputs are numbers`;
    return [error("unsupported-type", message)];
  });
}

/** Imports nodes in order; a node that is refused is noted and given back, and what needs it left out. */
function walk(state: State, nodes: readonly NodeProto[], names: Names): ReadonlySet<NodeProto> {
  const { build, values, failed } = state;
  const refused = new Set<NodeProto>();
  for (const proto of nodes) {
    const outputs = proto.output.map((name) => (name !== "" && state.used.has(name) ? name : undefined));
    const fail = (): void => {
      for (const name of proto.output) failed.add(name);
    };
    if (proto.input.some((name) => hasFailed(state, name))) {
      fail();
      continue;
    }
    try {
      build.at(nodeName(proto), Object.hasOwn(reshapes, proto.opType));
      const result = operators[proto.opType]?.(
        onnxNode(state, proto, outputs),
        contextOf(state, proto, names),
      );
      const results = Array.isArray(result) ? (result as readonly Value[]) : [result as Value];
      for (const [at, name] of outputs.entries()) {
        const value = results[at];
        if (name === undefined) continue;
        if (!value) refuse("unsupported-operator", `result ${at + 1} of ${proto.opType} is used`);
        values.set(name, rounded(build, value));
      }
    } catch (cause) {
      const place = `${state.file}: node ${quote(proto.name || proto.output[0] || "")}, ${quote(proto.opType)}`;
      const diagnostic = diagnosticOf(cause, place);
      if (state.diagnostics.length < messageLimit) state.diagnostics.push(diagnostic);
      refused.add(proto);
      fail();
    }
  }
  return refused;
}

/** The value of a name in a graph or those around it. */
function valueIn(state: State, name: string): Value | undefined {
  for (let scope: State | undefined = state; scope; scope = scope.outer) {
    const value = scope.values.get(name);
    if (value) return value;
  }
  return undefined;
}

function hasFailed(state: State, name: string): boolean {
  for (let scope: State | undefined = state; scope; scope = scope.outer)
    if (scope.failed.has(name)) return true;
  return false;
}

/** The exporter's name of a node, or of its result, or the operator's own. */
function nodeName(proto: NodeProto): string {
  const own = cleanName(proto.name);
  // `Conv_12` and `node_conv_3` say no more than the operator.
  if (own !== undefined && !new RegExp(`^(node_)?${proto.opType}_?\\d*$`, "i").test(own)) return own;
  return (
    cleanName(proto.output[0] ?? "") ??
    proto.opType.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase()
  );
}

function onnxNode(state: State, proto: NodeProto, outputs: readonly (string | undefined)[]): OnnxNode {
  const find = (at: number): Value | undefined => {
    const name = proto.input[at] ?? "";
    if (name === "") return undefined;
    return (
      valueIn(state, name) ??
      refuse("bad-model", `it reads ${quote(name)}, which no input, initializer or node before it makes`)
    );
  };
  return {
    op: proto.opType,
    opset: state.opsets.get(proto) ?? state.model.opset,
    inputs: proto.input.length,
    outputs,
    input: (at) => find(at) ?? refuse("bad-model", `operand ${at + 1} of ${proto.opType} is missing`),
    optional: find,
    ...attributesOf(proto),
  };
}

function contextOf(state: State, proto: NodeProto, names: Names): Context {
  return {
    build: state.build,
    constant: (tensor) => weight(state, tensor, proto.output[0] ?? proto.name),
    inline: (graph) => inline(state, graph, names),
  };
}

/** The results of a subgraph: its nodes are put in place of the node that holds it. */
function inline(state: State, graph: GraphProto, names: Names): readonly Value[] {
  const own = new Set([...graph.node.flatMap(({ input }) => input), ...graph.output.map(({ name }) => name)]);
  const inner: State = { ...state, used: own, outer: state, values: new Map(), failed: new Set() };
  for (const tensor of graph.initializer) inner.values.set(tensor.name, weight(inner, tensor, tensor.name));
  walk(inner, graph.node, names);
  return graph.output.map(
    ({ name }) => valueIn(inner, name) ?? refuse("bad-model", `the graph in it has no ${quote(name)}`),
  );
}

/** The file's name without its ending: exporters call all their graphs `main_graph`. */
function graphName({ graph }: ReadModel, file: string): string {
  const base = (file.split(/[/\\]/).at(-1) ?? "").replace(/\.onnx$/i, "");
  const name = cleanName(base) ?? cleanName(graph.name) ?? "model";
  return name.replaceAll(".", "_");
}
