// A Keras model as layers and their calls: sequences and graphs of layers, in which a layer may be a model.

import { quote, refuse } from "#import/refusal.js";
import type { Fields, Json } from "./fields.js";
import { fieldsOf, isInt, isText, listOf, objectOf } from "./fields.js";

/** One tensor that a call of a layer makes. */
export interface TensorId {
  readonly layer: string;
  /** Which call of the layer. */
  readonly call: number;
  /** Which result of the call. */
  readonly result: number;
}

export interface Layer {
  readonly name: string;
  readonly kind: string;
  readonly config: Fields;
  /** The layers of a layer that is a model. */
  readonly model?: Model;
  /** The operands of each call. */
  readonly calls: readonly (readonly TensorId[])[];
  /** The number of the first call. */
  readonly firstCall: number;
}

export interface Model {
  readonly layers: ReadonlyMap<string, Layer>;
  readonly inputs: readonly TensorId[];
  readonly outputs: readonly TensorId[];
}

/** The deepest nesting of models. */
const depthLimit = 16;

const functional: ReadonlySet<string> = new Set(["Model", "Functional"]);

/** Whether a class is a model of layers. */
export function isModel(kind: string): boolean {
  return kind === "Sequential" || functional.has(kind);
}

/** The model of a class with its configuration. Refuses a configuration that is not a model. */
export function readModel(kind: string, config: Json | undefined, depth = 0): Model {
  if (depth > depthLimit) refuse("too-large", `more than ${depthLimit} models are nested`);
  return kind === "Sequential" ? sequence(config, depth) : graph(config, depth);
}

/** Layers one after another. In old files the configuration is just the list of layers. */
function sequence(config: Json | undefined, depth: number): Model {
  const list = listOf(config) ?? fieldsOf(config, "the configuration of the model").list("layers");
  const layers = new Map<string, Layer>();
  let last: TensorId | undefined;
  for (const written of list) {
    const layer = readLayer(written, depth);
    if (layers.has(layer.name)) refuse("bad-model", `two layers are called ${quote(layer.name)}`);
    if (!last && layer.kind !== "InputLayer") {
      // The shape of the input is in the first layer, or in the model that the first layer is.
      const name = `${layer.name}_input`;
      const shape = shapeOf(layer) ?? firstShape(layer) ?? builtShape(config) ?? null;
      const input = fieldsOf({ name, batch_input_shape: shape }, `the input of ${quote(layer.name)}`);
      layers.set(name, { name, kind: "InputLayer", config: input, calls: [[]], firstCall: 0 });
      last = { layer: name, call: 0, result: 0 };
    }
    layers.set(layer.name, { ...layer, calls: [last ? [last] : []], firstCall: 0 });
    last = { layer: layer.name, call: 0, result: 0 };
  }
  const [first] = layers.keys();
  if (first === undefined || !last) refuse("bad-model", "the model has no layers");
  return { layers, inputs: [{ layer: first, call: 0, result: 0 }], outputs: [last] };
}

function builtShape(config: Json | undefined): Json | undefined {
  return objectOf(config)?.["build_input_shape"];
}

/** The shape of the input of a layer that is a model. */
function firstShape({ model }: Layer): Json | undefined {
  const input = model?.layers.get(model.inputs[0]?.layer ?? "");
  return input && shapeOf(input);
}

/** The shape in the configuration of an input layer, with the batch first. */
export function shapeOf({ config }: Layer): Json | undefined {
  return config.get("batch_input_shape") ?? config.get("batch_shape");
}

function graph(config: Json | undefined, depth: number): Model {
  const fields = fieldsOf(config, "the configuration of the model");
  const layers = new Map<string, Layer>();
  for (const written of fields.list("layers")) {
    const layer = readLayer(written, depth);
    if (layers.has(layer.name)) refuse("bad-model", `two layers are called ${quote(layer.name)}`);
    layers.set(layer.name, layer);
  }
  const inputs = tensorIds(fields.get("input_layers"), "the inputs of the model");
  const outputs = tensorIds(fields.get("output_layers"), "the outputs of the model");
  numberCalls(layers, outputs);
  return { layers, inputs, outputs };
}

/**
 * Keras counts the construction of a model as its call 0, so calls of a layer that is a model begin with 1, unless it was a sequence
 * without an input. The operands of other layers show which it is.
 */
function numberCalls(layers: Map<string, Layer>, outputs: readonly TensorId[]): void {
  const last = new Map<string, number>();
  const read = [...outputs, ...[...layers.values()].flatMap(({ calls }) => calls.flat())];
  for (const { layer, call } of read) last.set(layer, Math.max(last.get(layer) ?? 0, call));
  for (const [name, layer] of layers)
    if (layer.model && (last.get(name) ?? 0) >= layer.calls.length)
      layers.set(name, { ...layer, firstCall: 1 });
}

function readLayer(written: Json, depth: number): Layer {
  const fields = fieldsOf(written, "a layer");
  const kind = fields.text("class_name");
  const config = fields.get("config");
  const own = objectOf(config)?.["name"];
  const name = fields.text("name", isText(own) ? own : kind);
  const what = `layer ${quote(name)}`;
  const calls = (listOf(fields.get("inbound_nodes")) ?? []).map((node) => callOf(node, what));
  const input = kind === "InputLayer" && calls.length === 0 ? [[]] : calls;
  if (!isModel(kind)) return { name, kind, config: fieldsOf(config ?? {}, what), calls: input, firstCall: 0 };
  return {
    name,
    kind,
    config: fieldsOf(objectOf(config) ?? {}, what),
    model: readModel(kind, config, depth + 1),
    calls: input,
    firstCall: 0,
  };
}

/** One call: a list of tensors in Keras 2, an object with positional and named operands in Keras 3. */
function callOf(node: Json, what: string): readonly TensorId[] {
  const object = objectOf(node);
  if (!object) return tensorIds(node, `a call of ${what}`);
  const found: TensorId[] = [];
  // Tensors may be in nested lists. This uses a stack, because the file decides how deep they are.
  const open: Json[] = [object["args"] ?? [], object["kwargs"] ?? []].toReversed();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const list = listOf(next);
    const inner = objectOf(next);
    if (list) {
      for (const one of list.toReversed()) open.push(one);
    } else if (inner?.["class_name"] === "__keras_tensor__") {
      const history = objectOf(inner["config"])?.["keras_history"];
      found.push(tensorId(history, `a call of ${what}`));
    } else if (inner) {
      for (const one of Object.values(inner).toReversed()) open.push(one);
    }
  }
  return found;
}

/** A list of tensors, or a single tensor. */
function tensorIds(written: Json | undefined, what: string): readonly TensorId[] {
  const list = listOf(written) ?? refuse("bad-model", `${what} are not a list`);
  return isText(list[0]) ? [tensorId(list, what)] : list.map((one) => tensorId(one, what));
}

function tensorId(written: Json | undefined, what: string): TensorId {
  const [layer, call = 0, result = 0] = listOf(written) ?? [];
  if (!isText(layer) || !isInt(call) || !isInt(result))
    refuse("bad-model", `${what} ${/s of /.test(what) ? "are" : "is"} not written as [layer, call, result]`);
  return { layer, call, result };
}
