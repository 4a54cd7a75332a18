// Progress of long work: one line on an interactive stderr, which is redrawn and finally removed.

import pc from "picocolors";
import type { OnProgress } from "#calibrate/progress.js";
import { createTimeLeft } from "#calibrate/progress.js";
import { lineText, terminalText } from "#diagnostic/escape.js";
import { bytesText } from "#ir/units.js";
import type { CommandTerminal, Terminal } from "./terminal.js";

/** Shows the current work. */
export interface Progress {
  /** Shows a stage; `part` is the finished share of the stage, from 0 to 1, if known. */
  show(stage: string, part?: number): void;
  /** Removes the line. */
  end(): void;
}

/** A callback for the progress of packing weights. */
export function packing(progress: Progress): (done: number, all: number) => void {
  return (done, all) => progress.show(`packing ${bytesText(all)} of weights`, done / all);
}

/** A callback for the progress of calibration; shows the remaining time of the stage: `running samples, 40 s left 35%`. */
export function calibrating(progress: Progress, now?: () => number): OnProgress {
  const timeLeft = createTimeLeft(now);
  return (told) => {
    const left = timeLeft(told);
    const text = left === undefined ? told.stage : `${told.stage}, ${roughly(left)} left`;
    progress.show(text, told.done / Math.max(1, told.all));
  };
}

/** A rounded time that does not change too often: whole seconds, multiples of ten from 20 on, and minutes from 100 on. */
function roughly(seconds: number): string {
  if (seconds >= 100) return `${Math.round(seconds / 60)} min`;
  return `${seconds >= 20 ? 10 * Math.round(seconds / 10) : Math.ceil(seconds)} s`;
}

/** Milliseconds between two updates of one stage: often enough for the user, and a negligible part of the work. */
const interval = 100;

/** Longest line in characters; a narrow terminal would wrap a longer line, and the rest could not be erased. */
const longest = 78;

/** Moves to the start of the line and clears it. */
const erase = "\r\u001B[2K";

/**
 * The terminal of a command with a progress line, which other output removes first; silent unless the terminal is
 * interactive. The work is synchronous, so a timer could not update the line: `show` draws it.
 */
export function withProgress(
  terminal: Terminal,
  now: () => number = () => performance.now(),
): CommandTerminal & { readonly progress: Progress } {
  const { dim } = pc.createColors(terminal.color);
  let shown = "";
  let last = 0;
  const end = (): void => {
    if (shown !== "") terminal.err(erase);
    shown = "";
  };
  const show = (stage: string, part?: number): void => {
    if (!terminal.interactive) return;
    const time = now();
    if (shown === stage && time - last < interval) return;
    const percent = part === undefined ? "" : ` ${Math.floor(part * 100)}%`;
    terminal.err(`${erase}${dim(`${lineText(stage).slice(0, longest - 5)}${percent}`)}`);
    [shown, last] = [stage, time];
  };
  const paintedOut = (text: string | Uint8Array): void => {
    end();
    terminal.out(text);
  };
  const paintedErr = (text: string): void => {
    end();
    terminal.err(text);
  };
  return {
    ...terminal,
    out: (text) => paintedOut(typeof text === "string" ? terminalText(text) : text),
    err: (text) => paintedErr(terminalText(text)),
    paintedOut,
    paintedErr,
    progress: { show, end },
  };
}
