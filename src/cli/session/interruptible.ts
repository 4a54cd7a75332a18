// Work that a signal ends cleanly: what is half-written is taken back first, and what can be gone on with is said.

import type { Interruptible } from "#diagnostic/interruptible.js";
import type { Session } from "./session.js";

/** Signals that end a process and can be caught. */
const ending = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Milliseconds of steps at a time: a signal is seen between two turns. */
const turn = 20;

/**
 * Does all steps. Where a signal would end the process, the steps are ended first, and then the process by that signal. Signals
 * are caught from the first pause on, since work that does not pause could not be interrupted otherwise.
 */
export async function interruptible<T>(steps: Interruptible<T>): Promise<T> {
  const first = steps.next();
  if (first.done) return first.value;
  const caught = new Set<NodeJS.Signals>();
  const listen = (signal: NodeJS.Signals): void => void caught.add(signal);
  for (const signal of ending) process.on(signal, listen);
  let result: IteratorResult<void, T>;
  try {
    do {
      const until = performance.now() + turn;
      do result = steps.next();
      while (!result.done && performance.now() < until);
      await new Promise((resolve) => setImmediate(resolve));
    } while (!result.done && caught.size === 0);
    // Closes the file and takes it back; another signal meanwhile changes nothing.
    if (!result.done) (steps as Interruptible<T | undefined>).return(undefined);
  } finally {
    for (const signal of ending) process.off(signal, listen);
  }
  for (const signal of caught) process.kill(process.pid, signal);
  return result.done ? result.value : new Promise(() => {});
}

/**
 * Awaits work that keeps checkpoints. Where a signal ends the process meanwhile, one line says that the same command goes on. The process still ends by that
 * signal, so that a shell sees 130 for Ctrl-C, and a script that calls it ends as well.
 */
export async function resumable<T>({ terminal, checkpoints }: Session, work: () => Promise<T>): Promise<T> {
  const listen = (signal: NodeJS.Signals): void => {
    for (const one of ending) process.off(one, listen);
    terminal.err(
      checkpoints?.isKept() ? "interrupted; the same command goes on from here\n" : "interrupted\n",
    );
    process.kill(process.pid, signal);
  };
  for (const signal of ending) process.on(signal, listen);
  try {
    return await work();
  } finally {
    for (const signal of ending) process.off(signal, listen);
  }
}
