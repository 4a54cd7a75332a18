// The interface of the importers of Keras layers.

import type { Lowering } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Ref, Value } from "#import/value.js";
import { activations } from "../activations.js";
import type { Fields, Json } from "../fields.js";
import { isText, objectOf } from "../fields.js";

/** One call of a layer: its configuration, its operands, and its weights by their name in the layer. */
export interface LayerCall {
  readonly kind: string;
  readonly config: Fields;
  readonly inputs: readonly Value[];
  /** The only operand. */
  readonly x: () => Value;
  /** A weight. Refuses a layer that has none of that name. */
  readonly weight: (name: string) => Value;
  /** A weight that the layer may lack. */
  readonly optional: (name: string) => Value | undefined;
  /** A weight of another layer that is nested in this one. */
  readonly weightOf: (layer: string, name: string) => Value | undefined;
}

export type LayerImport = (call: LayerCall, ctx: Lowering) => Value;

export type LayerTable = Readonly<Record<string, LayerImport>>;

/** Whether the channels of a layer's images come first. */
export function isChannelsFirst({ config }: LayerCall): boolean {
  const format = config.text("data_format", "channels_last");
  if (format !== "channels_last" && format !== "channels_first")
    refuse("bad-model", `the data_format \`${format.slice(0, 20)}\``);
  return format === "channels_first";
}

/** The bias, if the layer uses one. */
export function biasOf(call: LayerCall): readonly Ref[] {
  return call.config.flag("use_bias", true) ? [call.weight("bias").ref] : [];
}

/** The name of the activation in a configuration, where it is a string, or an object of Keras 3. */
export function activationName(written: Json | undefined): string | undefined {
  if (written === undefined || written === null) return undefined;
  if (isText(written)) return written;
  const object = objectOf(written);
  const config = object?.["config"];
  if (isText(config)) return config;
  const name = object?.["class_name"] ?? object?.["className"];
  return isText(name) ? name.toLowerCase() : "";
}

/** Applies the layer's own activation to a value. */
export function activated(call: LayerCall, ctx: Lowering, x: Value): Value {
  const name = activationName(call.config.get("activation")) ?? "linear";
  if (!Object.hasOwn(activations, name)) unsupported(`the activation \`${name.slice(0, 40)}\``);
  return activations[name]?.(ctx, x) ?? x;
}
