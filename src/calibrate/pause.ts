// Long work on one thread lets others have a turn now and then: a page stays alive, and a progress line is drawn.

/** Milliseconds of work between two turns of others. */
const turn = 50;

let last = 0;

/** Lets timers and events run if they have not for 50 ms. To be awaited between steps of a few milliseconds. */
export async function pause(): Promise<void> {
  const now = performance.now();
  if (now - last < turn) return;
  await new Promise((resolve) => setTimeout(resolve, 0));
  last = performance.now();
}
