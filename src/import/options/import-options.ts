// The options of importers.

import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, aNumber, anObject, aText, listOf, mapOf } from "#diagnostic/options.js";
import type { OpenData } from "#import/data-file.js";
import type { GivenConstants } from "./constants.js";

/** What the importers take. */
export interface ImportOptions {
  /** The name of the model in messages, of its graph if that has none, and of the source of its weights. */
  readonly file?: string;
  /** Sizes of symbolic dimensions. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Names of the outputs, in place of the model's own: values, or nodes or layers, which mean their first result. */
  readonly outputs?: readonly string[];
  /**
   * Inner values that become inputs, or inputs that get a shape, as in `conv1:1x64x56x56`. Without a shape, it is inferred. Nodes that only
   * these values needed are left out.
   */
  readonly inputs?: readonly string[];
  /** Opens the files next to the model that hold its weights. Without it, a model with such files is an error. */
  readonly openData?: OpenData;
  /** Values of inputs, which become weights: numbers, lists, or elements with their shape. */
  readonly constants?: GivenConstants;
}

const anyMap = mapOf("values", { takes: "", holds: () => true });
const anyObject = anObject("values");

export const importKinds: OptionKinds<ImportOptions> = {
  file: aText,
  dims: mapOf("numbers by name", aNumber),
  outputs: listOf("names", aText),
  inputs: listOf("names", aText),
  openData: aFunction,
  constants: {
    takes: "an object with values by input, or a Map of them",
    holds: (value) => (value instanceof Map ? anyMap : anyObject).holds(value),
  },
};
