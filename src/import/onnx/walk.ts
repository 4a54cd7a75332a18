// Imports the nodes of a graph in order, each by the importer of its operator; subgraphs replace their nodes.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { ImportBuilder } from "#import/builder.js";
import { fileConstant } from "#import/file-tensor.js";
import { checkMany, rounded, valueOf } from "#import/lowering.js";
import type { Names } from "#import/names.js";
import { cleanName } from "#import/names.js";
import { checkUnrolled, countUnrolled } from "#import/operators/control.js";
import { diagnosticOf, quote, refuse, Refusal, refuseQuietly } from "#import/refusal.js";
import { addUnknown } from "#import/unknown.js";
import type { Value } from "#import/value.js";
import type { GraphProto, NodeProto, TensorProto } from "#onnx/proto/onnx_pb.js";
import type { Expanded } from "./functions.js";
import type { Context, InlineOptions, OnnxNode, OperatorImport } from "./operator.js";
import { attributesOf } from "./operator.js";
import { operators } from "./operators/index.js";
import { microsoft } from "./operators/microsoft.js";
import { reshapes } from "./operators/reshape.js";
import type { Reached } from "./reach.js";
import { namesRead, reach } from "./reach.js";
import type { TensorData } from "./tensors.js";
import { fileTensor } from "./tensors.js";

/** The most messages about single nodes. */
const messageLimit = 10;

/** The state of an import that all its graphs share. */
export interface Import {
  readonly file: string;
  readonly opset: number;
  readonly build: ImportBuilder;
  readonly data: TensorData;
  readonly diagnostics: Diagnostic[];
  /** The opsets of nodes that have another one than the model. */
  readonly opsets: Expanded["opsets"];
  /** Unique keys of tensors in the weight store, because the graphs of branches may use the same names. */
  readonly keys: Names;
  /** Operators that are not known, with the names of their nodes. */
  readonly unknown: Map<string, string[]>;
  readonly unknownNodes: Set<NodeProto>;
  /** The tensors read so far, so that all iterations of a loop share those of its body. */
  readonly tensors: Map<TensorProto, Value>;
  /** What the subgraphs of nodes depend on. */
  readonly reached: Map<GraphProto, Reached>;
  /** The number of imported nodes in bodies of loops. */
  unrolled: number;
}

/** A graph during its import. */
export interface Scope {
  readonly shared: Import;
  readonly used: ReadonlySet<string>;
  readonly values: Map<string, Value>;
  /** Names whose values are stand-ins, or depend on one. Errors of nodes that read them are not reported. */
  readonly lost: Set<string>;
  /** The surrounding graph, whose values this graph can read. */
  readonly outer?: Scope;
  /** Whether to report no errors, because the node that holds this graph reads a stand-in. */
  readonly isQuiet: boolean;
  readonly isLoop: boolean;
}

/** Whether an operator is supported. */
export function isKnown(domain: string, op: string): boolean {
  return importOf(domain, op) !== undefined;
}

/** The importer of an operator of the main domain, or of onnxruntime's own. */
function importOf(domain: string, op: string): OperatorImport | undefined {
  if (domain === "com.microsoft") return ownEntry(microsoft, op);
  return domain === "" || domain === "ai.onnx" ? ownEntry(operators, op) : undefined;
}

/**
 * Imports nodes in order. The refused nodes are noted and returned; their results become stand-ins with the shape of an operand. So an
 * import finds all errors, and can estimate the cost of what was refused.
 */
export function walk(scope: Scope, nodes: readonly NodeProto[]): ReadonlySet<NodeProto> {
  const { shared, values, lost } = scope;
  const refused = new Set<NodeProto>();
  for (const proto of nodes) {
    if (scope.isLoop) countUnrolled(shared);
    const outputs = proto.output.map((name) => (name !== "" && scope.used.has(name) ? name : undefined));
    const isQuiet = scope.isQuiet || namesRead(proto).some((name) => isLost(scope, name));
    try {
      const results = lower(scope, proto, outputs);
      for (const [at, name] of outputs.entries()) {
        if (name === undefined) continue;
        const value = results[at];
        if (!value)
          refuse("unsupported-operator", `result ${at + 1} of ${proto.opType} is used, but not supported`);
        values.set(name, rounded(shared.build, value));
        if (isQuiet) lost.add(name);
      }
    } catch (cause) {
      const place = `${shared.file}: node ${quote(proto.name || proto.output[0] || "")}, ${quote(proto.opType)}`;
      const diagnostic = diagnosticOf(cause, place, shared.build);
      const isSaid = cause instanceof Refusal && cause.isQuiet;
      if (!isQuiet) {
        if (!isSaid && shared.diagnostics.length < messageLimit) shared.diagnostics.push(diagnostic);
        refused.add(proto);
      }
      const shape = proto.input.map((name) => valueIn(scope, name)?.shape).find((one) => one !== undefined);
      for (const name of outputs) {
        if (name === undefined) continue;
        values.set(name, valueOf(shared.build.input("lost", shape ?? [])));
        lost.add(name);
      }
    }
  }
  return refused;
}

function lower(
  scope: Scope,
  proto: NodeProto,
  outputs: readonly (string | undefined)[],
): readonly (Value | undefined)[] {
  const { shared } = scope;
  if (!isKnown(proto.domain, proto.opType)) {
    if (!scope.isQuiet && !shared.unknownNodes.has(proto)) {
      shared.unknownNodes.add(proto);
      const op = proto.domain === "" ? proto.opType : `${proto.domain}.${proto.opType}`;
      addUnknown(shared.unknown, op, proto.name || proto.output[0] || "");
    }
    return refuseQuietly();
  }
  checkMany(proto.input.length, "operands");
  checkMany(proto.output.length, "results");
  shared.build.at(nodeName(proto), Object.hasOwn(reshapes, proto.opType));
  const result = importOf(proto.domain, proto.opType)?.(
    onnxNode(scope, proto, outputs),
    contextOf(scope, proto),
  );
  return Array.isArray(result) ? (result as readonly Value[]) : [result as Value];
}

/** The value of a name in a graph or those around it. */
function valueIn(scope: Scope, name: string): Value | undefined {
  for (let one: Scope | undefined = scope; one; one = one.outer) {
    const value = one.values.get(name);
    if (value) return value;
  }
  return undefined;
}

function isLost(scope: Scope, name: string): boolean {
  for (let one: Scope | undefined = scope; one; one = one.outer)
    if (one.values.has(name)) return one.lost.has(name);
  return false;
}

/** The exporter's name of a node or of its result, or else the name of the operator. */
function nodeName(proto: NodeProto): string {
  const own = cleanName(proto.name);
  // `Conv_12` and `node_conv_3` say no more than the operator.
  if (own !== undefined && !new RegExp(`^(node_)?${proto.opType}_?\\d*$`, "i").test(own)) return own;
  return (
    cleanName(proto.output[0] ?? "") ??
    proto.opType.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase()
  );
}

function onnxNode(scope: Scope, proto: NodeProto, outputs: readonly (string | undefined)[]): OnnxNode {
  const { shared } = scope;
  const find = (at: number): Value | undefined => {
    const name = proto.input[at] ?? "";
    if (name === "") return undefined;
    return (
      valueIn(scope, name) ??
      refuse("bad-model", `it reads ${quote(name)}, which no input, initializer or node makes`)
    );
  };
  return {
    op: proto.opType,
    opset: shared.opsets.get(proto) ?? shared.opset,
    inputs: proto.input.length,
    outputs,
    input: (at) => find(at) ?? refuse("bad-model", `operand ${at + 1} of ${proto.opType} is missing`),
    optional: find,
    ...attributesOf(proto),
  };
}

function contextOf(scope: Scope, proto: NodeProto): Context {
  // Then it is unknown whether this graph is needed.
  const isQuiet = scope.isQuiet || proto.input.some((name) => isLost(scope, name));
  return {
    build: scope.shared.build,
    constant: (tensor) => weight(scope.shared, tensor, proto.output[0] ?? proto.name),
    inline: (graph, options = {}) => inline({ ...scope, isQuiet }, graph, options),
  };
}

/** An initializer or constant as a value. */
export function weight(shared: Import, proto: TensorProto, name: string): Value {
  const known = shared.tensors.get(proto);
  if (known) return known;
  shared.build.at(cleanName(name) ?? "weight");
  const tensor = fileTensor(proto, name, shared.data);
  const value = fileConstant(shared.build, tensor, shared.file, shared.keys.unique(name));
  shared.tensors.set(proto, value);
  return value;
}

/** The results of a subgraph, whose nodes replace the node that holds it. */
function inline(
  outer: Scope,
  graph: GraphProto,
  { inputs = [], needed = graph.output.map(() => true), steps = 0 }: InlineOptions,
): readonly (Value | undefined)[] {
  const { shared } = outer;
  // Iterations without nodes count too.
  if (steps > 0) countUnrolled(shared);
  const names = graph.output.flatMap(({ name }, at) => (needed[at] ? [name] : []));
  let reached = shared.reached.get(graph);
  if (!reached) {
    const found = reach(graph, names);
    if (typeof found === "string") refuse("bad-model", found);
    shared.reached.set(graph, (reached = found));
  }
  if (steps > 1) checkUnrolled(shared, (steps - 1) * (1 + reached.nodes.length));
  const inner: Scope = {
    shared,
    used: reached.used,
    values: new Map(),
    lost: new Set(),
    outer,
    isQuiet: outer.isQuiet,
    isLoop: outer.isLoop || steps > 0,
  };
  for (const [at, { name }] of graph.input.entries()) {
    const value = inputs[at];
    if (value) inner.values.set(name, rounded(shared.build, value));
  }
  for (const tensor of graph.initializer)
    if (inner.used.has(tensor.name) && !inner.values.has(tensor.name))
      inner.values.set(tensor.name, weight(shared, tensor, tensor.name));
  if (walk(inner, reached.nodes).size > 0) refuseQuietly();
  return graph.output.map(({ name }, at) =>
    needed[at]
      ? (valueIn(inner, name) ?? refuse("bad-model", `the graph in it has no ${quote(name)}`))
      : undefined,
  );
}
