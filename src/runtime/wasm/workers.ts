// The workers of a net: threads that help, and one that leads if `run` must not block its caller.

import type { Crew } from "./crew.js";
import { createPlayer } from "./crew.js";
import type { RunOptions } from "../types.js";

export interface Workers {
  /** Runs launches on the workers alone; adds their milliseconds to `times`, and ends after a launch if the signal says so. */
  lead(from: number, to: number, options?: RunOptions): Promise<void>;
  /** Throws if a worker failed. */
  check(): void;
  /** Ends the workers; unfinished runs fail. */
  dispose(): void;
}

/** A message from a worker. */
type Answer = { readonly times?: Float64Array } | { readonly error: string };

/** The part of a worker's interface that is used, in Node or on the web. */
interface Host {
  postMessage(message: unknown): void;
  terminate(): unknown;
  /** Node: keeps the process alive for it. */
  ref?(): void;
  unref?(): void;
  on?(event: "message" | "error" | "exit", listener: (value: never) => void): void;
  onmessage?: (event: { readonly data: Answer }) => void;
  onerror?: (event: { readonly message?: string }) => void;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Starts a worker for every thread of the crew, and waits until all are ready. */
export async function startWorkers(name: string, crew: Crew): Promise<Workers> {
  const script = `(${String(attend)})(${String(createPlayer)});`;
  const workers: Host[] = [];
  const pending = new Map<Host, Pending>();
  let broken: Error | undefined;

  function end(error: Error): void {
    broken ??= error;
    for (const worker of workers) worker.terminate();
    for (const { reject } of pending.values()) reject(broken);
    pending.clear();
  }
  const fail = (why: unknown) => end(new Error(`${name}: a thread failed: ${String(why)}`));

  function open(): Host {
    const worker = openWorker(script, fail);
    const answered = (answer: Answer): void => {
      if ("error" in answer) return fail(answer.error);
      const asked = pending.get(worker);
      pending.delete(worker);
      worker.unref?.();
      asked?.resolve(answer);
    };
    if (worker.on) worker.on("message", answered as (value: never) => void);
    else worker.onmessage = ({ data }) => answered(data);
    return worker;
  }

  /** Keeps the process alive until the answer arrives. */
  function ask(worker: Host, message: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (broken) return reject(broken);
      pending.set(worker, { resolve, reject });
      worker.ref?.();
      worker.postMessage(message);
    });
  }

  try {
    for (let thread = 0; thread < crew.threads; thread++) workers.push(open());
    await Promise.all(workers.map((worker, thread) => ask(worker, [crew, thread])));
  } catch (error) {
    fail(error);
    throw broken ?? error;
  }

  return {
    async lead(from, to, { times, signal } = {}) {
      const [leader] = workers;
      if (!leader) return;
      const stop = () => Atomics.store(crew.words, 0, 1);
      signal?.addEventListener("abort", stop);
      const answer = await ask(leader, [from, to, times !== undefined]).finally(() => {
        signal?.removeEventListener("abort", stop);
        Atomics.store(crew.words, 0, 0);
      });
      signal?.throwIfAborted();
      if ("error" in answer || !times) return;
      answer.times?.forEach((time, index) => (times[index] = (times[index] ?? 0) + time));
    },
    check() {
      if (broken) throw broken;
    },
    dispose: () => end(new Error(`${name}: disposed while it ran`)),
  };
}

let webScript: string | undefined;

/** A worker of Node, or of the web. */
function openWorker(script: string, fail: (why: unknown) => void): Host {
  const { process, Worker, Blob, URL } = globalThis as unknown as WorkerGlobals;
  const node = process?.getBuiltinModule?.("node:worker_threads");
  if (node) {
    const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    const worker = new node.Worker(url, { execArgv: [] });
    worker.on?.("error", (error: Error) => fail(error.message));
    worker.on?.("exit", (code: number) => fail(`it ended with code ${code}`));
    return worker;
  }
  webScript ??= URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const worker = new Worker(webScript);
  worker.onerror = ({ message }) =>
    fail(message || "it could not start; does the page's policy allow `worker-src blob:`?");
  return worker;
}

interface WorkerGlobals {
  readonly process?: {
    getBuiltinModule?(name: string): {
      readonly Worker: new (script: object, options: { execArgv: string[] }) => Host;
    };
  };
  readonly Worker: new (url: string) => Host;
  readonly Blob: new (parts: string[], options: { type: string }) => object;
  readonly URL: { new (url: string): object; createObjectURL(blob: object): string };
}

/** The part of a worker's script that listens. It must not refer to anything outside. */
function attend(create: typeof createPlayer): void {
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
  port.onmessage = async ({ data }) => {
    try {
      const [crew, thread] = data as [Crew, number];
      const player = await create(crew);
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
    } catch (error) {
      tell(error);
    }
  };
}
