// Folds: sums, greatest, least and products of elements, in registers.

import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, binary, f32, laneOf, load, mulInt, widen } from "../ir/expressions.js";
import type { FloatBinary, Register, Value } from "../ir/ir.js";
import type { Build, Operand } from "./operands.js";
import type { Level } from "./sums.js";
import { sumLoops } from "./sums.js";

export type Reduction = "sum" | "mean" | "max" | "min" | "prod";

export const starts: Readonly<Record<Reduction, number>> = {
  sum: 0,
  mean: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
  prod: 1,
};

export const folds = {
  sum: "add",
  mean: "add",
  max: "max",
  min: "min",
  prod: "mul",
} as const satisfies Record<Reduction, FloatBinary>;

/** Folds the values of `read` in a nest of loops into a register; a long sum is added up in blocks. */
export function foldLoops(
  k: Build,
  fold: FloatBinary,
  result: Register,
  levels: readonly Level[],
  read: (...at: Int[]) => Value,
): void {
  if (fold !== "add")
    return sumLoops(k, [], levels, (_, ...at) => k.set(result, binary(fold, result, read(...at))));
  sumLoops(k, [result], levels, ([sum = result], ...at) => k.set(sum, binary("add", sum, read(...at))));
}

/** Lines of channels, and the start of each. */
export interface Lines {
  readonly depth: number;
  /** Whether all begin at multiples of the lanes. */
  readonly wide: boolean;
  readonly levels: readonly Level[];
  readonly at: (index: readonly Int[]) => Int;
}

/** Folds the channels of some lines: first as vecs, then across the lanes; remaining channels one by one. */
export function foldLines(
  k: Build,
  { depth, wide, levels, at }: Lines,
  fold: FloatBinary,
  start: number,
  read: (at: Int, size: Width) => Value,
): Register {
  const result = k.let(fold === "add" ? "total" : "most", f32(start));
  const vecs = wide && k.lanes > 1 ? Math.floor(depth / k.lanes) : 0;
  const foldChannels = (first: number, count: number, step: number, into: Register): void => {
    let from: Int = levels.length === 0 ? at([]) : 0;
    const inLine = (inner: () => void, ...index: Int[]): void => {
      from = k.letInt("from", at(index));
      inner();
    };
    const around = levels.map((level, depth) =>
      depth === levels.length - 1 ? { ...level, around: inLine } : level,
    );
    foldLoops(k, fold, into, [...around, { name: "c", count }], (...index) => {
      const last = index.at(-1) ?? 0;
      const channel = step > 1 ? k.letInt("c", mulInt(last, step)) : last;
      return read(addInt(from, channel, first), step > 1 ? "vec" : "f32");
    });
  };
  if (vecs > 0) {
    const lanes = k.let("lanes", widen(f32(start), "vec"));
    foldChannels(0, vecs, k.lanes, lanes);
    for (let lane = 0; lane < k.lanes; lane += 1) k.set(result, binary(fold, result, laneOf(lanes, lane)));
  }
  const done = vecs * k.lanes;
  if (done < depth) foldChannels(done, depth - done, 1, result);
  return result;
}

/** One line; `start` is its first element. */
export const oneLine = (depth: number, wide: boolean, start: Int): Lines => ({
  depth,
  wide,
  levels: [],
  at: () => start,
});

/** Folds neighbouring channels (or vecs of them) of all pixels from `q` on, each into a separate register. */
export function foldPixels(
  k: Build,
  kind: "mean" | "max",
  registers: readonly Register[],
  q: Register,
  x: Operand,
  pixels: number,
): void {
  const add = (into: readonly Register[]): void => {
    for (const [at, register] of into.entries()) {
      const size = register.type === "vec" ? "vec" : "f32";
      const offset = at * (size === "vec" ? k.lanes : 1);
      k.set(register, binary(folds[kind], register, load(x.place, address(q, offset), size)));
    }
    k.step(q, x.stride);
  };
  const levels = [{ name: "i", count: pixels }];
  if (kind === "mean") sumLoops(k, registers, levels, add);
  else sumLoops(k, [], levels, () => add(registers));
}
