// What a worker does: it makes a player of its crew, and waits for what it is asked. With `crew.ts`, this is the script of workers.

import type { createPlayer, Crew } from "./crew.js";

/** A message from a worker. */
export type Answer = { readonly times?: Float64Array } | { readonly error: string };

/** Listens. Its text runs in workers, as that of `createPlayer` does, so it must not refer to anything outside, and has no async functions. */
export function attend(create: typeof createPlayer): void {
  interface Port {
    onmessage: (event: { data: never }) => unknown;
    postMessage(message: Answer): void;
  }
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): { readonly parentPort: Port } };
  };
  const port =
    process?.getBuiltinModule?.("node:worker_threads").parentPort ?? (globalThis as unknown as Port);
  const tell = (error: unknown) =>
    port.postMessage({ error: error instanceof Error ? error.message : String(error) });
  port.onmessage = ({ data }) => {
    const [crew, thread] = data as [Crew, number];
    const attending = create(crew).then((player) => {
      port.onmessage = (event) => {
        const [from, to, isTimed] = event.data as [number, number, boolean];
        try {
          const times = new Float64Array(isTimed ? to - from : 0);
          player.lead(from, to, isTimed ? times : undefined);
          port.postMessage({ times });
        } catch (error) {
          tell(error);
        }
      };
      port.postMessage({});
      if (thread > 0) player.help(thread);
    });
    attending.catch(tell);
  };
}
