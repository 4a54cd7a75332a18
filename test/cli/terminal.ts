// A terminal that stores its output, for tests of the command.

import type { Terminal } from "#cli/output/terminal.js";
import { run } from "#cli/program.js";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. */
export async function cleave(...argv: string[]): Promise<Ran> {
  let [out, err] = ["", ""];
  const terminal: Terminal = {
    out: (text) => void (out += typeof text === "string" ? text : Buffer.from(text).toString("latin1")),
    err: (text) => void (err += text),
    color: false,
    outColor: false,
    interactive: false,
  };
  const code = await run(argv, terminal);
  return { code, out, err };
}
