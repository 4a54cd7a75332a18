// The machine of the WebAssembly target: kernels are functions of a binary over one memory.

import { createNet } from "./net.js";
import type { LaunchInfo, LoadOptions, Model, Net } from "./types.js";
import { findWeights, fromBase64 } from "./weights.js";

/** A kernel: its first block, the one behind its last, and addresses of scratch and parameters, in bytes. */
export type WasmKernel = (from: number, to: number, scratch: number, ...addresses: number[]) => void;

/** The number of a kernel, addresses, the nodes that it computes and their multiply-accumulates. */
export type WasmLaunch = readonly [kernel: number, addresses: readonly number[], label: string, macs: number];

/** What an emitted module is made of. */
export interface WasmModule {
  readonly model: Model;
  /** Where the parts of memory begin, in bytes. */
  readonly layout: Readonly<Record<"table" | "weights" | "arena" | "scratch", number>>;
  /** Names, and numbers of blocks. */
  readonly kernels: readonly (readonly [name: string, blocks: number])[];
  readonly launches: readonly WasmLaunch[];
  readonly table: readonly number[];
  /** In base64. */
  readonly binaries: Readonly<Record<"simd" | "relaxed", string>>;
  /** `import.meta.url`: weights are found beside it. */
  readonly url: string;
  /** The weights in base64. */
  readonly embedded?: string;
}

/** Finds the weights, compiles the kernels, and gives the net. */
export async function loadWasm(module: WasmModule, options: LoadOptions = {}): Promise<Net> {
  const { model, layout } = module;
  const compiled = WebAssembly.compile(fromBase64(module.binaries[binaryFor(model, options.simd)]));
  const [binary, weights] = await Promise.all([
    compiled,
    findWeights(model, module.url, options.weights, module.embedded),
  ]);
  const pages = Math.ceil((layout.scratch + model.scratch * 4) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const host = { memory, sin: Math.sin, cos: Math.cos, pow: Math.pow };
  const instance = await WebAssembly.instantiate(binary, { host });
  new Float32Array(memory.buffer, layout.weights, weights.length).set(weights);
  new Int32Array(memory.buffer, layout.table, module.table.length).set(module.table);
  const arena = new Float32Array(memory.buffer, layout.arena, model.arena);
  const scratch = new Float32Array(memory.buffer, layout.scratch, model.scratch);

  const launches: LaunchInfo[] = [];
  const calls: (() => void)[] = [];
  for (const [index, addresses, label, macs] of module.launches) {
    const [kernel, blocks] = module.kernels[index] ?? ["", 0];
    const run = instance.exports[kernel] as WasmKernel;
    launches.push({ kernel, label, macs });
    calls.push(() => run(0, blocks, layout.scratch, ...addresses));
  }

  function step(times: Float64Array | undefined): void {
    for (const [index, call] of calls.entries()) {
      if (options.poison) scratch.fill(Number.NaN);
      const start = times ? performance.now() : 0;
      call();
      if (times) times[index] = (times[index] ?? 0) + performance.now() - start;
    }
  }

  const prepare = () => {
    if (options.poison) arena.fill(Number.NaN);
  };
  return createNet(model, { arena, launches, prepare, step });
}

/** The binary that this engine runs, or the one that is asked for. */
function binaryFor(model: Model, wanted: "simd" | "relaxed" | undefined): "simd" | "relaxed" {
  if (typeof WebAssembly !== "object") {
    throw new Error(
      `${model.name}: there is no WebAssembly here; compile with --target js for pages and engines without it`,
    );
  }
  const runs = {
    simd: WebAssembly.validate(probe(simdAdd)),
    relaxed: WebAssembly.validate(probe(relaxedMadd)),
  };
  const chosen = wanted ?? (runs.relaxed ? "relaxed" : "simd");
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
