// Writes several files atomically: into a temporary folder next to their places, from which they are moved together.

import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Files of one folder that are written together. */
export interface FileBatch {
  /** The path to write to instead of `path`. Throws if `path` is a folder. */
  begin(path: string): string;
  /** Moves old files away and new files into place. If it throws, `undo` restores everything. */
  commit(): void;
  /** Undoes everything so far; does nothing after `commit`. */
  undo(): void;
}

export function fileBatch(): FileBatch {
  const paths: string[] = [];
  const moves: (() => void)[] = [];
  let folder: string | undefined;
  /** The temporary path of a new file, or of the old one. */
  const place = (at: number, kind: "new" | "old"): string => join(folder ?? "", `${at}.${kind}`);
  const end = (): void => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    folder = undefined;
    moves.length = 0;
  };
  const moveAll = (): void => {
    for (const [at, path] of paths.entries()) {
      refuseFolder(path);
      if (moveIfThere(path, place(at, "old"))) moves.push(() => renameSync(place(at, "old"), path));
      renameSync(place(at, "new"), path);
      moves.push(() => rmSync(path));
    }
  };
  return {
    begin(path) {
      refuseFolder(path);
      // A folder for this batch only, so that two processes that write the same files do not mix them.
      folder ??= mkdtempSync(join(dirname(path), ".cleave-"));
      return place(paths.push(path) - 1, "new");
    },
    commit() {
      const [first, second] = paths;
      if (first !== undefined) {
        // Renaming one file is atomic; several files of two writers could mix.
        if (second === undefined) renameSync(place(0, "new"), first);
        else withLock(dirname(first), moveAll);
      }
      end();
    },
    undo() {
      for (const step of [...moves.toReversed(), end]) {
        try {
          step();
        } catch {
          // Only the first error is reported; an error here must not prevent undoing the other moves.
        }
      }
    },
  };
}

/** Moves a file if it exists; returns whether it did. */
function moveIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw cause;
  }
}

/** Milliseconds: moving files takes one or two, so a lock of this age is from a process that was killed. */
const patience = 5000;

/** Calls `act` while no other process moves files into a folder. */
function withLock(folder: string, act: () => void): void {
  const lock = join(folder, ".cleave.lock");
  while (!tryLock(lock)) {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > patience) rmSync(lock, { recursive: true, force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
  }
  try {
    act();
  } finally {
    rmdirSync(lock);
  }
}

function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
}

/** Makes a folder and those above it, one by one: the recursive call of Node 20 never returns below `/proc`. */
export function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  const above = dirname(folder);
  if (above !== folder) makeFolder(above);
  try {
    mkdirSync(folder);
  } catch (cause) {
    // Another process may have made it in between.
    if (!isFolder(folder)) throw cause;
  }
}

function refuseFolder(path: string): void {
  if (isFolder(path)) throw new Error(`${path} is a folder`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
