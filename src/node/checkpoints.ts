// Stores checkpoints as files in a folder.

import { readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CheckpointStore } from "#calibrate/checkpoints.js";
import { expectText } from "#diagnostic/argument.js";
import { makeFolder } from "./file-batch.js";

/** Checkpoints in a folder, which is created with the first one. */
export interface CheckpointFiles extends CheckpointStore {
  /** Removes the files that were read or written, and the folder if it is empty. Call it when the work has ended. */
  remove(): void;
}

const ending = ".checkpoint";

/** Maximum age in milliseconds: a month. */
const oldest = 30 * 24 * 3600 * 1000;

/**
 * A store that keeps each checkpoint in a separate file, written atomically. Files older than a month are removed. `save` rejects
 * with the error of the file system.
 */
export function checkpointFiles(folder: string): CheckpointFiles {
  expectText("checkpointFiles", "the path of a folder", folder);
  const touched = new Set<string>();
  let isTidy = false;
  const pathOf = (key: string): string => join(folder, `${key.replaceAll(/[^\w.]+/g, "-")}${ending}`);
  return {
    async load(key) {
      const path = pathOf(key);
      touched.add(path);
      try {
        return readFileSync(path);
      } catch {
        return undefined;
      }
    },
    async save(key, bytes) {
      const path = pathOf(key);
      touched.add(path);
      // Each time, because another process may remove the empty folder when it ends.
      makeFolder(folder);
      if (!isTidy) removeOld(folder);
      isTidy = true;
      const own = `${path.slice(0, -ending.length)}.${process.pid}${ending}`;
      try {
        writeFileSync(own, bytes);
        renameSync(own, path);
      } catch (cause) {
        rmSync(own, { force: true });
        throw cause;
      }
    },
    remove() {
      try {
        for (const path of touched) rmSync(path, { force: true });
        rmdirSync(folder);
      } catch {
        // The folder has checkpoints of other work.
      }
    },
  };
}

function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (name.endsWith(ending) && Date.now() - mtimeMs > oldest) rmSync(path, { force: true });
  }
}
