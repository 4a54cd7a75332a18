// The state of a page as numbers, for `await cleaveDemo.settled()` on the console and for its test.

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A thing that was found. */
export interface Found {
  /** In pixels of the picture, one after another along the outline. */
  readonly corners: readonly (readonly [x: number, y: number])[];
  /** Such as the eyes of a face, in pixels of the picture. */
  readonly points?: readonly (readonly [x: number, y: number])[];
  /** What it says. */
  readonly text?: string;
  /** From 0 to 1. */
  readonly score: number;
}

export interface Finding {
  /** The target that computed it. */
  readonly target: string;
  /** The size of the picture. */
  readonly size: Size;
  /** What is marked, in pixels of the picture. */
  readonly found: readonly Found[];
  /** How many pictures or frames were shown so far. */
  readonly frames: number;
}

/** The global `cleaveDemo`. */
export interface FindingDemo {
  /** Resolves when the page shows the result of the user's last action; undefined if it has none, for want of a net. */
  settled(): Promise<Finding | undefined>;
  /** What is shown now; it may be about to change. */
  now(): Finding | undefined;
}
