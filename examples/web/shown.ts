// What the page shows, as numbers: `await cleaveDemo.settled()` on its console, and in its test.

export interface Shown {
  readonly net: string;
  readonly target: string;
  /** How many threads compute. */
  readonly threads: number;
  /** The net's input, 28×28 values from 0 to 1. */
  readonly pixels: readonly number[];
  /** The net's output; absent while the pad is black. */
  readonly logits?: readonly number[];
  /** The name of the class with the largest logit. */
  readonly label?: string;
  /** Median time of a run. */
  readonly milliseconds?: number;
}

/** The global `cleaveDemo`. */
export interface Demo {
  /** Waits until the page has caught up with its user. */
  settled(): Promise<Shown>;
}
