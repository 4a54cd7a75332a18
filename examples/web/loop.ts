// Work that is done again whenever something changed: one turn at a time, and the last wish counts.

export interface Loop {
  /** Asks for a turn; the signal of the one under way is aborted. */
  request(): void;
  /** Resolves when nothing is left to do. */
  settled(): Promise<void>;
}

export function createLoop(turn: (signal: AbortSignal) => Promise<void>): Loop {
  let controller = new AbortController();
  let underWay: Promise<void> | undefined;

  async function work(): Promise<void> {
    let signal: AbortSignal;
    do {
      ({ signal } = controller);
      await turn(signal);
    } while (signal.aborted);
    underWay = undefined;
  }

  return {
    request() {
      controller.abort();
      controller = new AbortController();
      underWay ??= work();
    },
    async settled() {
      await underWay;
    },
  };
}
