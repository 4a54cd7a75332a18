// Checkpoints: what long work has found so far, kept so that an interrupted run goes on where it was.

import type { Result } from "#diagnostic/diagnostic.js";
import { packKept, unpackKept } from "./kept-value.js";

/**
 * Where checkpoints are kept: a folder, a database of the browser. Whoever gives it clears it when the work has ended. What `load` gives is
 * checked, so a store may lose what it has, or mix it up: then the work begins anew. If one of its functions rejects, the work ends with that error.
 */
export interface CheckpointStore {
  /** The bytes that were saved last under a key, or undefined. */
  load(key: string): Promise<Uint8Array | undefined>;
  /** Keeps bytes under a key, a short text. */
  save(key: string, bytes: Uint8Array): Promise<void>;
  /** Told once, where work goes on after what was found: `layer 5 of 8 (trying splits)`. */
  onResume?(after: string): void;
}

/** The checkpoints of one piece of work. */
export interface Checkpoints {
  /**
   * What was kept under the name; else what `compute` gives: plain data (`packKept`), which is then kept unless there are diagnostics.
   * `onFound` is called in the place of `compute`.
   */
  step<T>(name: string, compute: () => Promise<Result<T>>, onFound?: () => void): Promise<Result<T>>;
  /** What was kept under the name. `after` says how far the work had come. */
  load<T>(name: string, after?: (value: T) => string): Promise<T | undefined>;
  save(name: string, value: unknown): Promise<void>;
  /** Says that what follows was not kept and is computed. */
  begin(): void;
  /** Those of a part of the work, which depends on what `identity` tells apart, too. */
  part(identity: string): Checkpoints;
}

/**
 * The checkpoints of the work that `identity` tells from all other work: it stands for everything that results depend on. Without a store nothing is
 * kept.
 */
export function openCheckpoints(store: CheckpointStore | undefined, identity: string): Checkpoints {
  return store ? checkpointsIn(store, identity, {}) : nothingKept;
}

/** How far the work had come, until that is told. */
interface Found {
  after?: string;
  told?: true;
}

function checkpointsIn(store: CheckpointStore, identity: string, found: Found): Checkpoints {
  const keyOf = (name: string): string => `${identity} ${name}`;
  const load = async <T>(name: string, after: (value: T) => string = () => name): Promise<T | undefined> => {
    const bytes = await store.load(keyOf(name));
    // What `save` has packed under the same key is of the same type.
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
