// Runs launches on a crew of threads: one leads, the others help. This file is also the script of workers.

/** A kernel: its first block, the block after its last, and addresses of scratch and parameters, in bytes. */
export type WasmKernel = (from: number, to: number, scratch: number, ...addresses: number[]) => void;

/** One launch. */
export interface Launch {
  readonly kernel: string;
  readonly blocks: number;
  readonly addresses: readonly number[];
  /** Whether all threads share the blocks; otherwise the leader runs the launch alone. */
  readonly isDivided: boolean;
  /** Blocks that a thread takes at once. */
  readonly chunk: number;
}

/** What every thread of a crew knows; workers get a copy. */
export interface Crew {
  readonly binary: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly threads: number;
  readonly steps: readonly Launch[];
  /** Address of the first thread's scratch, and bytes from each to the next. */
  readonly scratch: number;
  readonly stride: number;
  /** Whether to fill scratch with NaN before each launch. */
  readonly poison: boolean;
  /**
   * Shared words for synchronization, 16 (a cache line) for each of five, and for each thread. The first ends a run: not 0 if its caller
   * does not want it any more. The second ends the help of all threads. A crew of one has no others.
   */
  readonly words: Int32Array;
}

/** A thread's part in its crew. */
export interface Player {
  /** Runs the launches `from` to `to` as the leader, thread 0; adds their milliseconds to `times`, if given. */
  lead(from: number, to: number, times?: Float64Array): void;
  /** Has the engine optimize a kernel, in the background. */
  warmUp(kernel: string): void;
  /** Helps the leader, as this thread (1 or more), until the crew is dismissed. */
  help(thread: number): void;
}

/**
 * Makes this thread a player. Its text runs in workers, so it must not refer to anything outside. For the same reason it is not an async
 * function: where bundlers write code for old engines, such a function calls a helper outside.
 *
 * For each launch, the leader opens a job (`job` becomes odd), and each thread that is awake takes chunks of blocks:
 * first of its own share, so that its cache has what it wrote before, then of the others'. When none is left, the
 * leader closes the job (`job` becomes even) and waits until no thread is at work. A late thread finds the job closed,
 * and nobody waits for it.
 */
export function createPlayer(crew: Crew): Promise<Player> {
  const { memory, threads, steps, words } = crew;
  const host = { memory, sin: Math.sin, cos: Math.cos, pow: Math.pow };
  let exports: WebAssembly.Instance["exports"] = {};
  let kernels: readonly WasmKernel[] = [];
  const scratch = new Float32Array(memory.buffer, crew.scratch, (crew.stride * threads) / 4);

  const [stop, over, job, current, atWork, failed, next] = [0, 1, 16, 32, 48, 64, 80] as const;
  // Polling takes 7 ns, and waking a sleeping thread about 50 µs.
  const spins = 20_000;
  const patience = 60_000;
  // V8 optimizes a function when it has run 1.8 (Node 20) or 13 MB (Node 24) of its code, and counts a call without
  // blocks as the whole function, of which there are 5 KB or more. Such a call takes 0.1 µs.
  const warmUps = 3000;

  function play(index: number, thread: number): void {
    const step = steps[index];
    const kernel = kernels[index];
    if (!step || !kernel) return;
    const { blocks, addresses, chunk } = step;
    const own = crew.scratch + thread * crew.stride;
    if (!step.isDivided) {
      for (let from = 0; from < blocks; from += chunk) {
        kernel(from, Math.min(from + chunk, blocks), own, ...addresses);
      }
      return;
    }
    for (let other = 0; other < threads; other++) {
      const owner = (thread + other) % threads;
      const end = shareOf(blocks, owner + 1);
      for (;;) {
        const from = Atomics.add(words, next + 16 * owner, chunk);
        if (from >= end) break;
        kernel(from, Math.min(from + chunk, end), own, ...addresses);
      }
    }
  }

  /** The first block of a thread's share. */
  function shareOf(blocks: number, thread: number): number {
    return Math.floor((blocks * thread) / threads);
  }

  function playTogether(index: number): void {
    const { blocks } = steps[index] ?? { blocks: 0 };
    for (let thread = 0; thread < threads; thread++) {
      Atomics.store(words, next + 16 * thread, shareOf(blocks, thread));
    }
    Atomics.store(words, current, index);
    Atomics.add(words, job, 1);
    Atomics.notify(words, job);
    try {
      play(index, 0);
    } finally {
      Atomics.add(words, job, 1);
      waitForOthers();
    }
    if (Atomics.load(words, failed) > 0) throw new Error("a thread failed");
  }

  function waitForOthers(): void {
    const until = performance.now() + patience;
    for (let spin = 0; ; spin++) {
      const working = Atomics.load(words, atWork);
      if (working === 0) return;
      if (spin < spins) continue;
      if (performance.now() > until) throw new Error("a thread does not answer");
      // A browser's main thread must not sleep, so it polls.
      if (maySleep()) Atomics.wait(words, atWork, working, 1000);
    }
  }

  function maySleep(): boolean {
    try {
      Atomics.wait(words, failed, -1);
      return true;
    } catch {
      return false;
    }
  }

  const player: Player = {
    lead(from, to, times) {
      for (let index = from; index < to && Atomics.load(words, stop) === 0; index++) {
        if (crew.poison) scratch.fill(Number.NaN);
        const start = times ? performance.now() : 0;
        if (steps[index]?.isDivided) playTogether(index);
        else play(index, 0);
        if (times) times[index - from] = (times[index - from] ?? 0) + performance.now() - start;
      }
    },
    warmUp(name) {
      const kernel = exports[name] as WasmKernel;
      // Addresses that are left out would have to be converted.
      for (let call = 0; call < warmUps; call++) kernel(0, 0, 0, 0, 0, 0, 0, 0);
    },
    help(thread) {
      for (let seen = 0, spin = 0; ; spin++) {
        const now = Atomics.load(words, job);
        if (now === seen) {
          if (spin > spins) Atomics.wait(words, job, seen);
          continue;
        }
        seen = now;
        spin = 0;
        if (Atomics.load(words, over) > 0) return;
        if (now % 2 === 0) continue;
        Atomics.add(words, atWork, 1);
        try {
          // The leader closes a job before it checks who is at work: an open job stays open until this thread is done.
          if (Atomics.load(words, job) === now) play(Atomics.load(words, current), thread);
        } catch (error) {
          Atomics.store(words, failed, 1);
          throw error;
        } finally {
          Atomics.sub(words, atWork, 1);
          Atomics.notify(words, atWork);
        }
      }
    },
  };

  return WebAssembly.instantiate(crew.binary, { host }).then((instance) => {
    exports = instance.exports;
    kernels = steps.map(({ kernel }) => exports[kernel] as WasmKernel);
    return player;
  });
}
