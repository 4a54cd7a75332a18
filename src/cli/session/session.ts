// The state of a running command: its terminal, its progress, its exit code.

import type { Progress } from "../output/progress.js";
import type { CommandTerminal } from "../output/terminal.js";
import type { CommandCheckpoints } from "./checkpoints.js";

/** The terminal of a command, its progress line and its exit code. */
export interface Session {
  readonly terminal: CommandTerminal;
  readonly progress: Progress;
  code: number;
  /** The checkpoints of long work, which are removed when the command succeeds. */
  checkpoints?: CommandCheckpoints;
}
