// The checkpoints of commands: intermediate results of long work, in the user's cache folder.

import { statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CheckpointStore } from "#calibrate/checkpoints.js";
import { warning } from "#diagnostic/diagnostic.js";
import { checkpointFiles } from "#node/checkpoints.js";
import { reason } from "#node/reason.js";
import { report } from "../output/terminal.js";
import type { Session } from "./session.js";

/** The checkpoints of a running command. */
export interface CommandCheckpoints {
  readonly store: CheckpointStore;
  /** Whether checkpoints were stored, from which a later run can continue. */
  isKept(): boolean;
  /** Removes the checkpoints, after the work has succeeded. */
  remove(): void;
}

/**
 * Checkpoints in the user's cache folder, only for this version of the engine, since others may compute different last bits. With `fresh`,
 * those of earlier runs are ignored. If they cannot be stored, a warning is printed once, and the work continues without them.
 */
export function commandCheckpoints(fresh: boolean, session: Session): CommandCheckpoints {
  const folder = join(cacheFolder(), "cleave", `node-${process.versions.node}-${process.arch}`);
  const files = checkpointFiles(folder);
  const build = buildOf();
  let [isKept, isBroken] = [false, false];
  const store: CheckpointStore = {
    async load(key) {
      const bytes = fresh ? undefined : await files.load(`${build} ${key}`);
      isKept ||= bytes !== undefined;
      return bytes;
    },
    async save(key, bytes) {
      if (isBroken) return;
      try {
        await files.save(`${build} ${key}`, bytes);
        isKept = true;
      } catch (cause) {
        isBroken = true;
        const told = warning("no-checkpoints", `checkpoints cannot be kept in ${folder}: ${reason(cause)}`, {
          help: ["if this run is interrupted, the next one begins anew; XDG_CACHE_HOME names another folder"],
        });
        session.code = Math.max(session.code, report(session.terminal, [told], new Map()));
      }
    },
    onResume: (after) => session.terminal.err(`goes on after ${after}\n`),
  };
  return { store, isKept: () => isKept, remove: () => files.remove() };
}

/** Distinguishes builds of the same version, as in a clone of the repository: the time when this file was written. */
function buildOf(): string {
  return Math.round(statSync(fileURLToPath(import.meta.url)).mtimeMs).toString(36);
}

/** The user's cache folder (XDG Base Directory Specification, and its equivalents on macOS and Windows). */
function cacheFolder(): string {
  const { XDG_CACHE_HOME: named = "", LOCALAPPDATA: local } = process.env;
  if (isAbsolute(named)) return named;
  if (process.platform === "win32" && local !== undefined) return local;
  return process.platform === "darwin" ? join(homedir(), "Library/Caches") : join(homedir(), ".cache");
}
