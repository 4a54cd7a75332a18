// Checks the options of `load`, `run` and `warmup`, and ends what a signal aborts.

import { describe, expectObject } from "./ports.js";
import type { LoadOptions, Model, RunOptions } from "./types.js";

type Named = Pick<Model, "name">;

/** What each option must be, as `typeof` or a class; empty if whoever uses it checks it. A caller may give all targets the same options. */
type Kinds<T> = { readonly [K in keyof Required<T>]: string };

export const loadKinds: Kinds<LoadOptions> = {
  weights: "",
  fetch: "function",
  signal: "AbortSignal",
  onProgress: "function",
  cache: "boolean",
  gpu: "",
  device: "",
  threads: "",
  worker: "boolean",
  simd: "",
  poison: "boolean",
  leastWork: "number",
};

const runKinds: Kinds<RunOptions> = { into: "", times: "Float64Array", signal: "AbortSignal" };

/** Checks the options of `load`, makes the net, and disposes of it if the caller's signal came first. */
export async function makeNet<T extends { dispose(): void }>(
  model: Named,
  options: LoadOptions,
  make: () => Promise<T>,
): Promise<T> {
  checkOptions(model, "load", options, loadKinds);
  const { signal } = options;
  signal?.throwIfAborted();
  // Weights that fail before they are read are not unheard.
  void Promise.resolve(options.weights).catch(() => {});
  const making = make();
  making.then(
    (net) => signal?.aborted && net.dispose(),
    () => {},
  );
  return unlessAborted(signal, making);
}

export function checkRunOptions(model: Named, options: { readonly into?: object }): void {
  checkOptions(model, "run", options, runKinds);
  const { into = {} } = options;
  expectObject(model, "`into` must be an object with arrays by output", into);
}

/** Throws if an option does not exist, and names the one that was probably meant; or if it is of another kind. */
export function checkOptions(
  model: Named,
  call: string,
  options: object,
  kinds: Readonly<Record<string, string>>,
): void {
  expectObject(model, `${call} takes an object with options`, options);
  const known = Object.keys(kinds);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (!known.includes(name)) {
      const near = known.filter((one) => distance(one, name) <= Math.max(2, name.length / 3));
      const [nearest] = near.sort((a, b) => distance(a, name) - distance(b, name));
      const help = nearest ? `did you mean "${nearest}"?` : `it takes ${known.join(", ")}`;
      throw new TypeError(`${model.name}: ${call} takes no option "${name}"; ${help}`);
    }
    const kind = kinds[name];
    if (!kind || value === undefined || typeof value === kind || describe(value) === kind) continue;
    const article = kind.startsWith("A") ? "an" : "a";
    throw new TypeError(`${model.name}: \`${name}\` must be ${article} ${kind}, not ${describe(value)}`);
  }
}

/** How many characters must be inserted, removed or replaced (Levenshtein), without regard to case. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const letter of a.toLowerCase()) {
    const next = [(row[0] ?? 0) + 1];
    for (const [at, other] of [...b.toLowerCase()].entries()) {
      const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The same, but rejects with the signal's reason as soon as there is one. */
export function unlessAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    const end = (): void => signal.removeEventListener("abort", stop);
    work.then(resolve, reject).then(end, end);
  });
}
