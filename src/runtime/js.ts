// The machine of the JavaScript target: kernels are functions over typed arrays.

import { createNet } from "./net.js";
import { makeNet } from "./options.js";
import type { LaunchInfo, LoadOptions, Model, Net } from "./types.js";
import type { Staged } from "./weights.js";
import { findWeights, readWeights, residentElements, roomsOf } from "./weights.js";

/** A kernel: arena, weights, prepared weights, scratch, table, and the base offset of each of its parameters. */
export type JsKernel = (
  arena: Float32Array,
  weights: Float32Array,
  prepared: Float32Array,
  scratch: Float32Array,
  table: Int32Array,
  ...offsets: number[]
) => void;

/** A kernel, its offsets, the nodes that it computes, and their multiply-accumulates. */
type JsLaunch = readonly [kernel: JsKernel, offsets: readonly number[], label: string, macs: number];

/** What an emitted module consists of. */
export interface JsModule {
  readonly model: Model;
  /** Run once, to prepare weights. */
  readonly setup: readonly JsLaunch[];
  readonly launches: readonly JsLaunch[];
  /** Weights that only the setup reads, one after another, into a separate array; absent if there are none. */
  readonly staged?: Staged;
  readonly table: readonly number[];
  /** See `Source`. */
  readonly file?: () => URL;
  readonly embedded?: string;
}

/** Reads the weights, allocates the arena, and returns the net. */
export function loadJs(module: JsModule, options: LoadOptions = {}): Promise<Net> {
  return makeNet(module.model, options, () => makeJsNet(module, options));
}

async function makeJsNet(module: JsModule, options: LoadOptions): Promise<Net> {
  const { model } = module;
  const arena = new Float32Array(model.arena);
  const prepared = new Float32Array(model.prepared);
  const scratch = new Float32Array(model.scratch);
  const table = Int32Array.from(module.table);
  const launches = module.launches.map(([kernel, , label, macs]): LaunchInfo => ({
    kernel: kernel.name,
    label,
    macs,
  }));

  const callWith = (weights: Float32Array, [kernel, offsets]: JsLaunch) =>
    kernel(arena, weights, prepared, scratch, table, ...offsets);
  const weights = await prepareWeights(module, options, callWith);
  const call = (launch: JsLaunch) => callWith(weights, launch);

  function step(times: Float64Array | undefined): void {
    for (let index = 0; index < module.launches.length; index++) {
      const launch = module.launches[index];
      if (!launch) continue;
      if (options.poison) scratch.fill(Number.NaN);
      const start = times ? performance.now() : 0;
      call(launch);
      if (times) times[index] = (times[index] ?? 0) + performance.now() - start;
    }
  }

  const prepare = () => {
    if (options.poison) arena.fill(Number.NaN);
  };
  return createNet(model, { arena, launches, prepare, step });
}

/** The weights that stay, after the setup. */
async function prepareWeights(
  { model, setup, staged = [], file, embedded }: JsModule,
  options: LoadOptions,
  call: (weights: Float32Array, launch: JsLaunch) => void,
): Promise<Float32Array> {
  const source = { file, embedded, options };
  if (staged.length === 0) {
    const all = await findWeights(model, source);
    for (const launch of setup) call(all, launch);
    return all;
  }
  const resident = new Float32Array(residentElements(model, staged));
  const stage = new Float32Array(staged.reduce((most, [elements]) => Math.max(most, elements), 0));
  const first = setup.length - staged.reduce((sum, [, launches]) => sum + launches, 0);
  const makeRooms = () =>
    roomsOf(
      staged,
      setup.length,
      new Uint8Array(resident.buffer),
      (elements) => new Uint8Array(stage.buffer, 0, elements * 4),
      async (from, to) => {
        for (const launch of setup.slice(from, to)) call(from < first ? resident : stage, launch);
      },
    );
  await readWeights(model, source, makeRooms);
  return resident;
}
