// Repeats work whenever something has changed: one turn at a time, and only for the last request.

export interface Loop {
  /** Requests a turn, and aborts the signal of the current turn. */
  request(): void;
  /** Resolves when no turn runs or waits. */
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
