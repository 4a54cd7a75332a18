// The state of an import, which both kinds of TensorFlow.js models share.

import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import type { ImportBuilder } from "#import/builder.js";
import type { Extent, WrittenInput } from "#import/options/dimensions.js";
import type { FileTensor } from "#import/file-tensor.js";
import { fileConstant } from "#import/file-tensor.js";
import type { Imported, NamedValue } from "#import/finish.js";
import { quote, refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";

/** The state of an import. */
export interface TfjsImport {
  readonly file: string;
  readonly build: ImportBuilder;
  readonly weights: Weights;
}

/** The weights of the manifest as values, each made once. */
export interface Weights {
  get(name: string): Value | undefined;
  /** A weight of a layer: the one whose path contains the layer's name and ends with the weight's. */
  find(layer: string, name: string): Value | undefined;
}

/** Binds the inputs, and builds the outputs from their values. */
export type Start = (
  inputs: WrittenInputs,
  build: (state: TfjsImport, inputs: readonly Value[]) => NamedValue[] | Diagnostic[],
) => Result<Imported>;

/** The advice about a cut at values. In the builder, stand-ins replace what cannot be imported. */
export type CutAdvice = (build: ImportBuilder, places: readonly string[]) => readonly string[];

/** What the caller asks for. */
export interface Given {
  readonly file: string;
  readonly outputs: readonly string[];
  /** Inner values that become inputs, and inputs that get a shape. */
  readonly inputs: readonly string[];
  /** The shape that the head of the model gives a node or layer, if it can be inferred. */
  readonly headShape: (name: string) => readonly Extent[] | undefined;
  readonly cut: CutAdvice;
}

/** The inputs of a model as it is written, or as the caller cut it. */
interface WrittenInputs {
  readonly inputs: readonly WrittenInput[];
  /** Inputs of the model that a cut does not need. */
  readonly unneeded: readonly string[];
  readonly isCut: boolean;
}

/** The most parts of a name that is found by its end. */
const partLimit = 16;

/** The tensors of a manifest as values. */
export function weightsOf(
  tensors: ReadonlyMap<string, FileTensor>,
  build: ImportBuilder,
  file: string,
): Weights {
  const made = new Map<string, Value>();
  const get = (name: string): Value | undefined => {
    const known = made.get(name);
    const tensor = tensors.get(name);
    if (known || !tensor) return known;
    const value = fileConstant(build, tensor, file, name);
    made.set(name, value);
    return value;
  };
  // Nested models and Keras itself insert more names before and between: `model/conv/conv/kernel`. The name of a layer may contain slashes.
  const byEnds = new Map<string, Set<string>>();
  for (const name of tensors.keys()) {
    const parts = name.replace(/:\d+$/, "").split("/");
    if (parts.length > partLimit) continue;
    const last = parts.at(-1) ?? "";
    for (const [at, part] of parts.slice(0, -1).entries())
      for (const key of new Set([`${part}/${last}`, parts.slice(at).join("/")]))
        byEnds.set(key, (byEnds.get(key) ?? new Set()).add(name));
  }
  return {
    get,
    find: (layer, name) => {
      const exact = `${layer}/${name}`;
      if (tensors.has(exact)) return get(exact);
      const names = [...(byEnds.get(exact) ?? [])];
      if (names.length > 1)
        refuse("bad-model", `${quote(exact)} may be ${names.slice(0, 3).map(quote).join(" or ")}`);
      return names[0] === undefined ? undefined : get(names[0]);
    },
  };
}
