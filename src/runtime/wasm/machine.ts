// The machine of the WebAssembly target: kernels are functions of a binary over one memory.

import type { Launch } from "./crew.js";
import { createPlayer } from "./crew.js";
import { createNet } from "../net.js";
import { makeNet } from "../options.js";
import type { LoadOptions, Model, Net, RunOptions } from "../types.js";
import type { Staged } from "../weights.js";
import { readWeights, roomsOf } from "../weights.js";
import { binaryOf } from "./binary.js";
import type { WorkerFile } from "./workers.js";
import { startWorkers } from "./workers.js";

/** The number of a kernel, addresses, the nodes that it computes, and their multiply-accumulates. */
export type WasmLaunch = readonly [kernel: number, addresses: readonly number[], label: string, macs: number];

/** What an emitted module consists of. */
export interface WasmModule {
  readonly model: Model;
  /** Where the parts of memory begin, in bytes. */
  readonly layout: Readonly<
    Record<"table" | "weights" | "resident" | "prepared" | "arena" | "scratch", number>
  >;
  /** Names, numbers of blocks, and thousands of operations of all blocks. */
  readonly kernels: readonly (readonly [name: string, blocks: number, work: number])[];
  /** Run once, to prepare weights. */
  readonly setup: readonly WasmLaunch[];
  readonly launches: readonly WasmLaunch[];
  /** Read into the arena, one after another. */
  readonly staged: Staged;
  readonly table: readonly number[];
  /** For SIMD and relaxed SIMD; see `binaryOf`. */
  readonly binaries: string;
  /** See `Source`. */
  readonly file?: () => URL;
  readonly embedded?: string;
  readonly workerFile?: WorkerFile;
  /** Whether the engine's dot products of bytes are right, if the binary for relaxed SIMD has any. */
  readonly dots?: () => boolean;
}

/**
 * Thousands of operations from which a launch is divided over threads, a net has threads, and a kernel is optimized
 * before the first run. Measured on Zen 3 in Node 20: a million operations take 65 µs, dividing a launch 1 µs, waking a
 * thread 50 µs, and having other threads run the net 100 µs. So launches of 25 µs gain, and nets with 0.5 ms of them.
 * Before a kernel is optimized, it takes 3 to 4 times as long.
 */
const leastWork = { launch: 400, net: 8000, kernel: 1000 };

/** Reads the weights, compiles the kernels, starts the threads, and returns the net. */
export function loadWasm(module: WasmModule, options: LoadOptions = {}): Promise<Net> {
  return makeNet(module.model, options, () => makeWasmNet(module, options));
}

async function makeWasmNet(module: WasmModule, options: LoadOptions): Promise<Net> {
  const { model, layout, setup } = module;
  const bytes = await binaryOf(model.name, module.binaries, binaryFor(module, options.simd));
  const wanted = threadsFor(model, options.threads);
  const threads = isWorthThreads(module, options) ? wanted : 1;
  const steps = [...setup, ...module.launches].map((launch) => stepOf(module, launch, threads, options));
  const shared = threads > 1 || (options.worker === true && mayShare());
  if (shared) shareMemory(bytes);

  const stride = Math.ceil(model.scratch / 16) * 64;
  const pages = Math.ceil((layout.scratch + stride * threads) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  new Int32Array(memory.buffer, layout.table, module.table.length).set(module.table);
  const poison = options.poison ?? false;
  const words = new Int32Array(shared ? new SharedArrayBuffer(64 * (5 + threads)) : new ArrayBuffer(4));
  const starting = compiled(model.name, bytes).then(async (binary) => {
    const crew = { binary, memory, threads, steps, scratch: layout.scratch, stride, poison, words };
    const player = await createPlayer(crew);
    for (const [name, , work] of module.kernels) if (work >= leastWork.kernel) player.warmUp(name);
    const workers = shared
      ? await startWorkers(model.name, crew, module.workerFile).catch((error: unknown) =>
          tellOneThread(
            model,
            threads,
            `no worker can start: ${error instanceof Error ? error.message : String(error)}`,
          ),
        )
      : undefined;
    return { player, workers };
  });
  const prepare = async (from: number, to: number): Promise<void> => {
    const { player, workers } = await starting;
    if (workers) await workers.lead(from, to);
    else player.lead(from, to);
  };
  const room = (start: number, elements: number) => new Uint8Array(memory.buffer, start, elements * 4);
  const makeRooms = () =>
    roomsOf(
      module.staged,
      setup.length,
      room(layout.weights, layout.resident),
      (elements) => room(layout.arena, elements),
      prepare,
    );
  const { file, embedded } = module;
  const reading = readWeights(model, { file, embedded, options }, makeRooms);
  const [{ player, workers }] = await Promise.all([starting, reading]).catch((error: unknown) => {
    starting.then((started) => started.workers?.dispose()).catch(() => {});
    throw error;
  });
  const arena = new Float32Array(memory.buffer, layout.arena, model.arena);
  return createNet(model, {
    arena,
    threads: workers ? threads : 1,
    launches: module.launches.map(([kernel, , label, macs]) => ({
      kernel: module.kernels[kernel]?.[0] ?? "",
      label,
      macs,
    })),
    prepare() {
      if (poison) arena.fill(Number.NaN);
    },
    step(times) {
      workers?.check();
      player.lead(setup.length, steps.length, times);
    },
    ...(workers && {
      stepAway: (options: RunOptions) => workers.lead(setup.length, steps.length, options),
      dispose: workers.dispose,
    }),
  });
}

function isWorthThreads({ kernels, launches }: WasmModule, { leastWork: least }: LoadOptions): boolean {
  let sum = 0;
  for (const [index] of launches) {
    const [, blocks, work] = kernels[index] ?? ["", 0, 0];
    if (blocks > 1 && work >= (least ?? leastWork.launch)) sum += work;
  }
  return sum > (least ?? leastWork.net);
}

function stepOf(module: WasmModule, launch: WasmLaunch, threads: number, options: LoadOptions): Launch {
  const [index, addresses] = launch;
  const [kernel, blocks, work] = module.kernels[index] ?? ["", 0, 0];
  const isDivided = threads > 1 && blocks > 1 && work >= (options.leastWork ?? leastWork.launch);
  // A thread's share is four chunks, so that other threads can take over those that it does not get to. One thread calls
  // a long kernel several times too, since it gets to the optimized code only with the next call.
  const calls = isDivided ? 4 * threads : work < leastWork.kernel ? 1 : 16;
  return { kernel, blocks, addresses, isDivided, chunk: Math.ceil(blocks / calls) };
}

/** The requested number of threads, or one if memory cannot be shared. */
function threadsFor(model: Model, wanted = 1): number {
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 256) {
    throw new TypeError(`${model.name}: threads must be a whole number from 1 to 256, not ${String(wanted)}`);
  }
  if (wanted === 1 || mayShare()) return wanted;
  tellOneThread(
    model,
    wanted,
    'this page may not share memory between threads; serve it with the headers "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp"',
  );
  return 1;
}

let isTold = false;

/** Warns once that the calling thread computes, and why. */
function tellOneThread({ name }: Model, wanted: number, why: string): undefined {
  const instead = wanted > 1 ? `one thread instead of ${wanted}` : "the calling thread computes";
  if (!isTold) console.warn(`${name}: ${instead}, since ${why}`);
  isTold = true;
}

function mayShare(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer === "function" && crossOriginIsolated !== false;
}

/** Makes the memory that a binary imports shared: its flags change from 1 (with a maximum) to 3. */
function shareMemory(binary: Uint8Array): void {
  // It is the first import, and only types come before it, which cannot contain these bytes.
  const before = [4, ...new TextEncoder().encode("host"), 6, ...new TextEncoder().encode("memory"), 2];
  const at = binary.findIndex((_, start) => before.every((byte, index) => binary[start + index] === byte));
  if (at < 0 || binary[at + before.length] !== 1) throw new Error("the binary imports no memory");
  binary[at + before.length] = 3;
}

/** Compiles a binary. It is valid, so if an engine refuses it, a policy is the reason, or memory. */
async function compiled(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    const { message } = cause as Error;
    if (/disallowed by embedder/.test(message)) {
      throw new Error(
        `${name}: this platform compiles no WebAssembly that it loads; compile with --target auto or js (${message})`,
        { cause },
      );
    }
    if (!/content security|\bCSP\b|unsafe-eval/i.test(message)) throw cause;
    throw new Error(
      `${name}: the page's content security policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src, or compile with ` +
        `--target auto or js (${message})`,
      { cause },
    );
  }
}

/** The binary for this engine, or the requested one. */
function binaryFor({ model, dots }: WasmModule, wanted: "simd" | "relaxed" | undefined): "simd" | "relaxed" {
  if (typeof WebAssembly !== "object") {
    throw new Error(
      `${model.name}: there is no WebAssembly here; compile with --target js for pages and engines without it`,
    );
  }
  const runs = {
    simd: WebAssembly.validate(probe(simdAdd)),
    relaxed: WebAssembly.validate(probe(relaxedMadd)) && (!dots || dots()),
  };
  const chosen = wanted ?? (runs.relaxed ? "relaxed" : "simd");
  if (!Object.hasOwn(runs, chosen)) {
    throw new TypeError(`${model.name}: simd must be "simd" or "relaxed", not ${String(chosen)}`);
  }
  if (runs[chosen]) return chosen;
  throw new Error(
    chosen === "relaxed"
      ? `${model.name}: this engine does not run relaxed SIMD; leave out simd: "relaxed"`
      : `${model.name}: this engine does not run SIMD in WebAssembly; compile with --target js for it`,
  );
}

const simdAdd = [0xfd, 0xe4, 0x01];
const relaxedMadd = [0xfd, 0x85, 0x02];

/** A binary with one function of three vectors, `a + (b instruction c)` or `instruction(a, b, c)`. */
function probe(instruction: readonly number[]): Uint8Array<ArrayBuffer> {
  const isTernary = instruction === relaxedMadd;
  const code = [0, 0x20, 0, 0x20, 1, ...(isTernary ? [0x20, 2] : []), ...instruction, 0x0b];
  const body = [1, code.length, ...code];
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const type = [1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b];
  return Uint8Array.from([...header, ...type, 3, 2, 1, 0, 10, body.length, ...body]);
}
