// Checkpoints as files of a folder.

import { readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CheckpointStore } from "#calibrate/checkpoints.js";
import { expectText } from "#diagnostic/argument.js";
import { makeFolder } from "./file-batch.js";

/** Checkpoints in a folder, which is made with the first of them. */
export interface CheckpointFiles extends CheckpointStore {
  /** Removes the files that were read or written here, and the folder if nothing else is in it: the work has ended. */
  remove(): void;
}

const ending = ".checkpoint";

/** Milliseconds: work that was interrupted a month ago is not gone on with. */
const oldest = 30 * 24 * 3600 * 1000;

/**
 * Keeps each checkpoint in a file of its own, which appears as a whole or not at all. Files that a month has passed over are removed. `save` rejects
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
      // Each time: another process that has ended takes an empty folder away.
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
        // Other work has checkpoints there.
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
