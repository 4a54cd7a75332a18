// Where commands keep what long work has found, and how they end when they are interrupted.

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

/** The checkpoints of a command under way. */
export interface CommandCheckpoints {
  readonly store: CheckpointStore;
  /** Whether there is something to go on from. */
  isKept(): boolean;
  /** Removes them: the work has ended well. */
  remove(): void;
}

/**
 * Checkpoints in the user's cache folder, for this engine alone, since others may compute other last bits. With `fresh` those of runs before are not
 * looked at. Where they cannot be kept, that is told once, and the work goes on without.
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

/** Tells builds of one version apart, as in a clone of the repository: when this file was written. */
function buildOf(): string {
  return Math.round(statSync(fileURLToPath(import.meta.url)).mtimeMs).toString(36);
}

/** Where programs of this user keep what they can do without (XDG Base Directory Specification, and what macOS and Windows have for it). */
function cacheFolder(): string {
  const { XDG_CACHE_HOME: named = "", LOCALAPPDATA: local } = process.env;
  if (isAbsolute(named)) return named;
  if (process.platform === "win32" && local !== undefined) return local;
  return process.platform === "darwin" ? join(homedir(), "Library/Caches") : join(homedir(), ".cache");
}
