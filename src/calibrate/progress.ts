// Progress of calibration, told as it goes on.

export interface Progress {
  /** What is being done: `running samples`. A new stage begins anew with `done`. */
  readonly stage: string;
  /** Units of work that are done, of how many. */
  readonly done: number;
  readonly all: number;
}

export type OnProgress = (progress: Progress) => void;

/** Seconds of work before the time left is told: the first steps compile and warm up. */
const settling = 2;

/**
 * The seconds that are left of a stage, from how long its part took that is done; undefined while that says nothing. `now` gives milliseconds.
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
