// Imports a layers model: the calls of layers that its outputs depend on are lowered in the order of their operands.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import type { NamedInput } from "#import/options/cut-inputs.js";
import { namedInputs, unknownShape, unneededInput } from "#import/options/cut-inputs.js";
import { unknownOutput } from "#import/options/cut.js";
import type { Extent, WrittenInput } from "#import/options/dimensions.js";
import { namelessSymbol, rankLimit } from "#import/options/dimensions.js";
import type { Imported, NamedValue } from "#import/finish.js";
import { checkMany } from "#import/lowering.js";
import { cleanName } from "#import/names.js";
import { diagnosticOf, quote, refuse, Refusal } from "#import/refusal.js";
import { addUnknown, unknownMessage } from "#import/unknown.js";
import type { Value } from "#import/value.js";
import { activations } from "./activations.js";
import type { Json } from "./fields.js";
import { fieldsOf, isInt, listOf } from "./fields.js";
import { layers as known } from "./layers/index.js";
import { activationName } from "./layers/layer.js";
import { circle, dependencyOrder } from "#import/dependency-order.js";
import type { Given, Start, TfjsImport } from "./state.js";
import type { Layer, Model, TensorId } from "./topology.js";
import { isModel, readModel, shapeOf } from "./topology.js";

/** The most calls of layers. Calls in nested models are counted each time. */
const callLimit = 100_000;

/** The most messages about single layers. */
const messageLimit = 10;

const advice: Readonly<Record<string, string>> = {
  Lambda: "the file does not say what it computes: use supported layers instead, or convert to a graph model",
  Embedding: "indices are not floats: look them up in JavaScript",
};

/** Imports the topology of a layers model. `start` makes the builder once the inputs are known. */
export function importLayers(
  topology: Json,
  { file, outputs, inputs: given, headShape }: Given,
  start: Start,
): Result<Imported> {
  let model: Model;
  let named: ReadonlyMap<string, NamedInput>;
  let isCut = false;
  let unneeded: readonly string[] = [];
  try {
    const whole = fieldsOf(topology, "the topology");
    const written = whole.has("model_config") ? whole.fields("model_config") : whole;
    const kind = written.text("class_name");
    if (!isModel(kind))
      refuse("bad-model", `the model is a ${quote(kind)}`, "Sequential and Functional models are supported");
    model = readModel(kind, written.get("config"));
    const misnamed = outputs.filter((name) => !model.layers.has(name));
    if (misnamed.length > 0)
      return { diagnostics: misnamed.map((name) => unknownOutput(name, model.layers.keys(), file)) };
    if (outputs.length > 0) model = withOutputs(model, outputs);
    const read = namedInputs(
      given,
      (name) => (model.layers.has(name) ? name : undefined),
      () => model.layers.keys(),
      file,
    );
    if (!read.value) return { diagnostics: read.diagnostics };
    named = new Map(read.value.map((one) => [one.name, one]));
    isCut =
      outputs.length > 0 || [...named.keys()].some((name) => model.layers.get(name)?.kind !== "InputLayer");
    const own = model.inputs;
    if (isCut) model = withInputs(model, [...named.keys()]);
    unneeded = own.flatMap(({ layer }) => (model.inputs.some((one) => one.layer === layer) ? [] : [layer]));
    const useless = [...named.keys()].filter((name) => !model.inputs.some(({ layer }) => layer === name));
    if (useless.length > 0) return { diagnostics: useless.map((name) => unneededInput(name, file)) };
  } catch (cause) {
    return { diagnostics: [diagnosticOf(cause, file)] };
  }
  const unknown = new Map<string, string[]>();
  findUnknown(model, unknown);
  if (unknown.size > 0) {
    const help = ["--outputs NAME cuts the model after a layer", "docs/tfjs.md lists the supported layers"];
    return { diagnostics: unknownMessage(unknown, { file, advice, help }) };
  }
  const written = model.inputs.map((id): WrittenInput | Diagnostic => {
    const { extents } = named.get(id.layer) ?? {};
    if (extents) return { name: id.layer, extents };
    // An inner value is an input by its own name; any other input must be an InputLayer of the model.
    if (!named.has(id.layer) || model.layers.get(id.layer)?.kind === "InputLayer")
      return writtenInput(model, id);
    const shape = headShape(id.layer);
    return shape ? { name: id.layer, extents: shape } : unknownShape(id.layer, file);
  });
  const wrong = written.filter((one) => "code" in one);
  if (wrong.length > 0) return { diagnostics: wrong };
  return start({ inputs: written.filter((one) => "name" in one), unneeded, isCut }, (state, inputs) =>
    results(state, model, inputs),
  );
}

/** The model with the results of the last calls of some layers as its outputs. */
function withOutputs(model: Model, names: readonly string[]): Model {
  return { ...model, outputs: [...new Set(names)].map((name) => lastCall(model, name)) };
}

function lastCall(model: Model, layer: string): TensorId {
  const { calls = [], firstCall = 0 } = model.layers.get(layer) ?? {};
  return { layer, call: firstCall + Math.max(0, calls.length - 1), result: 0 };
}

/** The model with the results of some layers as further inputs, without inputs and layers that the outputs do not need. */
function withInputs(model: Model, names: readonly string[]): Model {
  for (const name of names)
    if ((model.layers.get(name)?.calls.length ?? 0) > 1)
      refuse(
        "unsupported-operator",
        `layer ${quote(name)} is called several times, so it cannot be an input`,
      );
  const given = new Set(names);
  const needed = new Set(model.outputs.map(({ layer }) => layer));
  // Iterating over a set also visits the names added during the iteration.
  for (const name of needed)
    if (!given.has(name))
      for (const { layer } of model.layers.get(name)?.calls.flat() ?? []) needed.add(layer);
  const inner = names.filter((name) => model.layers.get(name)?.kind !== "InputLayer");
  const inputs = [...model.inputs, ...inner.map((name) => lastCall(model, name))];
  return {
    ...model,
    inputs: inputs.filter(({ layer }) => needed.has(layer)),
    layers: new Map([...model.layers].filter(([name]) => needed.has(name))),
  };
}

/** Collects layers of unknown classes, and activations of unknown names. */
function findUnknown(model: Model, found: Map<string, string[]>): void {
  const add = (what: string, name: string): void => {
    addUnknown(found, what, name);
  };
  const given = new Set(model.inputs.map(({ layer }) => layer));
  for (const { name, kind, config, model: inner } of model.layers.values()) {
    if (given.has(name)) continue;
    if (inner) findUnknown(inner, found);
    else if (kind !== "InputLayer" && !Object.hasOwn(known, kind)) add(kind, name);
    else {
      const activation = activationName(config.get("activation"));
      if (activation !== undefined && !Object.hasOwn(activations, activation))
        add(`activation ${activation}`, name);
    }
  }
}

function writtenInput(model: Model, { layer: name }: TensorId): WrittenInput {
  const layer = model.layers.get(name);
  if (layer?.kind !== "InputLayer") return { name, extents: "is not an InputLayer of the model" };
  const shape = listOf(shapeOf(layer));
  if (!shape) return { name, extents: "has no shape, not even a number of axes" };
  if (shape.length > rankLimit) return { name, extents: `has ${shape.length} axes` };
  const extents: Extent[] = [];
  for (const [axis, extent] of shape.entries()) {
    if (extent === null || extent === -1) extents.push({ symbol: namelessSymbol(name, axis) });
    else if (isInt(extent) && extent > 0) extents.push({ value: extent });
    else return { name, extents: `has an extent of ${JSON.stringify(extent).slice(0, 20)}` };
  }
  return { name, extents };
}

/** The outputs of the model, named by their layers. */
function results(state: TfjsImport, model: Model, inputs: readonly Value[]): NamedValue[] | Diagnostic[] {
  const run: Run = { state, diagnostics: [], calls: 0 };
  const values = callModel(run, model, inputs, []);
  if (run.diagnostics.length > 0) return run.diagnostics;
  const seen = new Map<string, number>();
  return model.outputs.map(({ layer }, at) => {
    const count = seen.get(layer) ?? 0;
    seen.set(layer, count + 1);
    const value = values[at];
    if (!value) return refuse("bad-model", `no layer makes the output ${quote(layer)}`);
    return { name: count === 0 ? layer : `${layer}_${count}`, value };
  });
}

interface Run {
  readonly state: TfjsImport;
  readonly diagnostics: Diagnostic[];
  calls: number;
}

/** The results of a model for its operands. A result that was refused, or that depends on a refused one, is undefined. */
function callModel(
  run: Run,
  model: Model,
  inputs: readonly (Value | undefined)[],
  path: readonly string[],
): (Value | undefined)[] {
  const key = ({ layer, call }: TensorId): string => `${call} ${layer}`;
  const values = new Map<string, readonly (Value | undefined)[]>();
  for (const [at, id] of model.inputs.entries()) values.set(key(id), [inputs[at]]);
  const layerOf = (id: TensorId): Layer =>
    model.layers.get(id.layer) ?? refuse("bad-model", `there is no layer ${quote(id.layer)}`);
  const operandsOf = (id: TensorId): readonly TensorId[] => {
    const { calls, firstCall } = layerOf(id);
    return (
      calls[id.call - firstCall] ?? refuse("bad-model", `layer ${quote(id.layer)} has no call ${id.call}`)
    );
  };
  const calls = dependencyOrder(model.outputs, {
    key,
    needs: (id) => (values.has(key(id)) ? [] : operandsOf(id)),
    cycle: (ids) =>
      refuse(
        "bad-model",
        circle(
          ids.map(({ layer }) => layer),
          "layer",
        ),
      ),
  });
  const valueOf = (id: TensorId): Value | undefined => {
    const own = values.get(key(id)) ?? [];
    if (id.result < 0 || id.result >= own.length)
      refuse("bad-model", `layer ${quote(id.layer)} has no result ${id.result}`);
    return own[id.result];
  };
  for (const id of calls) {
    if (values.has(key(id))) continue;
    run.calls += 1;
    if (run.calls > callLimit) refuse("too-large", `the model calls layers more than ${callLimit} times`);
    values.set(key(id), callLayer(run, layerOf(id), operandsOf(id).map(valueOf), path));
  }
  return model.outputs.map(valueOf);
}

function callLayer(
  run: Run,
  layer: Layer,
  inputs: readonly (Value | undefined)[],
  path: readonly string[],
): readonly (Value | undefined)[] {
  const { name, kind, config, model } = layer;
  if (model) {
    if (inputs.length !== model.inputs.length)
      refuse("bad-model", `model ${quote(name)} takes ${model.inputs.length} values, not ${inputs.length}`);
    return callModel(run, model, inputs, [...path, name]);
  }
  const given = inputs.filter((value) => value !== undefined);
  if (given.length < inputs.length) return [undefined];
  const { build, weights, file } = run.state;
  const weight = (own: string): Value | undefined => weights.find(name, own);
  try {
    checkMany(given.length, "operands");
    build.at(
      cleanName([...path, name].join("/")) ?? kind.toLowerCase(),
      kind === "Reshape" || kind === "Permute",
    );
    const result = ownEntry(known, kind)?.(
      {
        kind,
        config,
        inputs: given,
        x: () =>
          given.length === 1 && given[0]
            ? given[0]
            : refuse("bad-model", `${kind} takes one value, not ${given.length}`),
        optional: weight,
        weightOf: (layer, own) => weights.find(layer, own),
        weight: (own) =>
          weight(own) ??
          refuse("missing-data", `the manifest of the weights has no ${quote(`${name}/${own}`)}`),
      },
      run.state,
    );
    return [result ?? refuse("bad-model", `layer ${quote(name)} is an input that the model does not name`)];
  } catch (cause) {
    if (!(cause instanceof Refusal) || cause.code === "too-large") throw cause;
    if (run.diagnostics.length < messageLimit)
      run.diagnostics.push(diagnosticOf(cause, `${file}: layer ${quote(name)}, ${quote(kind)}`));
    return [undefined];
  }
}
