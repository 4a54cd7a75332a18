// Imports TensorFlow.js: the text of a model.json becomes a graph, and a store whose entries are parts of its shards.

import { given } from "#diagnostic/given.js";
import { expectArgument } from "#diagnostic/argument.js";
import { expectOptions } from "#diagnostic/options.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { createBuilder } from "#import/builder.js";
import type { OpenData } from "#import/data-file.js";
import { entriesOf } from "#import/options/constants.js";
import { outputExtents } from "#import/options/cut-inputs.js";
import { cutHelp, macsOf } from "#import/options/cut.js";
import type { Extent } from "#import/options/dimensions.js";
import { dimOptions, inputShapes, unboundMessage } from "#import/options/dimensions.js";
import type { Imported, NamedValue } from "#import/finish.js";
import { finish } from "#import/finish.js";
import { rounded, valueOf } from "#import/lowering.js";
import { cleanName, createNames } from "#import/names.js";
import { diagnosticOf, quote, refuse } from "#import/refusal.js";
import type { WeightFile } from "#ir/weights.js";
import type { ImportOptions } from "#import/options/import-options.js";
import { importKinds } from "#import/options/import-options.js";
import { adviseSizes } from "#import/options/suggest-dims.js";
import { createWeightStore } from "#weights/store.js";
import type { Fields, Json } from "./fields.js";
import { fieldsOf } from "./fields.js";
import { importGraph } from "./graph/import-graph.js";
import { importLayers } from "./import-layers.js";
import type { CutAdvice, Start } from "./state.js";
import { weightsOf } from "./state.js";
import { manifestTensors } from "./weights.js";

/** The longest supported text, in bytes. Weights are in other files. */
export const textLimit = 16 * 2 ** 20;

/**
 * The graph of a TensorFlow.js model, a layers model or a graph model, or all errors found in it. `model` is the text of its model.json.
 * Inputs and outputs have the shapes of the model. Weights are read when they are needed.
 */
export function importTfjs(model: Uint8Array | string, options: ImportOptions = {}): Result<Imported> {
  const isModel = typeof model === "string" || model instanceof Uint8Array;
  expectArgument("importTfjs", "the text of a model.json", model, isModel);
  expectOptions("importTfjs", options, importKinds);
  const file = options.file ?? "model.json";
  const read = readJson(model, file);
  if (read.value === undefined) return { diagnostics: read.diagnostics };
  try {
    return importModel(fieldsOf(read.value, "the file"), file, options);
  } catch (cause) {
    return { diagnostics: [diagnosticOf(cause, file)] };
  }
}

/** The weights of a model.json by their names in its manifest, as a weight file. Their data are not read yet. */
export function tfjsWeights(model: Uint8Array, file: string, open: OpenData): Result<WeightFile> {
  const read = readJson(model, file);
  if (read.value === undefined) return { diagnostics: read.diagnostics };
  try {
    const whole = fieldsOf(read.value, "the file");
    const manifest = whole.has("weightsManifest") ? whole.list("weightsManifest") : [];
    const entries = new Map(
      [...manifestTensors(manifest, open)].map(([name, { shape, readF32, form }]) => [
        name,
        { shape, read: readF32, ...given({ form }) },
      ]),
    );
    return { value: { file, entries }, diagnostics: [] };
  } catch (cause) {
    return { diagnostics: [diagnosticOf(cause, file)] };
  }
}

function readJson(model: Uint8Array | string, file: string): Result<Json> {
  const wrong = (message: string, ...help: string[]): Result<Json> => ({
    diagnostics: [error("bad-model", `${file}: ${message}`, { help })],
  });
  if (model.length > textLimit)
    return wrong(`a model.json has more than ${textLimit / 2 ** 20} MiB`, "weights belong in other files");
  try {
    const text = typeof model === "string" ? model : new TextDecoder("utf-8", { fatal: true }).decode(model);
    return { value: JSON.parse(text) as Json, diagnostics: [] };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return wrong(
      `this is not JSON: ${quote(why).slice(1, -1)}`,
      "a TensorFlow.js model is a model.json and files with its weights; is the file complete?",
    );
  }
}

function importModel(
  whole: Fields,
  file: string,
  options: ImportOptions,
  { isTrial = false, suggested = new Map() }: Attempt = {},
): Result<Imported> {
  if (!whole.has("modelTopology"))
    refuse("bad-model", "the file has no `modelTopology`", "is it the model.json of a TensorFlow.js model?");
  const topology = whole.get("modelTopology") ?? null;
  const outputs = options.outputs ?? [];
  const attempt = (changed: Partial<ImportOptions>, how: Attempt): Result<Imported> => {
    try {
      return importModel(whole, file, { ...options, ...changed }, how);
    } catch (cause) {
      return { diagnostics: [diagnosticOf(cause, file)] };
    }
  };
  const start: Start = ({ inputs, unneeded, isCut }, make) => {
    const constants = new Map(entriesOf(options.constants));
    for (const name of unneeded) constants.delete(name);
    const bindings = { dims: options.dims ?? new Map(), constants };
    const shapes = inputShapes(inputs, bindings, file);
    if ("missing" in shapes) {
      if (isTrial) return { diagnostics: [...shapes.wrong, unboundMessage(shapes, file, undefined)] };
      const layout = { isChannelsLast: true, declared: [] };
      const diagnostics = adviseSizes(shapes, file, layout, (dims, isTrial) =>
        attempt({ dims: new Map([...(options.dims ?? []), ...dims]) }, { isTrial, suggested: dims }),
      );
      return { diagnostics };
    }
    if (!("shapes" in shapes)) return { diagnostics: shapes };
    if (new Set(inputs.map(({ name }) => name)).size < inputs.length)
      refuse("bad-model", "two inputs have the same name");
    const build = createBuilder(createWeightStore(), createNames(), shapes.batch);
    const manifest = whole.has("weightsManifest") ? whole.list("weightsManifest") : [];
    const weights = weightsOf(manifestTensors(manifest, options.openData), build, file);
    const values = inputs.map(({ name, type }) => {
      const fixed = shapes.fixed.get(name);
      build.at(cleanName(name) ?? "constant");
      const ref = fixed
        ? build.literal(fixed.data, fixed.shape)
        : build.input(name, shapes.shapes.get(name) ?? [], type);
      return rounded(build, valueOf(ref, type));
    });
    const made = make({ file, build, weights }, values);
    return isNamed(made)
      ? finish(build, made, { name: graphName(file), file, isCut })
      : { diagnostics: made };
  };
  const format = whole.text("format", "");
  const isGraph =
    format === "graph-model" || (format === "" && fieldsOf(topology, "the topology").has("node"));
  const cut: CutAdvice = (build, places) =>
    isTrial
      ? []
      : cutHelp(
          places,
          macsOf(build.nodes),
          (outputs) => attempt({ outputs }, { isTrial: true }).value?.graph.nodes,
          dimOptions(suggested),
        );
  // The head of the model determines the shape of an inner value.
  const headShape = (name: string): readonly Extent[] | undefined =>
    outputExtents(attempt({ inputs: [], outputs: [name] }, { isTrial: true }).value?.graph);
  const given = { file, outputs, inputs: options.inputs ?? [], headShape, cut };
  return isGraph ? importGraph(whole, topology, given, start) : importLayers(topology, given, start);
}

/** How an import is tried. */
interface Attempt {
  /** Whether to give no advice, because finding advice tries further imports. */
  readonly isTrial?: boolean;
  /** Sizes that the caller did not give. Advice about cuts repeats them. */
  readonly suggested?: ReadonlyMap<string, number>;
}

function isNamed(made: NamedValue[] | Diagnostic[]): made is NamedValue[] {
  return made.every((one) => "value" in one);
}

/** The file's name without its ending, or the name of its folder, because converters name all files model.json. */
function graphName(file: string): string {
  const parts = file.split(/[/\\]/);
  const base = (parts.at(-1) ?? "").replace(/\.json$/i, "");
  const named = base === "model" ? cleanName(parts.at(-2) ?? "") : undefined;
  return (named ?? cleanName(base) ?? "model").replaceAll(".", "_");
}
