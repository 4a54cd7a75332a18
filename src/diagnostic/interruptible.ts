// Work that can pause: a generator that yields between its parts, so that a caller can run other work or end it early.

/** Work that yields between its parts and returns its result. `return` ends it early and undoes incomplete effects. */
export type Interruptible<T> = Generator<void, T>;

/** Runs to the end without a pause. */
export function runToEnd<T>(steps: Interruptible<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
