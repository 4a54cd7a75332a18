// Lets other work run during long work on one thread, so that a page stays responsive and a progress line is drawn.

/** Milliseconds of work between two pauses. */
const turn = 50;

let last = 0;

/** Lets events run if they have not run for 50 ms. Await it between parts of a few milliseconds. */
export async function pause(): Promise<void> {
  if (performance.now() - last < turn) return;
  // Waits for a message, since in a background page a timer takes a second each time.
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
