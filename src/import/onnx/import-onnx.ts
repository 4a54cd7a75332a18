// Imports ONNX: the bytes of a model become a graph in our layout, and a store whose entries are parts of the file.

import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import { expectOptions } from "#diagnostic/options.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import { createWeightStore } from "#weights/store.js";
import { createBuilder } from "#import/builder.js";
import { entriesOf } from "#import/options/constants.js";
import { outputExtents, unneededInput } from "#import/options/cut-inputs.js";
import { cutHelp, cutPlaces, macsOf, unknownOutput, withCut } from "#import/options/cut.js";
import { rounded, valueOf } from "#import/lowering.js";
import { cleanName, createNames } from "#import/names.js";
import { diagnosticOf, quote } from "#import/refusal.js";
import type { Extent, Unbound } from "#import/options/dimensions.js";
import { dimOptions, inputShapes, unboundMessage } from "#import/options/dimensions.js";
import type { Imported, NamedValue } from "#import/finish.js";
import { finish } from "#import/finish.js";
import { withIntegerSums } from "#import/integer-sums.js";
import type { DataFile } from "#import/data-file.js";
import { dataFileOf } from "#import/data-file.js";
import type { ImportOptions } from "#import/options/import-options.js";
import { importKinds } from "#import/options/import-options.js";
import { adviseSizes } from "#import/options/suggest-dims.js";
import { unknownMessage } from "#import/unknown.js";
import { cutInputs } from "./cut-inputs.js";
import { declaredWarnings } from "./declared.js";
import { withMetadata } from "./pictures.js";
import { extentsOf, tensorType } from "./dimensions.js";
import { expandFunctions } from "./functions.js";
import { elementTypes, typeName } from "./element-type.js";
import type { GraphProto, ValueInfoProto } from "#onnx/proto/onnx_pb.js";
import type { Reached } from "./reach.js";
import { namesRead, reach } from "./reach.js";
import type { ReadModel } from "./read-proto.js";
import { readProto } from "./read-proto.js";
import type { TensorData } from "./tensors.js";
import { checkSlices } from "./tensors.js";
import type { Import, Scope } from "./walk.js";
import { isKnown, walk, weight } from "./walk.js";

/**
 * The graph of an ONNX model, or all errors found in it. Inputs and outputs have the shapes of the model; inside the graph, images have
 * their channels last. Weights are read from the bytes or the file when they are needed, so these must not change.
 */
export function importOnnx(model: Uint8Array | DataFile, options: ImportOptions = {}): Result<Imported> {
  const isBytes = model instanceof Uint8Array;
  expectArgument(
    "importOnnx",
    "the bytes of a model",
    model,
    isBytes || hasProperties(model, "size", "read"),
  );
  expectOptions("importOnnx", options, importKinds);
  const source = isBytes ? dataFileOf(model) : model;
  const file = options.file ?? "model.onnx";
  const read = readProto(source, file);
  if (!read.value) return { diagnostics: read.diagnostics };
  const expanded = expandFunctions(read.value.graph, read.value.functions, isKnown);
  if (typeof expanded === "string") return { diagnostics: [error("bad-model", `${file}: ${expanded}`)] };
  const { value, diagnostics } = importGraph({ ...expanded, model: read.value, source, file }, options);
  const all = [...read.diagnostics, ...diagnostics];
  return value ? { value, diagnostics: all } : { diagnostics: all };
}

/** How an import is tried. */
interface Attempt {
  /** Whether to give no advice, because finding advice tries further imports. */
  readonly isTrial?: boolean;
  /** Sizes that the caller did not give. Advice about cuts repeats them. */
  readonly suggested?: ReadonlyMap<string, number>;
}

/** A model that has been read. */
interface Source {
  readonly model: ReadModel;
  readonly graph: GraphProto;
  readonly opsets: Import["opsets"];
  readonly source: DataFile;
  readonly file: string;
}

function importGraph(
  from: Source,
  options: ImportOptions,
  { isTrial = false, suggested = new Map() }: Attempt = {},
): Result<Imported> {
  const { file } = from;
  const wrong = (message: string): Result<Imported> => ({
    diagnostics: [error("bad-model", `${file}: ${message}`)],
  });
  // The head of the model determines the shape of an inner value.
  const headShape = (name: string): readonly Extent[] | undefined =>
    outputExtents(
      importGraph(from, { ...options, inputs: [], outputs: [name] }, { isTrial: true }).value?.graph,
    );
  const cut = cutInputs(from.graph, options.inputs ?? [], headShape, file);
  if (!cut.value) return { diagnostics: cut.diagnostics };
  const { graph, inputs: given, named } = cut.value;
  const isCut = cut.value.isCut || (options.outputs ?? []).length > 0;
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
  if (new Set(given.map(({ name }) => name)).size < given.length)
    return wrong("two inputs have the same name");
  const unneeded = named.filter((name) => !reached.used.has(name));
  if (unneeded.length > 0) return { diagnostics: unneeded.map((name) => unneededInput(name, file)) };
  const constants = entriesOf(options.constants);
  const written = given.filter(({ name }) => !isCut || reached.used.has(name) || constants.has(name));
  const typed = wrongInputs(
    graph.input.filter(({ name }) => written.some((one) => one.name === name)),
    file,
  );
  if (typed.length > 0) return { diagnostics: typed };
  const shapes = inputShapes(written, { dims: options.dims ?? new Map(), constants }, file);
  if ("missing" in shapes) return { diagnostics: missingSizes(from, options, shapes, isTrial) };
  if (!("shapes" in shapes)) return { diagnostics: shapes };

  const build = createBuilder(createWeightStore(), createNames(), shapes.batch);
  const { held } = from.model;
  const data: TensorData = { file: from.source, held, open: options.openData, files: new Map(), slices: [] };
  const shared: Import = {
    file,
    opset: from.model.opset,
    build,
    data,
    diagnostics: [],
    opsets: from.opsets,
    keys: createNames(),
    unknown: new Map(),
    unknownNodes: new Set(),
    tensors: new Map(),
    reached: new Map(),
    unrolled: 0,
  };
  const scope: Scope = {
    shared,
    used: reached.used,
    values: new Map(),
    lost: new Set(),
    isQuiet: false,
    isLoop: false,
  };
  for (const { name, type } of written) {
    // Numbers of all types are given as floats; an integer type keeps its arithmetic.
    const fixed = shapes.fixed.get(name);
    build.at(cleanName(name) ?? "constant");
    const ref = fixed
      ? build.literal(fixed.data, fixed.shape)
      : build.input(name, shapes.shapes.get(name) ?? [], type);
    scope.values.set(name, rounded(build, valueOf(ref, type)));
  }
  let refused: ReturnType<typeof walk>;
  try {
    for (const [name, tensor] of initializers)
      if (reached.used.has(name)) scope.values.set(name, weight(shared, tensor, name));
    checkSlices(data.slices);
    refused = walk(scope, reached.nodes);
  } catch (cause) {
    return { diagnostics: [diagnosticOf(cause, file)] };
  }
  if (refused.size > 0 || hasErrors(shared.diagnostics)) {
    const help = isTrial
      ? () => []
      : () => cutAdvice(from, options, suggested, scope, reached, refused, outputNames);
    return { diagnostics: problems(shared, help) };
  }
  const outputs: NamedValue[] = [];
  for (const name of outputNames) {
    const value = scope.values.get(name);
    if (!value) return wrong(`no node makes the output ${quote(name)}`);
    outputs.push({ name, value });
  }
  const made = finish(build, outputs, { name: graphName(from.model, file), file, isCut });
  const images = graph.input.filter(({ type }) => type?.denotation === "IMAGE").map((input) => input.name);
  const finished = made.value
    ? {
        ...made,
        value: {
          ...made.value,
          ...withIntegerSums({
            ...made.value,
            graph: withMetadata(made.value, from.model.metadata, new Set(images)),
          }),
        },
      }
    : made;
  const warnings = declaredWarnings(shared, graph, reached.nodes, scope.values, file);
  return { ...finished, diagnostics: [...shared.diagnostics, ...finished.diagnostics, ...warnings] };
}

/** What to do about unsupported operators that users often meet. */
const advice: Readonly<Record<string, string>> = {
  Unique: "results without a fixed size are better made in JavaScript",
  TopK: "it is better done in JavaScript",
  DynamicQuantizeLinear: "export the model with float activations; quantised weights are fine",
};

/** All errors, with the advice at the end. */
function problems({ file, unknown, diagnostics }: Import, help: () => readonly string[]): Diagnostic[] {
  if (unknown.size === 0) return withCut(diagnostics, help);
  // Exporters do not write onnxruntime's fused operators, so the file was optimized.
  const isFused = [...unknown.keys()].some((op) => op.startsWith("com.microsoft."));
  const known = isFused
    ? "docs/onnx.md lists the supported operators; onnxruntime's optimization makes operators of com.microsoft: use the model from before it"
    : "docs/onnx.md lists the supported operators; onnxsim or onnxruntime's offline optimization may fold such nodes away";
  return [...unknownMessage(unknown, { file, advice, help: [...help(), known] }), ...diagnostics];
}

/** Where to cut the model before the nodes that were refused. */
function cutAdvice(
  from: Source,
  options: ImportOptions,
  suggested: ReadonlyMap<string, number>,
  { shared, values }: Scope,
  { nodes }: Reached,
  refused: ReturnType<typeof walk>,
  outputs: readonly string[],
): readonly string[] {
  const steps = nodes.map((node) => ({
    reads: namesRead(node),
    makes: node.output.filter((name) => name !== ""),
    isBad: refused.has(node),
  }));
  const places = cutPlaces(steps, outputs, shared.build.nodes, (name) => values.get(name));
  const attempt = (outputs: readonly string[]) =>
    importGraph(from, { ...options, outputs }, { isTrial: true }).value?.graph.nodes;
  return cutHelp(places, macsOf(shared.build.nodes), attempt, dimOptions(suggested));
}

/** The advice about missing sizes. */
function missingSizes(
  from: Source,
  options: ImportOptions,
  missing: Unbound,
  isTrial: boolean,
): readonly Diagnostic[] {
  const { file, graph } = from;
  if (isTrial) return [...missing.wrong, unboundMessage(missing, file, undefined)];
  const declared = graph.output.map(extentsOf).filter((extents) => typeof extents !== "string");
  return adviseSizes(missing, file, { isChannelsLast: false, declared }, (dims, isTrial) => {
    const all = new Map([...(options.dims ?? []), ...dims]);
    return importGraph(from, { ...options, dims: all }, { isTrial, suggested: dims });
  });
}

/** The names of the outputs: the model's own, or those that the caller asks for. */
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

/** The file's name without its ending, because exporters name all their graphs `main_graph`. */
function graphName({ graph }: ReadModel, file: string): string {
  const base = (file.split(/[/\\]/).at(-1) ?? "").replace(/\.onnx$/i, "");
  const name = cleanName(base) ?? cleanName(graph.name) ?? "model";
  return name.replaceAll(".", "_");
}
