// The weight store: entries beside the graph, computed only when packed or asked for.

import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { AttributeValue, Graph, WeightId } from "./graph.js";
import type { Tensor } from "./tensor.js";
import type { TensorType } from "./type.js";

/**
 * Gives values as f32. They may be a view of what lies in memory anyway, so they must not be written to. `into`, which is at
 * least as long, may be used to hold them: then they live until it is used again.
 */
export type ReadF32 = (into?: Float32Array) => Float32Array;

/** What makes seeded values, by the names in the language. */
export const generators: readonly string[] = ["he_normal", "zeros", "ones", "quarter"];

/** Where a weight's values come from. */
export type WeightSource =
  /** Made at reading time, from a file's slice: `read` opens, reads and closes; throws an `Error` that names the file if it changed since it was opened. */
  | { readonly kind: "file"; readonly file: string; readonly key: string; readonly read: ReadF32 }
  /** Generated: `he_normal`, `zeros`, `ones`, … from a seed; `fanIn` in elements where the generator needs it. */
  | {
      readonly kind: "seeded";
      readonly generator: string;
      readonly seed: number;
      readonly fanIn: number;
    }
  /** Zeros that stand for an operand left out (`bias=false`): not a parameter, not packed, not printed. */
  | { readonly kind: "absent" }
  /** Written in the program, or computed by a pass (a truncated SVD, say). */
  | { readonly kind: "literal"; readonly data: Float32Array }
  /** An op over other entries; evaluated in float64 with the op's reference meaning, never stored. */
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
 * The entries of one compilation. It only grows, so that every graph of the compilation, before and after any
 * pass, finds its weights; values are read or computed on demand and not kept.
 */
export interface WeightStore {
  readonly entries: ReadonlyMap<WeightId, WeightEntry>;
  /** Adds an entry under `name` (made unique) and gives its id; an expression or seed that is already there is shared. */
  add(name: string, type: TensorType, source: WeightSource): WeightId;
  /** The values in float64, expressions evaluated without rounding in between. */
  read(id: WeightId): Tensor;
  /** The values as they are packed: rounded to f32 once. `into` is as for `ReadF32`. */
  readF32(id: WeightId, into?: Float32Array): Float32Array;
}

/** The entry with an id; throws `InternalError` if there is none. */
export function entryOf(weights: WeightStore, id: WeightId): WeightEntry {
  return weights.entries.get(id) ?? bug(`no weight ${id}`);
}

/** A graph with the weights that its constants refer to: what passes take and give. */
export interface Module {
  readonly graph: Graph;
  readonly weights: WeightStore;
}

/** A weight file, opened: what it holds, and how to read an entry as f32. */
export interface WeightFile {
  /** Its name in messages and in `WeightSource.file`. */
  readonly file: string;
  readonly entries: ReadonlyMap<string, WeightFileEntry>;
  /** What it holds of types that cannot be read, with the type by key, as in `I64`. */
  readonly unreadable?: ReadonlyMap<string, string>;
}

export interface WeightFileEntry {
  readonly shape: readonly number[];
  /** As the file has it (`F16`); `read` widens. */
  readonly dtype?: string;
  readonly read: ReadF32;
}

/** Opens weight files by the path that a net or `--weights` gives; the compiler itself touches no file system. */
export interface WeightFiles {
  open(path: string): Result<WeightFile>;
}
