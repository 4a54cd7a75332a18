// The roofline of this machine for a target: its peak rates of multiply-accumulates, and its bandwidth by the number of bytes that are read
// and written. Kernels of our own measure it (`roofline-programs.ts`).

import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { arenaElements } from "#ir/arenas.js";
import type { TargetName } from "#ir/target.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { joinParts } from "#backend/module-text.js";
import { placeWeights } from "#backend/packed.js";
import { load } from "#compile/load.js";
import { targetOf } from "#compile/targets.js";
import { version } from "#compile/version.js";
import type { Net } from "#runtime/types.js";
import { dotProgram, productProgram, streamProgram } from "./roofline-programs.js";

/** Williams, Waterman and Patterson 2009 (https://doi.org/10.1145/1498765.1498785): no kernel is faster than both allow. */
export interface Roofline {
  /** Multiply-accumulates a second that a register-tiled product of f32 reaches on data in the nearest cache. */
  readonly macsPerSecond: number;
  /** Those of integers of 8 bits, between registers alone; absent if the target computes integers as f32. */
  readonly integers?: IntegerRates;
  /** What `a + s·b` reaches, from the smallest arrays to those larger than any cache. */
  readonly bandwidths: readonly Bandwidth[];
}

/** Multiply-accumulates of integers a second, by the instruction of WebAssembly. */
export interface IntegerRates {
  /** `i32x4.dot_i16x8_s`, and an addition. */
  readonly pairs: number;
  /** `i32x4.relaxed_dot_i8x16_i7x16_add_s`; absent if the engine does not run it. */
  readonly fours?: number;
}

/** The greatest rate of products of integers. */
export function integerRate({ pairs, fours = 0 }: IntegerRates): number {
  return Math.max(pairs, fours);
}

/** How fast a number of bytes is read and written repeatedly; a small number comes from a cache. */
export interface Bandwidth {
  readonly bytes: number;
  readonly bytesPerSecond: number;
}

/**
 * The greatest bandwidth for a number of bytes: that of the next larger arrays, because smaller ones are in the same cache or in a faster
 * one.
 */
export function bandwidthFor({ bandwidths }: Roofline, bytes: number): Bandwidth {
  return (
    bandwidths.find((one) => bytes <= one.bytes) ?? bandwidths.at(-1) ?? bug("no bandwidth was measured")
  );
}

/** How much the kernels compute; tests use small sizes. */
export interface RooflineSize {
  /** Multiply-accumulates of a launch. */
  readonly macs: number;
  /** Elements of each of three arrays, the largest. */
  readonly elements: number;
  /** The least time for which each kernel is run, so that the engine compiles it well and the machine is quiet at least once. */
  readonly milliseconds: number;
}

const leastRuns = 3;

/**
 * Divisors of the largest size, for the sizes that are measured: of 96 MiB, these give 192 KiB, 1.5 MiB and 12 MiB as well, one size for
 * each outer cache of usual machines. A smaller size takes no longer than a tick of the clock.
 */
const shares = [512, 64, 8, 1];

/** The best of several launches of each kernel; of those of integers only if they are wanted. */
export async function measureRoofline(
  name: TargetName,
  threads: number,
  { hasIntegers = false, ...size }: Partial<RooflineSize> & { readonly hasIntegers?: boolean } = {},
): Promise<Roofline> {
  const { target } = targetOf(name);
  const { macs = target.denseMacs / 500, elements = 2 ** 23, milliseconds = 500 } = size;
  const product = productProgram(name, macs, threads);
  const productMs = await bestOf(product, await loaded(product, name, { threads }), milliseconds);
  const bandwidths: Bandwidth[] = [];
  for (const share of shares) {
    const stream = streamProgram(name, Math.ceil(elements / share), threads);
    const net = await loaded(stream, name, { threads });
    const streamMs = await bestOf(stream, net, milliseconds / shares.length);
    const bytes = streamBytes(stream);
    bandwidths.push({ bytes, bytesPerSecond: (1000 * bytes) / streamMs });
  }
  const integers =
    hasIntegers && target.integers && target.lanes > 1
      ? await integerRates(name, threads, 4 * macs, milliseconds)
      : undefined;
  return { macsPerSecond: rateOf(product, productMs), ...given({ integers }), bandwidths };
}

async function integerRates(
  name: TargetName,
  threads: number,
  macs: number,
  milliseconds: number,
): Promise<IntegerRates> {
  const pairs = dotProgram(name, macs, threads, "pairs");
  const pairsMs = await bestOf(pairs, await loaded(pairs, name, { threads, simd: "simd" }), milliseconds);
  const fours = dotProgram(name, macs, threads, "fours");
  // Rejects where the engine lacks the instruction, or computes it wrong.
  const net = await loaded(fours, name, { threads, simd: "relaxed" }).catch(() => undefined);
  return {
    pairs: rateOf(pairs, pairsMs),
    ...(net ? { fours: rateOf(fours, await bestOf(fours, net, milliseconds)) } : {}),
  };
}

/** Multiply-accumulates a second of a program's last launch. */
function rateOf({ launches }: KernelProgram, milliseconds: number): number {
  return (1000 * (launches.at(-1)?.macs ?? 0)) / milliseconds;
}

function loaded(
  program: KernelProgram,
  name: TargetName,
  options: { readonly threads: number; readonly simd?: "simd" | "relaxed" },
): Promise<Net> {
  const weights = runToEnd(placeWeights(program, { version }));
  return load(joinParts(targetOf(name).begin(program, { version }).finish(weights)), options);
}

/** The fewest milliseconds of a program's last launch. Disposes of the net. */
async function bestOf(program: KernelProgram, net: Net, milliseconds: number): Promise<number> {
  const inputs = Object.fromEntries(
    program.inputs.map(({ name: input, shape }) => [input, new Float32Array(shape[0] ?? 0).fill(0.5)]),
  );
  let best = Number.POSITIVE_INFINITY;
  const until = performance.now() + milliseconds;
  for (let run = 0; run < leastRuns || performance.now() < until; run += 1) {
    const times = new Float64Array(program.launches.length);
    await net.run(inputs, { times });
    // A clock may be too coarse for a small kernel.
    best = Math.min(best, Math.max(times.at(-1) ?? best, 1e-3));
  }
  net.dispose();
  return best;
}

/** The bytes that the stream's last kernel reads and writes. */
function streamBytes(program: KernelProgram): number {
  return 4 * arenaElements(program);
}
