// Long work on one thread lets others have a turn now and then: a page stays alive, and a progress line is drawn.

/** Milliseconds of work between two turns of others. */
const turn = 50;

let last = 0;

/** Lets events run if they have not for 50 ms. To be awaited between steps of a few milliseconds. */
export async function pause(): Promise<void> {
  if (performance.now() - last < turn) return;
  // By a message: a timer waits for a second each time in a page that is not in front.
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(undefined);
  });
  last = performance.now();
}
