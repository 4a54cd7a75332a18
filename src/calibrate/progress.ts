// The progress of calibration.

/** How far long work has come. */
export interface Progress {
  /** The work being done: `running samples`. `done` starts again with each stage. */
  readonly stage: string;
  /** Units of work that are done, and the number of all. */
  readonly done: number;
  readonly all: number;
}

/** Called as long work goes on. */
export type OnProgress = (progress: Progress) => void;

/** Seconds of work before an estimate: the first steps compile and warm up. */
const settling = 2;

/**
 * Estimates the seconds that are left of a stage from the time of the part that is done; undefined until it can. `now` gives milliseconds.
 */
export function createTimeLeft(
  now: () => number = () => performance.now(),
): (progress: Progress) => number | undefined {
  let stage: string | undefined;
  let [began, from] = [0, 0];
  return (progress) => {
    const time = now();
    if (progress.stage !== stage || progress.done < from) {
      [stage, began, from] = [progress.stage, time, progress.done];
      return undefined;
    }
    const passed = (time - began) / 1000;
    const done = progress.done - from;
    if (passed < settling || done <= 0) return undefined;
    return (passed / done) * Math.max(0, progress.all - progress.done);
  };
}
