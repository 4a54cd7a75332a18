// Tries the rules of a text in a thread of its own: this takes up to 0.3 seconds for each rule, and the server must answer meanwhile.

import { Worker } from "node:worker_threads";
import type { Diagnostic } from "#diagnostic/diagnostic.js";

/** A text whose rules are to be checked. */
export interface RuleText {
  readonly id: number;
  readonly file: string;
  readonly text: string;
}

/** The diagnostics of the text with this id. */
export interface CheckedText {
  readonly id: number;
  readonly diagnostics: readonly Diagnostic[];
}

export interface RuleChecker {
  /** `done` is called unless the next text comes first. */
  check(file: string, text: string, done: (diagnostics: readonly Diagnostic[]) => void): void;
  close(): void;
}

export function createRuleChecker(failed: (message: string) => void): RuleChecker {
  let worker: Worker | undefined;
  let last = 0;
  let waiting: ((diagnostics: readonly Diagnostic[]) => void) | undefined;
  const started = (): Worker => {
    const made = new Worker(new URL("check-worker.js", import.meta.url));
    made.on("message", ({ id, diagnostics }: CheckedText) => {
      if (id === last) waiting?.(diagnostics);
    });
    made.on("error", (cause) => {
      failed(`checking rules failed: ${cause instanceof Error ? cause.message : String(cause)}`);
      worker = undefined;
    });
    // It must not keep the process alive.
    made.unref();
    return made;
  };
  return {
    check: (file, text, done) => {
      last += 1;
      waiting = done;
      worker ??= started();
      worker.postMessage({ id: last, file, text } satisfies RuleText);
    },
    close: () => void worker?.terminate(),
  };
}
