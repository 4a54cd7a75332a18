// What a command under way has: its terminal, its progress, its exit code.

import type { Progress } from "../output/progress.js";
import type { CommandTerminal } from "../output/terminal.js";
import type { CommandCheckpoints } from "./checkpoints.js";

/** Where a command writes, how it shows progress and, at its end, the exit code. */
export interface Session {
  readonly terminal: CommandTerminal;
  readonly progress: Progress;
  code: number;
  /** Of long work; they are removed when the command has done what it should. */
  checkpoints?: CommandCheckpoints;
}
