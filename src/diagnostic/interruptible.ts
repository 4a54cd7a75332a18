// Work in steps: a generator that yields where it may pause, so that a caller can let others have a turn or end it early.

/** Work that yields between its steps and returns its result. `return` ends it early, and it takes back what it began. */
export type Interruptible<T> = Generator<void, T>;

/** Does all steps without a pause. */
export function runToEnd<T>(steps: Interruptible<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
