// A topology as Keras 3 writes it: registered names, policies of types, shapes of the batch, tensors as operands of calls.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The topology of Keras 2 in the form of Keras 3. */
export function keras3(topology: unknown): object {
  const { model_config } = topology as {
    model_config: { class_name: string; config: { [key: string]: Json } };
  };
  const { class_name, config } = model_config;
  const names: Readonly<Record<string, string>> = { Model: "Functional" };
  const layers = (config["layers"] as { [key: string]: Json }[]).map(layerOf);
  return {
    keras_version: "3.3.3",
    backend: "tensorflow",
    model_config: {
      module: "keras",
      class_name: names[class_name] ?? class_name,
      registered_name: names[class_name] ?? class_name,
      config: {
        ...config,
        trainable: true,
        layers,
        ...(class_name === "Sequential" ? { dtype: policy } : {}),
      },
      build_config: { input_shape: null },
    },
  };
}

const policy: Json = {
  module: "keras",
  class_name: "DTypePolicy",
  config: { name: "float32" },
  registered_name: null,
};

function layerOf(layer: { [key: string]: Json }): Json {
  const { batch_input_shape, ...config } = layer["config"] as { [key: string]: Json };
  const name = layer["name"] ?? config["name"] ?? null;
  return {
    module: "keras.layers",
    class_name: layer["class_name"] ?? null,
    config: {
      ...config,
      ...objectsOf(config),
      ...(batch_input_shape === undefined ? {} : { batch_shape: batch_input_shape }),
      trainable: true,
      dtype: policy,
    },
    registered_name: null,
    build_config: { input_shape: [null] },
    ...(name === null ? {} : { name }),
    ...(layer["inbound_nodes"] === undefined
      ? {}
      : { inbound_nodes: (layer["inbound_nodes"] as Json[][]).map(callOf) }),
  };
}

/** Activations and layers in layers are objects with their modules. */
function objectsOf(config: { [key: string]: Json }): { [key: string]: Json } {
  const { activation, layer } = config;
  return {
    ...(typeof activation === "string" && activation.startsWith("r")
      ? {
          activation: {
            module: "builtins",
            class_name: "function",
            config: activation,
            registered_name: "function",
          },
        }
      : {}),
    ...(layer === undefined || layer === null ? {} : { layer: layerOf(layer as { [key: string]: Json }) }),
  };
}

function callOf(operands: Json[]): Json {
  const tensors = operands.map((operand) => ({
    class_name: "__keras_tensor__",
    config: { shape: [null], dtype: "float32", keras_history: (operand as Json[]).slice(0, 3) },
  }));
  // Layers that merge take a list.
  return { args: tensors.length === 1 ? tensors : [tensors], kwargs: { mask: null, training: false } };
}
