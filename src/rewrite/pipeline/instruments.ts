// The instruments around passes: they print, time, verify and trace.

import type { Patch } from "immer";
import { bug } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import type { Instrument } from "./pipeline.js";
import { verify } from "#ops/verify.js";

/** Prints the module after the named passes, or after each for `all`. `print` gets the name of the pass and the module. */
export function printing(
  after: readonly string[],
  print: (pass: string, module: Module) => void,
): Instrument {
  const names = new Set(after);
  return {
    after: ({ pass, after: module }) => {
      if (names.has("all") || names.has(pass.name)) print(pass.name, module);
    },
  };
}

/** Calls `record` with the name of each pass before it runs. */
export function starting(record: (pass: string) => void): Instrument {
  return { before: (pass) => record(pass.name), after: () => {} };
}

/** Reports how long each pass took, in milliseconds, and whether it changed the graph. */
export function timing(record: (pass: string, milliseconds: number, changed: boolean) => void): Instrument {
  return {
    after: ({ pass, milliseconds, before, after }) =>
      record(pass.name, milliseconds, before.graph !== after.graph),
  };
}

/** Checks the invariants of the graph after each pass. Throws an `InternalError` that names the pass and the node. */
export function verifying(): Instrument {
  return {
    after: ({ pass, before, after }) => {
      if (before.graph === after.graph) return;
      const problems = verify(after);
      if (problems.length > 0) bug(`after pass ${pass.name}: ${problems.join("; ")}`);
    },
  };
}

/** Records the change of each pass as patches. */
export function tracing(record: (pass: string, patches: readonly Patch[]) => void): Instrument {
  return { after: (run) => record(run.pass.name, run.patches()) };
}
