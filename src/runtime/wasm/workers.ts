// The workers of a net: threads that help, and one that leads if `run` must not block its caller.

import type { Answer } from "./attend.js";
import { attend } from "./attend.js";
import type { Crew } from "./crew.js";
import { createPlayer } from "./crew.js";
import { watchPolicy } from "../policy.js";
import type { RunOptions } from "../types.js";

export interface Workers {
  /** Runs launches on the workers alone; adds their milliseconds to `times`, and ends after a launch if the signal says so. */
  lead(from: number, to: number, options?: RunOptions): Promise<void>;
  /** Throws if a worker failed. */
  check(): void;
  /** Ends the workers; unfinished runs fail. */
  dispose(): void;
}

/** The part of a worker's interface that is used, in Node or on the web. */
export interface Host {
  postMessage(message: unknown): void;
  terminate(): unknown;
  /** Node: keeps the process alive for it. */
  ref?(): void;
  unref?(): void;
  on?(event: "message" | "error" | "exit", listener: (value: never) => void): void;
  onmessage?: (event: { readonly data: Answer }) => void;
  onerror?: (event: { readonly message?: string }) => void;
}

/** The script of workers as a file beside the module, and what starts a worker of it. */
export interface WorkerFile {
  readonly name: string;
  readonly start: () => Host;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Starts a worker for every thread of the crew, and waits until all are ready. It throws the cause if one cannot start. */
export async function startWorkers(
  name: string,
  crew: Crew,
  workerFile: WorkerFile | undefined,
): Promise<Workers> {
  const script = `(${String(attend)})(${String(createPlayer)});`;
  const workers: Host[] = [];
  const pending = new Map<Host, Pending>();
  let broken: Error | undefined;
  let isReady = false;

  function end(error: Error): void {
    broken ??= error;
    dismiss(crew);
    for (const worker of workers) worker.terminate();
    for (const { reject } of pending.values()) reject(broken);
    pending.clear();
  }
  const fail = (why: unknown) =>
    end(new Error(isReady ? `${name}: a thread failed: ${String(why)}` : String(why)));

  function open(): Host {
    const worker = openWorker(script, workerFile, fail);
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

  const refused = watchPolicy();
  try {
    for (let thread = 0; thread < crew.threads; thread++) workers.push(open());
    await Promise.all(workers.map((worker, thread) => ask(worker, [crew, thread])));
    isReady = true;
  } catch (error) {
    fail(error);
    throw new Error(causeOf(error, await refused.directive(), workerFile), { cause: error });
  } finally {
    refused.end();
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

/** Ends the help of all threads, also of those that sleep: not every engine ends a thread while it waits. */
function dismiss({ words }: Crew): void {
  Atomics.store(words, 1, 1);
  // Another number of the job, which says as before whether it is open.
  Atomics.add(words, 16, 2);
  Atomics.notify(words, 16);
}

/** Why workers cannot start, and the way out. */
function causeOf(error: unknown, directive: string | undefined, workerFile: WorkerFile | undefined): string {
  const why = error instanceof Error ? error.message : String(error);
  if (directive) {
    const help = workerFile ? helpWithFile : helpWithout;
    return `the page's Content-Security-Policy refuses them (\`${directive}\`); ${directive === "worker-src" ? help.place : help.trust}`;
  }
  if (workerFile && (error as Error | null)?.name === "SecurityError") return `${why}; ${elsewhereHelp}`;
  // Bundlers can make functions call helpers, which the script of a blob has not.
  const isChanged = !workerFile && /is not defined|Can't find variable/.test(why);
  return isChanged ? `${why}; ${changedHelp}` : why;
}

const helpWithout = {
  place: "allow `blob:` in `worker-src`, or compile with --worker-file and allow its origin",
  trust:
    "allow a policy named `cleave` in `trusted-types`, and 'allow-duplicates' if the page has several nets with threads",
};

const helpWithFile = {
  place: "allow the origin of the worker's file in `worker-src`",
  trust:
    "make a default policy that lets the address of the worker's file pass, or compile without --worker-file",
};

const elsewhereHelp =
  "put the module and the worker's file on the server of the page, or compile without --worker-file";

const changedHelp =
  "a bundler changed the script of the workers, as esbuild does with keepNames: leave that out, or compile with --worker-file";

let webScript: string | undefined;

/** A worker of Node, or of the web: of a file, or else of a blob. */
function openWorker(script: string, workerFile: WorkerFile | undefined, fail: (why: unknown) => void): Host {
  const { process, Worker, Blob, URL } = globalThis as unknown as WorkerGlobals;
  const node = process?.getBuiltinModule?.("node:worker_threads");
  if (node) {
    const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    const worker = new node.Worker(url, { execArgv: [] });
    worker.on?.("error", (error: Error) => fail(error.message));
    worker.on?.("exit", (code: number) => fail(`it ended with code ${code}`));
    return worker;
  }
  let worker: Host;
  if (workerFile) worker = ofFile(workerFile);
  else {
    webScript ??= trusted(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    worker = new Worker(webScript);
  }
  worker.onerror = ({ message }) =>
    fail(
      message ||
        (workerFile
          ? `the worker's file cannot be loaded; is ${workerFile.name} there, and served with the headers of the page?`
          : "the browser does not say why"),
    );
  return worker;
}

/** Bundlers may take a module's address away; then its files are where the page is. */
function ofFile({ name, start }: WorkerFile): Host {
  try {
    return start();
  } catch (error) {
    const { location, URL, Worker } = globalThis as unknown as WorkerGlobals;
    if (!(error instanceof TypeError) || !location?.href.startsWith("http")) throw error;
    return new Worker(new URL(name, location.href));
  }
}

/** An address of a script that pages with `require-trusted-types-for 'script'` accept. */
function trusted(address: string): string {
  try {
    const { trustedTypes } = globalThis as unknown as WorkerGlobals;
    const policy = trustedTypes?.createPolicy("cleave", { createScriptURL: (own) => own });
    return policy?.createScriptURL(address) ?? address;
  } catch {
    // The page does not allow the policy, but it may accept texts.
    return address;
  }
}

interface WorkerGlobals {
  readonly process?: {
    getBuiltinModule?(name: string): {
      readonly Worker: new (script: object, options: { execArgv: string[] }) => Host;
    };
  };
  readonly trustedTypes?: {
    createPolicy(
      name: string,
      rules: { createScriptURL(address: string): string },
    ): { createScriptURL(address: string): string };
  };
  readonly location?: { readonly href: string };
  readonly Worker: new (url: string | object) => Host;
  readonly Blob: new (parts: string[], options: { type: string }) => object;
  readonly URL: { new (url: string, base?: string): object; createObjectURL(blob: object): string };
}
