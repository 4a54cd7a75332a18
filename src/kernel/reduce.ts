// Reductions, global pools and softmax.

import { channels, elements } from "#ir/type.js";
import type { Int, Width } from "./build.js";
import { address, addInt, binary, f32, i32, int, laneOf, load, mulInt, unary, widen } from "./build.js";
import type { Source } from "#schedule/schedule.js";
import type { Body } from "./body.js";
import { weightColumns } from "./convolution.js";
import type { FloatBinary, Place, Register, Value } from "./ir.js";
import { mapBody } from "./map.js";
import type { Build, Operand } from "./operands.js";
import { stridesOf } from "./operands.js";
import type { Steps } from "./steps.js";
import { noSteps, storeResult } from "./steps.js";
import type { Level } from "./sums.js";
import { sumLoops } from "./sums.js";
import type { TeamProduct } from "./team.js";
import {
  eachVector,
  eachVectorOfGrid,
  emitTeamProduct,
  flatItems,
  plainRow,
  productItems,
  teamBlocks,
  vectorItems,
} from "./team.js";
import type { Tile } from "./tile.js";
import { largeBlockSize } from "./tile.js";

export type Reduction = "sum" | "mean" | "max" | "min" | "prod";

const starts: Readonly<Record<Reduction, number>> = {
  sum: 0,
  mean: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
  prod: 1,
};

const folds = { sum: "add", mean: "add", max: "max", min: "min", prod: "mul" } as const satisfies Record<
  Reduction,
  FloatBinary
>;

/** Folds x over `axes`; the result has those axes as 1 or not at all. */
export function reduceBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  reduction: { readonly kind: Reduction; readonly axes: readonly number[] },
  epilogue: Steps,
): Body {
  const { kind, axes } = reduction;
  const strides = stridesOf(x.shape, x.stride);
  const last = x.shape.length - 1;
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const keepsAxes = y.shape.length === x.shape.length;
  const outer = axes.filter((axis) => axis !== last);
  const count = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  const scale = (value: Value): Value => (kind === "mean" ? binary("div", value, f32(count)) : value);
  return mapBody(k, tile, y, epilogue, {
    wide: x.wide && !axes.includes(last),
    element: (index, _pixel, width) => {
      const base = k.letInt(
        "base",
        addInt(...kept.map((axis, at) => mulInt(index[keepsAxes ? axis : at] ?? 0, strides[axis] ?? 0))),
      );
      const levels = outer.map((axis) => ({ name: `r${axis}`, count: x.shape[axis] ?? 1 }));
      const lineAt = (at: readonly Int[]): Int =>
        addInt(base, ...at.map((one, which) => mulInt(one, strides[outer[which] ?? 0] ?? 0)));
      const fold = folds[kind];
      if (axes.includes(last)) {
        const lines = { depth: channels(x.shape), wide: x.wide, levels, at: lineAt };
        return scale(foldLines(k, lines, fold, starts[kind], (at, size) => load(x.place, address(at), size)));
      }
      const result = k.let("v", widen(f32(starts[kind]), width));
      foldLoops(k, fold, result, levels, (...at) => load(x.place, address(lineAt(at)), width));
      return scale(result);
    },
  });
}

/** Folds what `read` gives in each round of a nest of loops into a register: a sum in blocks, where it is long. */
function foldLoops(
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

/** Lines of channels, and where each begins. */
export interface Lines {
  readonly depth: number;
  /** Whether all begin at multiples of the lanes. */
  readonly wide: boolean;
  readonly levels: readonly Level[];
  readonly at: (index: readonly Int[]) => Int;
}

/** Folds the channels of some lines: as vecs first, then across the lanes; channels that fill no vec on their own. */
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

/** One line, of which `start` is the first element. */
export const oneLine = (depth: number, wide: boolean, start: Int): Lines => ({
  depth,
  wide,
  levels: [],
  at: () => start,
});

/** Channel vectors (or channels) of a global pool that are summed side by side, so that pixels are read in runs. */
const poolWidth = 4;

/** Folds neighbouring channels (or vecs of them) of all pixels from `q` on, each into a register of its own. */
function foldPixels(
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

/** The mean or maximum over height and width: a few channels at a time, their sums in registers. */
export function globalPoolBody(
  k: Build,
  x: Operand,
  y: Operand,
  kind: "mean" | "max",
  epilogue: Steps,
): Body {
  const pixels = (x.shape[1] ?? 1) * (x.shape[2] ?? 1);
  const depth = channels(x.shape);
  const groups = x.wide ? Math.floor(depth / k.lanes) : 0;
  const vecs = k.lanes > 1 ? groups : 0;
  if (k.team > 1) {
    const samples = x.shape[0] ?? 1;
    return {
      blocks: teamBlocks(k, vectorItems(k, samples, depth, x.wide)),
      write: (block) =>
        eachVectorOfGrid(k, block, { depth, wide: x.wide, pixels: samples }, (sample, channel, size) => {
          const sum = k.let("sum", widen(f32(starts[kind]), size));
          const q = k.let("q", i32(addInt(mulInt(sample, pixels * x.stride), channel)));
          foldPixels(k, kind, [sum], q, x, pixels);
          const value = kind === "max" ? sum : binary("div", sum, f32(pixels));
          storeResult(k, y, value, { pixel: sample, channel }, epilogue);
        }),
    };
  }
  return {
    blocks: x.shape[0] ?? 1,
    write: (block) => {
      const start = k.letInt("p", mulInt(block, pixels * x.stride));
      const pool = (first: number, count: number, size: Width): void => {
        const lanes = size === "vec" ? k.lanes : 1;
        const together = (name: string, from: number, times: number, width: number): void =>
          k.items([name], [times], (index = 0) => {
            const channel = k.letInt("c", addInt(mulInt(index, width * lanes), from));
            const sums = Array.from({ length: width }, () => k.let("sum", widen(f32(starts[kind]), size)));
            const q = k.let("q", i32(addInt(start, channel)));
            foldPixels(k, kind, sums, q, x, pixels);
            for (const [at, sum] of sums.entries()) {
              const value = kind === "max" ? sum : binary("div", sum, f32(pixels));
              const position = { pixel: block, channel: addInt(channel, at * lanes) };
              storeResult(k, y, value, position, epilogue);
            }
          });
        const full = Math.floor(count / poolWidth);
        together("group", first, full, poolWidth);
        const rest = count - full * poolWidth;
        if (rest > 0) together("group", first + full * poolWidth * lanes, 1, rest);
      };
      pool(0, vecs, "vec");
      pool(vecs * k.lanes, depth - vecs * k.lanes, "f32");
    },
  };
}

/** The mean or maximum over height and width, and a dense layer on it: every block pools a sample, and makes a part of its results. */
export function pooledDenseBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  of: {
    readonly kind: "mean" | "max";
    readonly between: Steps;
    readonly weight: Source;
    readonly epilogue: Steps;
  },
): Body {
  const { kind, between, weight, epilogue } = of;
  const samples = x.shape[0] ?? 1;
  const pixels = (x.shape[1] ?? 1) * (x.shape[2] ?? 1);
  const depth = channels(x.shape);
  const scratch: Place = { kind: "scratch" };
  const columns = weightColumns(k, tile, weight, { depth, columns: channels(y.shape) })(0);
  const product = (sample: Int, base: number): TeamProduct => ({
    rows: 1,
    counts: [],
    length: depth,
    row: plainRow(k, { place: scratch, stride: depth }, base),
    columns,
    finish: (sum, _row, column) => storeResult(k, y, sum, { pixel: sample, channel: column }, epilogue),
  });
  const parts = teamBlocks(k, productItems(k, tile, product(0, 0)));
  const wide = x.wide && between.wide;
  return {
    blocks: samples * parts,
    write: (block) => {
      const base = k.scratch(depth);
      const sample = k.letInt("sample", int("div", block, parts));
      const part = k.letInt("part", int("rem", block, parts));
      const start = k.letInt("p", mulInt(sample, pixels * x.stride));
      const items = (count: number, body: (item: Int) => void): void =>
        k.items(["item"], [count], (item = 0) => body(item));
      eachVector(k, { depth, wide, pixels: 1, items }, (_pixel, channel, size) => {
        const sum = k.let("sum", widen(f32(starts[kind]), size));
        const q = k.let("q", i32(addInt(start, channel)));
        foldPixels(k, kind, [sum], q, x, pixels);
        const value = kind === "max" ? sum : binary("div", sum, f32(pixels));
        k.store(scratch, address(addInt(channel, base)), between.apply(value, { pixel: sample, channel }));
      });
      emitTeamProduct(k, tile, product(sample, base), (count, body) => flatItems(k, part, count, body));
    },
  };
}

/** Softmax along an axis: the greatest value, the powers and their sum, the quotients. `y` is read back. */
export function softmaxBody(k: Build, tile: Tile, x: Operand, y: Operand, axis: number): Body {
  const last = x.shape.length - 1;
  return axis === last ? channelSoftmax(k, tile, x, y) : axisSoftmax(k, tile, x, y, axis);
}

function channelSoftmax(k: Build, tile: Tile, x: Operand, y: Operand): Body {
  const depth = channels(x.shape);
  const rows = elements(x.shape) / depth;
  const size = largeBlockSize(rows, Math.max(1, Math.ceil(tile.blockVectors / depth)));
  // Powers cost far more than copies: a row that cannot be computed in vecs where it lies is computed in scratch.
  const isCopied = k.team === 1 && k.lanes > 1 && depth >= k.lanes && !(x.wide && y.wide);
  return {
    blocks: rows / size,
    write: (block) => {
      const copy: Row = { place: { kind: "scratch" }, start: isCopied ? k.scratch(depth) : 0, wide: true };
      k.items(["row"], [size], (index = 0) => {
        const row = k.letInt("row", addInt(mulInt(block, size), index));
        const from: Row = { place: x.place, start: k.letInt("p", mulInt(row, x.stride)), wide: x.wide };
        const to: Row = { place: y.place, start: k.letInt("q", mulInt(row, y.stride)), wide: y.wide };
        if (isCopied && !x.wide) copyRow(k, depth, from, copy, (value) => value);
        const source = isCopied && !x.wide ? copy : from;
        const powers = isCopied ? copy : to;
        const most = foldRow(k, depth, source, "max", Number.NEGATIVE_INFINITY);
        copyRow(k, depth, source, powers, (value) => unary("exp", binary("sub", value, most)));
        const total = foldRow(k, depth, powers, "add", 0);
        if (powers.wide && !to.wide)
          copyRow(k, depth, powers, powers, (value) => binary("div", value, total));
        copyRow(k, depth, powers, to, (value) =>
          powers.wide && !to.wide ? value : binary("div", value, total),
        );
      });
    },
  };
}

/** The channels of one pixel. */
interface Row {
  readonly place: Place;
  readonly start: Int;
  /** Whether it begins at a multiple of the lanes. */
  readonly wide: boolean;
}

/** `to = change(from)` for each channel, which may be the same row. */
function copyRow(k: Build, depth: number, from: Row, to: Row, change: (value: Value) => Value): void {
  k.channels("c", depth, from.wide && to.wide, (c, width) =>
    k.store(
      to.place,
      address(addInt(to.start, c)),
      change(load(from.place, address(addInt(from.start, c)), width)),
    ),
  );
}

/** The sum or the greatest of the channels of a row. */
function foldRow(k: Build, depth: number, row: Row, fold: FloatBinary, start: number): Register {
  return foldLines(k, oneLine(depth, row.wide, row.start), fold, start, (at, width) =>
    load(row.place, address(at), width),
  );
}

/** Along another axis, the channels of a vec are softmaxes side by side. */
function axisSoftmax(k: Build, tile: Tile, x: Operand, y: Operand, axis: number): Body {
  const one = { ...y, shape: y.shape.map((extent, at) => (at === axis ? 1 : extent)) };
  const count = x.shape[axis] ?? 1;
  const [step, stepOut] = [x, y].map((operand) => stridesOf(operand.shape, operand.stride)[axis] ?? 0);
  const start = (operand: Operand, index: readonly Int[]): Int => {
    const strides = stridesOf(operand.shape, operand.stride);
    return addInt(...index.map((at, which) => mulInt(at, strides[which] ?? 0)));
  };
  return mapBody(k, tile, one, noSteps, {
    wide: x.wide,
    element: (index, _pixel, width) => {
      const [from, to] = [k.letInt("p", start(x, index)), k.letInt("q", start(y, index))];
      const read = (j: Int): Value => load(x.place, address(addInt(from, mulInt(j, step ?? 0))), width);
      const result = (j: Int) => address(addInt(to, mulInt(j, stepOut ?? 0)));
      const most = k.let("most", widen(f32(Number.NEGATIVE_INFINITY), width));
      k.for("j", count, (j) => k.set(most, binary("max", most, read(j))));
      const total = k.let("total", widen(f32(0), width));
      sumLoops(k, [total], [{ name: "j", count }], ([sum = total], j = 0) => {
        const power = k.let("power", unary("exp", binary("sub", read(j), most)));
        k.store(y.place, result(j), power);
        k.set(sum, binary("add", sum, power));
      });
      return total;
    },
    store: (total, index) => {
      const to = k.letInt("q", start(y, index));
      const width = total.type === "vec" ? "vec" : "f32";
      k.for("j", count, (j) => {
        const at = address(addInt(to, mulInt(j, stepOut ?? 0)));
        k.store(y.place, at, binary("div", load(y.place, at, width), total));
      });
    },
  });
}
