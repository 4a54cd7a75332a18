// Checkpoints: intermediate results of long work, stored so that an interrupted run continues where it stopped.

import type { Result } from "#diagnostic/diagnostic.js";
import { packKept, unpackKept } from "./kept-value.js";

/**
 * A store of checkpoints: for instance a folder, or a database of the browser. Its owner clears it when the work has ended. The work checks
 * everything that `load` returns, so a store may lose or confuse entries: then the work starts from the beginning. If one of its functions
 * rejects, the work ends with that error.
 */
export interface CheckpointStore {
  /** The bytes that were saved last under a key, or undefined. */
  load(key: string): Promise<Uint8Array | undefined>;
  /** Stores bytes under a key, a short text. */
  save(key: string, bytes: Uint8Array): Promise<void>;
  /** Called once, if the work continues after a checkpoint, with the name of that step: `layer 5 of 8 (trying splits)`. */
  onResume?(after: string): void;
}

/** The checkpoints of one piece of work. */
export interface Checkpoints {
  /**
   * The value stored under the name; else the result of `compute`: plain data (`packKept`), which is then stored unless there are diagnostics.
   * `onFound` is called instead of `compute`.
   */
  step<T>(name: string, compute: () => Promise<Result<T>>, onFound?: () => void): Promise<Result<T>>;
  /** The value stored under the name. `after` says how far the work had come. */
  load<T>(name: string, after?: (value: T) => string): Promise<T | undefined>;
  save(name: string, value: unknown): Promise<void>;
  /** Called before the first step that was not stored and must be computed. */
  begin(): void;
  /** The checkpoints of a part of the work, whose results also depend on `identity`. */
  part(identity: string): Checkpoints;
}

/**
 * The checkpoints of one piece of work. `identity` must be a hash of everything that its results depend on. Without a store, nothing is
 * stored.
 */
export function openCheckpoints(store: CheckpointStore | undefined, identity: string): Checkpoints {
  return store ? checkpointsIn(store, identity, {}) : nothingKept;
}

/** How far the work had come, and whether `onResume` was called. */
interface Found {
  after?: string;
  told?: true;
}

function checkpointsIn(store: CheckpointStore, identity: string, found: Found): Checkpoints {
  const keyOf = (name: string): string => `${identity} ${name}`;
  const load = async <T>(name: string, after: (value: T) => string = () => name): Promise<T | undefined> => {
    const bytes = await store.load(keyOf(name));
    // `save` packed a value of the same type under the same key.
    const value = bytes && (unpackKept(keyOf(name), bytes) as T | undefined);
    if (value !== undefined) found.after = after(value);
    return value;
  };
  const save = (name: string, value: unknown): Promise<void> =>
    store.save(keyOf(name), packKept(keyOf(name), value));
  const begin = (): void => {
    if (found.after === undefined || found.told) return;
    found.told = true;
    store.onResume?.(found.after);
  };
  return {
    load,
    save,
    begin,
    async step<T>(name: string, compute: () => Promise<Result<T>>, onFound?: () => void) {
      const known = await load<T>(name);
      if (known !== undefined) {
        onFound?.();
        return { value: known, diagnostics: [] };
      }
      begin();
      const result = await compute();
      if (result.diagnostics.length === 0) await save(name, result.value);
      return result;
    },
    part: (more) => checkpointsIn(store, `${identity} ${more}`, found),
  };
}

const nothingKept: Checkpoints = {
  load: async () => undefined,
  save: async () => {},
  begin: () => {},
  step: (_name, compute) => compute(),
  part: () => nothingKept,
};
