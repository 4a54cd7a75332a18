// The state of the page as numbers, for `await cleaveDemo.settled()` on the console and for its test.

export interface Shown {
  readonly net: string;
  readonly target: string;
  /** The number of threads that compute. */
  readonly threads: number;
  /** The net's input, 28×28 values from 0 to 1. */
  readonly pixels: readonly number[];
  /** The net's output; absent while the pad is black. */
  readonly logits?: readonly number[];
  /** The name of the class with the largest logit. */
  readonly label?: string;
  /** The median time of a run. */
  readonly milliseconds?: number;
}

/** The global `cleaveDemo`. */
export interface Demo {
  /** Resolves when the page shows the result of the user's last action. */
  settled(): Promise<Shown>;
  /** What is shown now; it may be about to change. */
  now(): Shown | undefined;
}
