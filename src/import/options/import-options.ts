// What the caller of an importer may ask for.

import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, aNumber, anObject, aText, listOf, mapOf } from "#diagnostic/options.js";
import type { OpenData } from "#import/data-file.js";
import type { GivenConstants } from "./constants.js";

export interface ImportOptions {
  /** The model's name in messages, and of its graph where it has none; also the name of its weights' source. */
  readonly file?: string;
  /** Values of symbolic dimensions. */
  readonly dims?: ReadonlyMap<string, number>;
  /** What becomes the outputs in place of the model's own: values, or nodes or layers, which stand for their first result. */
  readonly outputs?: readonly string[];
  /**
   * Inner values that become inputs, or inputs that get a shape, as in `conv1:1x64x56x56`. Without a shape it is worked out. What only
   * these needed is left out.
   */
  readonly inputs?: readonly string[];
  /** Opens the files beside the model that hold its weights. Without it, a model that has some is an error. */
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
