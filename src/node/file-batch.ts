// Files that appear together: written into a folder beside their places, then moved there, or none of them.

import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Files of one folder that appear together. */
export interface FileBatch {
  /** The path to write to instead of `path`. Throws if a folder stands there. */
  begin(path: string): string;
  /** Moves old files away and new ones in. If it throws, `undo` goes all the way back. */
  commit(): void;
  /** Takes back whatever was begun; nothing after `commit`. */
  undo(): void;
}

export function fileBatch(): FileBatch {
  const paths: string[] = [];
  const moves: (() => void)[] = [];
  let folder: string | undefined;
  /** Where a file is written, and where the old one waits. */
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
      // A folder of this batch alone, so that two processes that write the same files do not write into each other's.
      folder ??= mkdtempSync(join(dirname(path), ".cleave-"));
      return place(paths.push(path) - 1, "new");
    },
    commit() {
      const [first, second] = paths;
      if (first !== undefined) {
        // One file replaces another at once; several of two writers would mix.
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
          // The first failure is the one that is reported; a step that fails must not keep the others from being taken back.
        }
      }
    },
  };
}

/** Whether there was a file to move. */
function moveIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw cause;
  }
}

/** Milliseconds: moving files takes one or two, so that a lock of this age is one of a process that was killed. */
const patience = 5000;

/** Acts while no other process moves files into a folder. */
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
