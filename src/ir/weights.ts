// The interface of the weight store: the entries of a graph, computed only when they are packed or requested.

import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { CompactForm } from "./compact.js";
import type { AttributeValue, Graph, WeightId } from "./graph.js";
import type { Tensor } from "./tensor.js";
import type { TensorType } from "./type.js";

/**
 * Reads values as f32. The result may be a view of shared memory, so do not write to it. The function may store the values in `into`,
 * which must be at least as long; then they are valid until `into` is used again.
 */
export type ReadF32 = (into?: Float32Array) => Float32Array;

/** The generators of seeded values, by their names in the language. */
export const generators: readonly string[] = ["he_normal", "zeros", "ones", "quarter"];

/** The source of a weight's values. */
export type WeightSource =
  /**
   * A part of a file: `read` opens, reads and closes it. It throws an `Error` that names the file if the file has changed since it was first
   * opened. `form` is how the file stores the values, if it stores them in fewer bits than f32.
   */
  | {
      readonly kind: "file";
      readonly file: string;
      readonly key: string;
      readonly read: ReadF32;
      readonly form?: CompactForm;
    }
  /** Generated from a seed: `he_normal`, `zeros`, `ones`, …; `fanIn` in elements, if the generator needs it. */
  | {
      readonly kind: "seeded";
      readonly generator: string;
      readonly seed: number;
      readonly fanIn: number;
    }
  /** The entry `of` as the packed file stores it, in fewer bits than f32: equal values, or rounded ones (`passes/compact-weights.ts`). */
  | {
      readonly kind: "compact";
      readonly of: WeightId;
      readonly isRounded: boolean;
      readonly form: CompactForm;
    }
  /** Zeros for an omitted operand (`bias=false`): not a parameter, not packed, not printed. */
  | { readonly kind: "absent" }
  /** Written in the text, or computed by a pass (for example a truncated SVD). */
  | { readonly kind: "literal"; readonly data: Float32Array }
  /** An op over other entries, evaluated in float64 with the op's `eval`, never stored. */
  | {
      readonly kind: "expression";
      readonly op: string;
      readonly attributes: Readonly<Record<string, AttributeValue>>;
      readonly inputs: readonly WeightId[];
    };

/** One weight: its type and the source of its values. */
export interface WeightEntry {
  readonly id: WeightId;
  readonly type: TensorType;
  readonly source: WeightSource;
}

/**
 * The entries of one compilation. The store only grows, so every graph of the compilation, before and after any
 * pass, finds its weights. Values are read or computed on demand and not kept.
 */
export interface WeightStore {
  readonly entries: ReadonlyMap<WeightId, WeightEntry>;
  /** Adds an entry under `name` (made unique) and returns its id. Equal expressions and seeds share an entry. */
  add(name: string, type: TensorType, source: WeightSource): WeightId;
  /** The values in float64; expressions are evaluated without intermediate rounding. */
  read(id: WeightId): Tensor;
  /** The values as they are packed: rounded to f32 once. `into` as in `ReadF32`. */
  readF32(id: WeightId, into?: Float32Array): Float32Array;
}

/** The entry with an id. Throws `InternalError` if the store lacks it. */
export function entryOf(weights: WeightStore, id: WeightId): WeightEntry {
  return weights.entries.get(id) ?? bug(`no weight ${id}`);
}

/** The entries that a source is computed from. */
export function inputsOf(source: WeightSource): readonly WeightId[] {
  if (source.kind === "compact") return [source.of];
  return source.kind === "expression" ? source.inputs : [];
}

/** A graph with the weights of its constants: the input and output of passes. */
export interface Module {
  readonly graph: Graph;
  readonly weights: WeightStore;
}

/** An open weight file: its entries, and how to read them as f32. */
export interface WeightFile {
  /** The name in messages and in `WeightSource.file`. */
  readonly file: string;
  readonly entries: ReadonlyMap<string, WeightFileEntry>;
  /** The entries of types that cannot be read: the type (such as `I64`) by key. */
  readonly unreadable?: ReadonlyMap<string, string>;
}

export interface WeightFileEntry {
  readonly shape: readonly number[];
  /** The type in the file (`F16`); `read` converts to f32. */
  readonly dtype?: string;
  readonly read: ReadF32;
  /** How the file stores the values, if in fewer bits than f32. */
  readonly form?: CompactForm;
  /** For integers of 32 bits: the first one that f32 does not hold, so that `read` rounds it. */
  readonly rounded?: () => number | undefined;
}

/** Opens weight files by the path in a net or in `--weights`. The compiler itself does not access the file system. */
export interface WeightFiles {
  open(path: string): Result<WeightFile>;
}
