// Long sums: terms are added up in blocks, and then the blocks, so that no term passes many roundings.
//
// A sum of K terms one after another is off by up to K·2⁻²⁴·Σ|terms|, and by a third of that if all terms are equal. In blocks of b terms,
// a term passes at most b + K/b roundings (Higham 2002, "Accuracy and Stability of Numerical Algorithms", §4.2), which is least, 2·√K, for
// b = √K. The tolerance of results (`src/interpret/tolerance.ts`) is (16 + 8·√K)·2⁻²⁴.

import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, binary, compare, f32, int, load, mulInt, widen } from "../ir/expressions.js";
import type { Place, Register } from "../ir/ir.js";
import type { Build } from "./operands.js";
import { blockSize } from "./tile.js";

/** A loop of a nest, outermost first. */
export interface Level {
  readonly name: string;
  readonly count: number;
  /** Emits the code of each iteration before and around the inner loops; by default, only those. */
  readonly around?: (inner: () => void, ...at: Int[]) => void;
}

/** The blocks of a product are longer than √K: its loops are short and read memory in order, and every block costs a start. */
export const productBlock = 256;

/** The roundings that a term of a sum of K terms may pass: what the tolerance allows, less 8 for what comes before and after the sum. */
export function mostRoundings(terms: number): number {
  return 8 * Math.sqrt(terms) + 8;
}

/**
 * How a nest of loops that adds a term in each iteration is divided: the iterations of the loop at `level` that make a block, with all of
 * the loops inside it. Undefined if the terms are so few that they may be added one after another. A term then passes at most
 * `mostRoundings`. Blocks have about `wanted` terms, if that is allowed; √K by default.
 */
export function blocksOf(
  counts: readonly number[],
  wanted = 0,
): { readonly level: number; readonly rounds: number } | undefined {
  const terms = counts.reduce((product, count) => product * count, 1);
  const most = mostRoundings(terms);
  if (terms <= most) return undefined;
  let longest = Math.floor(most);
  while (longest + 2 * Math.ceil(terms / longest) > most) longest -= 1;
  const block = Math.min(longest, Math.max(wanted, Math.ceil(Math.sqrt(terms))));
  let inside = 1;
  let level = counts.length - 1;
  for (; level > 0 && inside * (counts[level] ?? 1) <= block; level -= 1) inside *= counts[level] ?? 1;
  const count = counts[level] ?? 1;
  const limit = Math.max(1, Math.floor(block / inside));
  const even = blockSize(count, limit);
  // Remaining iterations cost a condition, or separate code, so more blocks whose size is a divisor are preferred.
  return { level, rounds: even * 2 >= limit ? even : Math.ceil(count / Math.ceil(count / limit)) };
}

/**
 * A nest of loops that adds one term in each iteration to each of some registers, in blocks if there are many terms. `add` gets the
 * registers to add to. On targets whose registers hold float64 there are no blocks.
 */
export function sumLoops(
  k: Build,
  sums: readonly Register[],
  levels: readonly Level[],
  add: (sums: readonly Register[], ...at: Int[]) => void,
  wanted?: number,
): void {
  const cut = k.sumsInBlocks && sums.length > 0 ? blocksOf(countsOf(levels), wanted) : undefined;
  /** The loops from one level to another, and `inner` inside them. */
  const nest = (from: number, to: number, at: readonly Int[], inner: (at: readonly Int[]) => void): void => {
    const level = levels[from];
    if (!level || from === to) return inner(at);
    k.for(level.name, level.count, (index) => round(from, to, [...at, index], inner));
  };
  const round = (from: number, to: number, at: readonly Int[], inner: (at: readonly Int[]) => void): void => {
    const { around = (body: () => void) => body() } = levels[from] ?? {};
    around(() => nest(from + 1, to, at, inner), ...at);
  };
  if (!cut) return nest(0, levels.length, [], (at) => add(sums, ...at));

  const { level, rounds } = cut;
  const { name = "i", count = 1 } = levels[level] ?? {};
  const zero = (sum: Register) => widen(f32(0), widthOf(sum));
  // While a block is added up, the sums wait. The sums of a product's tile fill the registers of a CPU: then they wait in scratch, and the
  // block is added up in their registers. V8 takes up to 20% longer if they wait in registers that it spills itself.
  const waits = sums.length > k.waitingSums;
  const base = waits ? k.sharedScratch(sums.length * k.lanes) : 0;
  const place = (at: number) => address(base + at * k.lanes);
  const begin = (): readonly Register[] => {
    if (!waits) return sums.map((sum) => k.let("part", zero(sum)));
    for (const [at, sum] of sums.entries()) k.store(scratch, place(at), sum);
    for (const sum of sums) k.set(sum, zero(sum));
    return sums;
  };
  const end = (parts: readonly Register[]): void => {
    for (const [at, sum] of sums.entries())
      k.set(sum, binary("add", sum, waits ? load(scratch, place(at), widthOf(sum)) : (parts[at] ?? f32(0))));
  };
  const whole = (at: readonly Int[], into: readonly Register[]): void =>
    round(level, levels.length, at, (all) => add(into, ...all));
  const block = (before: readonly Int[], first: Int, length: number): void => {
    const parts = begin();
    k.for(name, length, (index) => whole([...before, addInt(first, index)], parts));
    end(parts);
  };
  nest(0, level, [], (before) => {
    const rest = count % rounds;
    if (rest > 0 && level < levels.length - 1) return uneven(before);
    k.for("block", (count - rest) / rounds, (index) => block(before, mulInt(index, rounds), rounds));
    if (rest > 0) block(before, count - rest, rest);
  });
  /** Loops inside are written once: a block begins where its number says so, and the first block is shorter. */
  function uneven(before: readonly Int[]): void {
    const parts = begin();
    k.for(name, count, (index) => {
      whole([...before, index], parts);
      const isLast = compare("eq", int("rem", addInt(index, rounds - (count % rounds)), rounds), rounds - 1);
      k.guard(isLast, () => {
        end(parts);
        if (waits) begin();
        else for (const part of parts) k.set(part, zero(part));
      });
    });
    if (waits) end(parts);
  }
}

const scratch: Place = { kind: "scratch" };
const widthOf = (sum: Register): Width => (sum.type === "vec" ? "vec" : "f32");
const countsOf = (levels: readonly Level[]): number[] => levels.map(({ count }) => count);
