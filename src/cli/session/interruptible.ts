// Work that a signal ends cleanly: incomplete files are removed first, and a message says if a later run can continue.

import type { Interruptible } from "#diagnostic/interruptible.js";
import type { Session } from "./session.js";

/** Signals that end a process and can be caught. */
const ending = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Milliseconds of work before the event loop can handle a signal. */
const turn = 20;

/**
 * Runs interruptible work to its end. If a signal arrives, the work is ended first, and then the process, by that signal. Signals
 * are caught only from the first pause on; otherwise work that does not pause could not be interrupted.
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
    // Closes and removes the file; further signals have no effect meanwhile.
    if (!result.done) (steps as Interruptible<T | undefined>).return(undefined);
  } finally {
    for (const signal of ending) process.off(signal, listen);
  }
  for (const signal of caught) process.kill(process.pid, signal);
  return result.done ? result.value : new Promise(() => {});
}

/**
 * Awaits work that stores checkpoints. If a signal ends the process, a line says that the same command continues from there. The process
 * still ends by that signal, so that a shell sees 130 for Ctrl-C, and a script that calls it ends too.
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
