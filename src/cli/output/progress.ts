// Progress of long work: one line on stderr that is drawn over again and goes away, and only where a person watches.

import pc from "picocolors";
import type { OnProgress } from "#calibrate/progress.js";
import { createTimeLeft } from "#calibrate/progress.js";
import { lineText, terminalText } from "#diagnostic/escape.js";
import { bytesText } from "#ir/units.js";
import type { CommandTerminal, Terminal } from "./terminal.js";

/** Shows what is being done

import pc from "picocolors";
import type { OnProgress } from "#calibrate/progress.js";
import { createTimeLeft } from "#calibrate/progress.js";
import { lineText, terminalText } from "#diagnostic/escape.js";
import { bytesText } from "#ir/units.js";
import type { CommandTerminal, Terminal } from "./terminal.js";

. */
export interface Progress {
  /** `part` of the stage is done, from 0 to 1, where that is known. */
  show(stage: string, part?: number): void;
  /** Takes the line away. */
  end(): void;
}

/** What `emit` tells of the weights. */
export function packing(progress: Progress): (done: number, all: number) => void {
  return (done, all) => progress.show(`packing ${bytesText(all)} of weights`, done / all);
}

/** What calibration tells, with the time that is left of the stage: `running samples, 40 s left 35%`. */
export function calibrating(progress: Progress, now?: () => number): OnProgress {
  const timeLeft = createTimeLeft(now);
  return (told) => {
    const left = timeLeft(told);
    const text = left === undefined ? told.stage : `${told.stage}, ${roughly(left)} left`;
    progress.show(text, told.done / Math.max(1, told.all));
  };
}

/** Whole seconds, tens of them from 20 on, and minutes from 100 on: a figure that does not flicker. */
function roughly(seconds: number): string {
  if (seconds >= 100) return `${Math.round(seconds / 60)} min`;
  return `${seconds >= 20 ? 10 * Math.round(seconds / 10) : Math.ceil(seconds)} s`;
}

/** Milliseconds between two lines of one stage: fast enough for an eye, and nothing beside the work. */
const interval = 100;

/** Longest line in characters; the end of a longer one would stay behind on a narrow terminal. */
const longest = 78;

/** Goes to the line's start and clears it. */
const erase = "\r\u001B[2K";

/**
 * The terminal of a command, whose other output takes the line away first, with the line's progress; silent unless the terminal is
 * interactive. The work is synchronous, so a spinner that turns by a timer would stand still: this draws when it is told.
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
