// The roofline of this machine for a target: its peak rate of multiply-accumulates, and its bandwidth by the number of bytes that are read
// and written. Two kernels of our own measure it.

import type { TargetName } from "#ir/target.js";
import { bug } from "#diagnostic/diagnostic.js";
import { address, addInt, f32, load as read, madd, mulInt } from "#kernel/ir/build.js";
import { KernelBuilder } from "#kernel/ir/build.js";
import { plainRuns } from "#kernel/part/columns.js";
import type { Kernel, KernelProgram, Launch } from "#kernel/ir/ir.js";
import { emitMatmul } from "#kernel/part/matmul.js";
import type { Build, Ref } from "#kernel/part/operands.js";
import { tiles } from "#kernel/part/tile.js";
import { placeWeights } from "#backend/packed.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { arenaElements } from "#ir/arenas.js";
import { load } from "#compile/load.js";
import { targetOf } from "#compile/targets.js";
import { version } from "#compile/version.js";

/** Williams, Waterman and Patterson 2009 (https://doi.org/10.1145/1498765.1498785): no kernel is faster than both allow. */
export interface Roofline {
  /** Multiply-accumulates a second that a register-tiled product reaches on data in the nearest cache. */
  readonly macsPerSecond: number;
  /** What `a + s·b` reaches, from the smallest arrays to those larger than any cache. */
  readonly bandwidths: readonly Bandwidth[];
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

/** The best of several launches of each kernel. */
export async function measureRoofline(
  name: TargetName,
  threads: number,
  size: Partial<RooflineSize> = {},
): Promise<Roofline> {
  const { target } = targetOf(name);
  const { macs = target.denseMacs / 500, elements = 2 ** 23, milliseconds = 500 } = size;
  const product = productProgram(name, macs, threads);
  const productMs = await bestOf(product, name, threads, milliseconds);
  const bandwidths: Bandwidth[] = [];
  for (const share of shares) {
    const stream = streamProgram(name, Math.ceil(elements / share), threads);
    const streamMs = await bestOf(stream, name, threads, milliseconds / shares.length);
    const bytes = bytesOf(stream);
    bandwidths.push({ bytes, bytesPerSecond: (1000 * bytes) / streamMs });
  }
  return { macsPerSecond: (1000 * (product.launches.at(-1)?.macs ?? 0)) / productMs, bandwidths };
}

/** The fewest milliseconds of a program's last launch. */
async function bestOf(
  program: KernelProgram,
  name: TargetName,
  threads: number,
  milliseconds: number,
): Promise<number> {
  const weights = runToEnd(placeWeights(program, { version }));
  const artifact = targetOf(name).begin(program, { version }).finish(weights);
  const net = await load(artifact, { threads });
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

/** Computes some tiles of the target repeatedly, from operands of 12 KiB in all. */
export function productProgram(name: TargetName, macs: number, threads: number): KernelProgram {
  const { lanes } = targetOf(name).target;
  const tile = tiles[name];
  const [rows, columns, depth] = [4 * tile.rows, 4 * tile.columns, 64];
  const blocks = threads === 1 ? 1 : 8 * threads;
  const repeats = Math.max(1, Math.round(macs / (blocks * rows * columns * depth)));
  const offsets = { a: 0, b: rows * depth, c: (rows + columns) * depth };
  const kernel = kernelOf("product", lanes, blocks, (k) => {
    const a = k.parameter("a", { space: "arena", access: "read", extent: rows * depth }, at(offsets.a));
    const b = k.parameter("b", { space: "arena", access: "read", extent: columns * depth }, at(offsets.b));
    const c = k.parameter(
      "c",
      { space: "arena", access: "write", extent: blocks * rows * columns },
      at(offsets.c),
    );
    return (block) =>
      k.for("again", repeats, () =>
        emitMatmul(k, tile, {
          lines: 1,
          rows,
          runs: plainRuns({ place: a, stride: depth }, depth, (row) => mulInt(row, depth)),
          columns: { place: b, start: 0, depth, count: columns, wide: true },
          finish: (sum, _line, row, column) =>
            k.store(c, address(addInt(mulInt(block, rows * columns), mulInt(row, columns), column)), sum),
        }),
      );
  });
  const arena = offsets.c + blocks * rows * columns;
  const inputs = [
    { name: "a", arena: 0, shape: [rows * depth], offset: offsets.a },
    { name: "b", arena: 0, shape: [columns * depth], offset: offsets.b },
  ];
  return {
    ...programOf("product", lanes, arena, [kernel], blocks * repeats * rows * columns * depth),
    inputs,
  };
}

/** Writes both operands first, because pages that were never written all map to one page; then c = a + s·b. */
export function streamProgram(name: TargetName, elements: number, threads: number): KernelProgram {
  const { lanes } = targetOf(name).target;
  const blocks = 8 * threads;
  const unroll = 4 * lanes;
  const own = Math.ceil(elements / blocks / unroll) * unroll;
  const extent = own * blocks;
  const places = { a: 0, b: extent, c: 2 * extent };
  const width = lanes > 1 ? "vec" : "f32";
  const overAll = (
    k: Build,
    block: Parameters<typeof mulInt>[0],
    body: (p: ReturnType<Build["let"]>) => void,
  ): void => {
    const first = mulInt(block, own);
    const p = k.let("p", typeof first === "number" ? bug("a stream in one block") : first);
    k.for("i", own / unroll, () => {
      body(p);
      k.step(p, unroll);
    });
  };
  const eachVec = Array.from({ length: 4 }, (_, at) => at * lanes);
  const fill = kernelOf("fill", lanes, blocks, (k) => {
    const a = k.parameter("a", { space: "arena", access: "write", extent }, at(places.a));
    const b = k.parameter("b", { space: "arena", access: "write", extent }, at(places.b));
    const value = (): ReturnType<typeof f32> =>
      lanes > 1 ? { kind: "splat", type: "vec", x: f32(0.5) } : f32(0.5);
    return (block) =>
      overAll(k, block, (p) => {
        for (const offset of eachVec) for (const place of [a, b]) k.store(place, address(p, offset), value());
      });
  });
  const triad = kernelOf("triad", lanes, blocks, (k) => {
    const a = k.parameter("a", { space: "arena", access: "read", extent }, at(places.a));
    const b = k.parameter("b", { space: "arena", access: "read", extent }, at(places.b));
    const c = k.parameter("c", { space: "arena", access: "write", extent }, at(places.c));
    return (block) =>
      overAll(k, block, (p) => {
        for (const offset of eachVec) {
          const sum = madd(f32(0.25), read(b, address(p, offset), width), read(a, address(p, offset), width));
          k.store(c, address(p, offset), sum);
        }
      });
  });
  return programOf("stream", lanes, 3 * extent, [fill, triad], extent);
}

/** The bytes that the stream's last kernel reads and writes. */
function bytesOf(program: KernelProgram): number {
  return 4 * arenaElements(program);
}

interface Made {
  readonly kernel: Kernel;
  readonly offsets: readonly number[];
}

function kernelOf(
  name: string,
  lanes: number,
  blocks: number,
  body: (k: Build) => (block: Parameters<typeof mulInt>[0]) => void,
): Made {
  const k: Build = new KernelBuilder<Ref>({ lanes, team: 1 });
  const { kernel, sources } = k.finish(name, { blocks, write: body(k) });
  return { kernel, offsets: sources.map((source) => (source.kind === "view" ? source.offset : 0)) };
}

function programOf(
  name: string,
  lanes: number,
  arena: number,
  made: readonly Made[],
  macs: number,
): KernelProgram {
  const launches = made.map(({ offsets, kernel }, at): Launch => ({
    kernel: at,
    offsets,
    memories: offsets.map(() => 0),
    label: kernel.name,
    nodes: [kernel.name],
    macs,
  }));
  return {
    name,
    lanes,
    kernels: made.map(({ kernel }) => kernel),
    setup: [],
    launches,
    weights: [],
    prepared: 0,
    table: [],
    arenas: [{ kind: "vecs", elements: arena }],
    weightParts: [0],
    scratch: 0,
    inputs: [],
    outputs: [],
  };
}

function at(offset: number): Ref {
  return { kind: "view", arena: 0, offset };
}
