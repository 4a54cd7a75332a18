// The programs that measure a machine: products and streams of f32, and dot products of integers.

import { bug } from "#diagnostic/diagnostic.js";
import type { TargetName } from "#ir/target.js";
import { bytesOf } from "#ir/target.js";
import {
  addIntegers,
  dotPairs,
  dotFours,
  integers,
  loadIntegers,
  toFloats,
} from "#kernel/ir/integer-vecs.js";
import { address, addInt, f32, load as read, madd, mulInt } from "#kernel/ir/expressions.js";
import { KernelBuilder } from "#kernel/ir/build.js";
import type { Kernel, KernelProgram, Launch, Value } from "#kernel/ir/ir.js";
import { plainRuns } from "#kernel/part/columns.js";
import { emitMatmul } from "#kernel/part/matmul.js";
import type { Build, Ref } from "#kernel/part/operands.js";
import { tiles } from "#kernel/part/tile.js";
import { targetOf } from "#compile/targets.js";

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

/**
 * Adds dot products of integers, of pairs or of fours. One factor of each is in a register, the other comes from the nearest cache, because an
 * engine could take products of registers out of the loop.
 */
export function dotProgram(
  name: TargetName,
  macs: number,
  threads: number,
  kind: keyof typeof dots,
): KernelProgram {
  const { lanes } = targetOf(name).target;
  const { type, element, perDot } = dots[kind];
  const blocks = 8 * threads;
  const repeats = Math.max(1, Math.round(macs / (blocks * dotExtent * dotFactors)));
  const words = (dotExtent * bytesOf(element)) / 4;
  const kernel = kernelOf("dots", lanes, blocks, (k) => {
    const x = k.parameter("x", { space: "arena", access: "read", element, extent: dotExtent }, at(0));
    const c = k.parameter("c", { space: "arena", access: "write", extent: blocks * lanes }, at(words));
    return (block) => {
      const factors = Array.from({ length: dotFactors }, (_, one) => k.let("a", integers(type, one + 1)));
      const sums = factors.map(() => k.let("sum", integers("i32x4", 0)));
      k.for("again", repeats, () => {
        const p = k.let("p", { kind: "const", type: "i32", value: 0 });
        k.for("step", dotExtent / perDot, () => {
          const b = k.let("b", loadIntegers(type, x, address(p)));
          for (const [index, sum] of sums.entries()) {
            const a = factors[index] ?? sum;
            k.set(sum, kind === "fours" ? dotFours(a, b, sum) : addIntegers(sum, dotPairs(a, b)));
          }
          k.step(p, perDot);
        });
      });
      const total = sums.reduce<Value>((sum, one) => addIntegers(sum, one), integers("i32x4", 0));
      k.store(c, address(mulInt(block, lanes)), toFloats(total));
    };
  });
  const done = blocks * repeats * dotExtent * dotFactors;
  // A module with a form for fours runs relaxed SIMD only where the engine's dot products of four are right.
  const made = kind === "fours" ? { ...kernel, kernel: { ...kernel.kernel, fours: kernel.kernel } } : kernel;
  return {
    ...programOf("dots", lanes, words + blocks * lanes, [made], done),
    inputs: [{ name: "x", arena: 0, element, shape: [dotExtent], offset: 0 }],
  };
}

const dots = {
  pairs: { type: "i16x8", element: "i16", perDot: 8 },
  fours: { type: "i8x16", element: "i8", perDot: 16 },
} as const;

/**
 * Elements that are read again and again, and how many factors and sums are in registers. On Zen 4 with Node 24, pairs reach 47.2 G MACs a second
 * with six, 46.8 with four and 20 with seven, which do not fit; fours 47.0, 46.4 and 45.9.
 */
const dotExtent = 2048;
const dotFactors = 6;

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
