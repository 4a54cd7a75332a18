// Exports ONNX: any graph, as written or after passes, becomes a model that other tools can show and run.

import { given } from "#diagnostic/given.js";
import { expectModule } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aNumber, aText, expectOptions, oneOf } from "#diagnostic/options.js";
import { lineText } from "#diagnostic/escape.js";
import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { bug, error, warning } from "#diagnostic/diagnostic.js";
import type { Result } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { batchedNodes, topological, users } from "#ir/node-order.js";
import { channels, isInteger } from "#ir/type.js";
import { bytesText } from "#ir/units.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { channelsFirst, natural, permuted, sameOrder } from "#ir/axis-order.js";
import type { ValueInfoProtoSchema } from "#onnx/proto/onnx_pb.js";
import { GraphProtoSchema, ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import type { OnnxBuilder, Typed, WantedOutput } from "./builder.js";
import { createBuilder, createNames } from "./builder.js";
import { encode } from "./encode.js";
import { defaultOpset, exportOpsets, formats } from "./opsets.js";
import { fileTypes, isByte } from "./element-type.js";
import { exportNode, takesImages } from "./operators/index.js";
import type { OnnxValue } from "./onnx-value.js";
import { unit } from "./onnx-value.js";
import { pictureMetadata } from "./pictures.js";
import { stepsOf } from "./steps.js";

/** The largest file in bytes; protobuf has no larger messages. */
const largest = 2 ** 31 - 1;

/** What `exportOnnx` takes. */
export interface ExportOptions {
  /** 18 to 21; 20 by default. */
  readonly opset?: number;
  /**
   * Whether images have their channels first outside too, all of them or only the inputs, so that no Transpose is needed; false by default.
   */
  readonly nchw?: boolean | "inputs";
  /** The version of the compiler, for the model's metadata. */
  readonly version?: string;
}

export const exportKinds: OptionKinds<ExportOptions> = {
  opset: aNumber,
  nchw: oneOf([true, false, "inputs"]),
  version: aText,
};

/** A model, ready to be written. */
export interface ExportedOnnx {
  /** The size in bytes. */
  readonly size: number;
  /** The file, in order; weights are computed while it is read. */
  pieces(): Iterable<Uint8Array>;
  /** The number of ONNX nodes. */
  readonly nodes: number;
}

/**
 * The ONNX model of a graph. Inputs and outputs keep their names and shapes. Inside, images have their channels first, and transposes are
 * only needed where an image comes in or goes out. Diagnostics: `wrong-option`, `too-large`, `mixes-batch`.
 */
export function exportOnnx(module: Module, options: ExportOptions = {}): Result<ExportedOnnx> {
  expectModule("exportOnnx", module);
  expectOptions("exportOnnx", options, exportKinds);
  const { graph, weights } = module;
  const { opset = defaultOpset, nchw = false, version } = options;
  const format = formats.get(opset);
  if (format === undefined)
    return {
      diagnostics: [
        error("wrong-option", `opset ${opset} cannot be written`, {
          help: [`it is one of ${exportOpsets.join(", ")}`],
        }),
      ],
    };
  if (graph.batch !== undefined && [...graph.nodes.values()].some(({ op }) => op === "non_max_suppression"))
    return {
      diagnostics: [
        error("mixes-batch", `boxes are selected for one sample, but \`${graph.batch}\` is left open`, {
          help: [`bind it with --dim ${graph.batch}=1`],
        }),
      ],
    };
  const orderOf = (isFirst: boolean, rank: number): readonly number[] =>
    isFirst && rank === 4 ? channelsFirst(rank) : natural(rank);
  const outside: Outside = {
    input: (rank) => orderOf(nchw !== false, rank),
    output: (rank) => orderOf(nchw === true, rank),
  };
  const inputs = inputNodes(graph);
  const outputs = outputsOf(graph, outside);
  const isOutside = new Set([...inputs, ...outputs].map(({ name }) => name));
  const build = createBuilder(weights, opset, isOutside);
  buildNodes({ graph, weights }, outputs, build, outside);

  const carries = batchedNodes(graph);
  const batch = graph.batch;
  const info = (typed: Typed, denotation?: string) => valueInfo(typed, batch, denotation);
  const lying = (name: string, { id, type }: Node, side: keyof Outside): Typed => ({
    name,
    shape: permuted(type.shape, outside[side](type.shape.length)),
    batched: carries.has(id),
    element: type.dtype,
  });
  const body = create(GraphProtoSchema, {
    name: graph.name,
    node: [...build.nodes],
    input: inputs.map((node) => info(lying(node.name, node, "input"), denotationOf(graph, node))),
    output: outputs.map(({ name, node }) => info(lying(name, nodeOf(graph, node), "output"))),
    valueInfo: build.typed.filter(({ name }) => !isOutside.has(name)).map((typed) => info(typed)),
  });
  const model = create(ModelProtoSchema, {
    irVersion: format,
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    producerName: "cleave",
    ...given({ producerVersion: version }),
    metadataProps: pictureMetadata(graph, outputs, nchw !== false),
  });
  const { size, pieces } = encode(model, body, build.initializers, weights);
  if (size > largest)
    return {
      diagnostics: [
        error(
          "too-large",
          `${graph.name} takes ${bytesText(size)} as an ONNX file, which holds 2 GiB at most`,
          {
            help: ["protobuf has no larger messages, and Cleave does not write external data"],
          },
        ),
      ],
    };
  const diagnostics = outputs.flatMap(({ name, own }) =>
    name === own
      ? []
      : [
          warning(
            "renamed-output",
            `the output \`${lineText(own)}\` is called \`${lineText(name)}\` in the file: in ONNX a name means one value, and an input has this name`,
          ),
        ],
  );
  return { value: { size, pieces, nodes: build.nodes.length }, diagnostics };
}

/** An output as the file has it. `own` is its name in the graph; `isInput` says that it is an input with its axes in the same order. */
interface FileOutput {
  readonly name: string;
  readonly own: string;
  readonly node: NodeId;
  readonly isInput: boolean;
}

/**
 * The outputs with their names in the file. In ONNX a name means one value, so an output can only have the name of an input if it is that
 * input with the same order of axes.
 */
function outputsOf(graph: Graph, outside: Outside): readonly FileOutput[] {
  const inputs = new Map(inputNodes(graph).map((node) => [node.name, node]));
  const unique = createNames([...inputs.keys(), ...graph.outputs.map(({ name }) => name)]);
  return graph.outputs.map(({ name: own, node }) => {
    const input = inputs.get(own);
    const rank = nodeOf(graph, node).type.shape.length;
    const isInput = input?.id === node && sameOrder(outside.input(rank), outside.output(rank));
    return { name: input && !isInput ? unique(own) : own, own, node, isInput };
  });
}

/** The order of the axes of inputs and outputs, by rank. */
interface Outside {
  input(rank: number): readonly number[];
  output(rank: number): readonly number[];
}

/** Builds the nodes of the graph in order, and those at inputs and outputs. */
function buildNodes(
  { graph, weights }: Module,
  outputs: readonly FileOutput[],
  build: OnnxBuilder,
  outside: Outside,
): void {
  const values = new Map<NodeId, OnnxValue>();
  const steps = stepsOf({ graph, weights });
  const batched = batchedNodes(graph);
  const made = outputs
    .filter(({ isInput }) => !isInput)
    .map(({ name, node }) => ({
      node,
      wanted: { name, order: outside.output(nodeOf(graph, node).type.shape.length) },
    }));
  const wanted = new Map<NodeId, WantedOutput[]>();
  for (const one of made) wanted.set(one.node, [...(wanted.get(one.node) ?? []), one.wanted]);
  const valueOf = (id: NodeId): OnnxValue => values.get(id) ?? bug(`node ${id} has no value yet`);
  for (const node of topological(graph)) {
    const { shape, dtype } = node.type;
    const isBatched = batched.has(node.id);
    const isWide = hasWideIntegers(node);
    build.at(node, isBatched, isWide ? [] : (wanted.get(node.id) ?? []));
    const element = isWide ? "f32" : dtype;
    const own = { shape, batched: isBatched, element, steps: isWide ? unit : undefined };
    if (node.op === "constant") {
      const id = node.attributes.weight;
      const absent = entryOf(weights, id).source.kind === "absent";
      const from = compactFrom(graph, weights, node) ?? { kind: "weight", id, label: node.name, absent };
      values.set(node.id, { ...own, order: natural(shape.length), from, batched: false });
    } else if (node.op === "input") {
      const order = outside.input(shape.length);
      const name = isWide ? build.step("Cast", [node.name], { to: fileTypes.f32.number }) : node.name;
      const value: OnnxValue = { ...own, order, from: { kind: "made", name } };
      // The axes are reordered here if an image op comes later, so that ops in between need not change the order.
      values.set(node.id, becomesImage(graph, node) ? build.arranged(value, channelsFirst(4)) : value);
    } else values.set(node.id, exportNode(node, node.inputs.map(valueOf), build, steps.get(node.id)));
  }
  for (const one of made) {
    const node = nodeOf(graph, one.node);
    const value = valueOf(node.id);
    if (!hasWideIntegers(node)) {
      build.output(value, one.wanted);
      continue;
    }
    build.at(node, batched.has(node.id), [one.wanted]);
    const to = { to: fileTypes[node.type.dtype].number };
    const cast = build.result("Cast", [build.name(value, value.order)], to, value.order, node.type.dtype);
    build.output(cast, one.wanted);
  }
}

/**
 * A weight that `compact-weights` stores in fewer bits as the initializer of its codes: halves, or for convolutions int8 with a scale for each
 * channel. Undefined for other weights: 8 bits of a TensorFlow.js file have a minimum, which need not be a whole number of steps.
 */
function compactFrom(
  graph: Graph,
  store: WeightStore,
  node: NodeOf<"constant">,
): OnnxValue["from"] | undefined {
  const { weight } = node.attributes;
  const { type, source } = entryOf(store, weight);
  if (source.kind !== "compact" || type.dtype !== "f32") return undefined;
  const { codes, factors, read } = source.form;
  const isInt8 = codes === "int8" && source.isRounded && factors?.count === channels(type.shape);
  if (!isInt8 && (codes !== "float16" || factors)) return undefined;
  // A transposed convolution has its channels in two axes, and onnxruntime rounds the other factor of matrices in 8 bits too.
  const isFactor = (users(graph).get(node.id) ?? []).every((id) =>
    ["conv2d", "depthwise_conv2d"].includes(nodeOf(graph, id).op),
  );
  if (isInt8 && !isFactor) return undefined;
  const key = `${weight}.codes`;
  const dtype = isInt8 ? "i8" : "f32";
  const id = store.add(key, { dtype, shape: type.shape }, { kind: "file", file: "codes", key, read });
  const from = { kind: "weight", id, label: node.name, absent: false } as const;
  if (!isInt8) return { ...from, halves: true };
  return { ...from, quantized: { scale: Float32Array.from(factors.read()), zero: 0, type: "i8" } };
}

/** Whether a value is f32 inside the file, and has its integers only as an input or an output. */
function hasWideIntegers({ type: { dtype } }: Node): boolean {
  return isInteger(dtype) && !isByte(dtype);
}

/** Whether an op over images reads the input, directly or after ops that keep the order of axes. */
function becomesImage(graph: Graph, input: Node): boolean {
  const seen = new Set([input.id]);
  for (const id of seen) {
    for (const user of users(graph).get(id) ?? []) {
      const { op, type } = nodeOf(graph, user);
      if (input.type.shape.length === 4 && takesImages(op)) return true;
      if (type.shape.length === 4 && op !== "reshape" && op !== "transpose" && op !== "matmul")
        seen.add(user);
    }
  }
  return false;
}

/** ONNX's word for an input that takes pictures. */
function denotationOf({ pictures }: Graph, { name }: Node): string | undefined {
  return pictures?.has(name) ? "IMAGE" : undefined;
}

function valueInfo(
  { name, shape, batched, element }: Typed,
  batch: string | undefined,
  denotation: string | undefined,
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((extent, axis) =>
    axis === 0 && batched && batch !== undefined
      ? { value: { case: "dimParam" as const, value: batch } }
      : { value: { case: "dimValue" as const, value: BigInt(extent) } },
  );
  return {
    name,
    type: {
      ...given({ denotation }),
      value: { case: "tensorType", value: { elemType: fileTypes[element].number, shape: { dim } } },
    },
  };
}
