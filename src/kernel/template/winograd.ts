// Winograd convolution: 3×3 windows with stride 1, in tiles of 2×2 or 4×4 results.
//
// Lavin and Gray 2015 (arXiv 1509.09308): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. A tile of m×m results takes (m+2)² multiplications per
// pair of channels where the direct sum takes 9m²; over all channels these are (m+2)² products of matrices.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { WeightId } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { WinogradSize } from "#schedule/schedule.js";
import type { Int, Width } from "../ir/build.js";
import { address, addInt, binary, compare, f32, int, load, madd, mulInt } from "../ir/build.js";
import type { Body } from "../ir/body.js";
import { plainRuns } from "../part/columns.js";
import type { Place, Value } from "../ir/ir.js";
import { columnParts, eachPanel, emitMatmul } from "../part/matmul.js";
import type { Build, Operand, PreparedRef } from "../part/operands.js";
import { preparedParameter, weightParameter } from "../part/operands.js";
import { plainPacking } from "../part/pack.js";
import { storeResult } from "../part/steps.js";
import type { WindowSpec } from "../part/strip.js";
import { makeStrip, splitRow } from "../part/strip.js";
import type { Tile } from "../part/tile.js";
import { mostThreads } from "../part/tile.js";
import type { Context } from "./context.js";
import { biasedEpilogueOf, portsOf, sourceOf, stageOf, windowOf } from "./context.js";

/**
 * The interpolation points p other than 0 and ∞; each entry means p and −p. With √½ and √2 in place of the usual 1 and 2, the rounding
 * errors of 4×4 tiles are about a third (pairs p, 1/p as in Alam et al. 2022, arXiv 2201.10369).
 */
const points: Readonly<Record<WinogradSize, readonly number[]>> = { 2: [1], 4: [Math.SQRT1_2, Math.SQRT2] };

/** The number of products per tile. */
function productsOf(size: WinogradSize): number {
  return (size + 2) ** 2;
}

/** Elements from one matrix of transformed weights to the next. Each begins at a multiple of four, the largest number of lanes. */
function matrixElements(depth: number, columns: number): number {
  return Math.ceil((depth * columns) / 4) * 4;
}

/** How the tiles of a sample are divided among blocks. */
interface Division {
  readonly across: number;
  /** Rows of tiles in a block, and the number of blocks. The last block may compute a few rows that do not exist. */
  readonly rows: number;
  readonly blocks: number;
}

/** The multiplications that take as long as reading one element that is not in a near cache (50 GFLOP/s, 25 GB/s). */
const macsPerElement = 4;

function divisionOf(tile: Tile, size: WinogradSize, y: Operand, depth: number): Division {
  const [, height = 1, width = 1, columns = 1] = y.shape;
  const [down, across] = [Math.ceil(height / size), Math.ceil(width / size)];
  const products = productsOf(size);
  // Each block reads all weights; its intermediate values stay in its core's cache, or go to a larger one and come back.
  const cost = (blocks: number): number => {
    const rows = Math.ceil(down / blocks);
    const scratch = rows * across * products * (depth + columns);
    if (scratch > 8 * tile.winogradScratch && rows > 1) return Number.POSITIVE_INFINITY;
    const spilled = scratch > tile.winogradScratch ? 2 * blocks * scratch : 0;
    const idle = (blocks * rows - down) * across * products * depth * columns;
    return blocks * products * depth * columns + spilled + idle / macsPerElement;
  };
  let blocks = down;
  for (let fewer = down - 1; fewer > 0; fewer -= 1) if (cost(fewer) < cost(blocks)) blocks = fewer;
  const rows = Math.ceil(down / blocks);
  return { across, rows, blocks: Math.ceil(down / rows) };
}

/**
 * The convolution with a weight that is transformed when the module is loaded. A block copies its strip of the input with the border,
 * transforms it, multiplies, and transforms the products back.
 */
export function winogradBody(c: Context): Body {
  const { k, tile } = c;
  const { x, y, prologue } = portsOf(c);
  const of = stageOf(c, 0, "conv2d");
  const epilogue = biasedEpilogueOf(c, of.stage);
  const source = sourceOf(of.stage, 1);
  const weight = source.kind === "weight" ? source.weight : bug(`${of.node.name} has no constant weights`);
  const size = c.group.plan.winograd || bug(`${of.node.name} has no size of tiles`);
  const { padding } = windowOf(of);
  const [samples = 1, height = 1, width = 1, columns = 1] = y.shape;
  const depth = channels(x.shape);
  const { across, rows, blocks: perSample } = divisionOf(tile, size, y, depth);
  const down = perSample * rows;
  const [top, bottom, left, right] = padding;
  // The result is extended to whole tiles, and to equal blocks of them.
  const window: WindowSpec = {
    kernel: [3, 3],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [top, bottom + down * size - height, left, right + across * size - width],
  };
  const tiles = rows * across;
  const scratch: Place = { kind: "scratch" };
  const products = productsOf(size);
  const wideColumns = k.roundUp(columns);
  const wideDepth = k.roundUp(depth);
  // A gap between the matrices, so that they do not all begin in the same cache lines.
  const gap = 16;
  const [inputStep, productStep] = [tiles * wideDepth + gap, tiles * wideColumns + gap];
  const transformed: TransformedSpec = { weight, size, depth, columns };
  const b = {
    place: preparedParameter(k, "u", transformedWeights(transformed)),
    depth,
    count: columns,
    wide: true,
  };
  const blocks = samples * perSample;
  // Blocks that share tiles each transform them: 14×14×256 takes 2.24 ms in two parts, 2.38 in four and 2.44 in eight.
  const wanted = Math.min(Math.ceil(Math.min(tile.blocks, mostThreads) / blocks), Math.ceil(columns / 64));
  const parts = columnParts(k, tile, { ...b, start: 0 }, wanted);

  return {
    blocks: blocks * parts,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(int("div", block, parts), rows * size));
      const part = k.letInt("part", int("rem", block, parts));
      const first = splitRow(k, firstRow, samples, down * size);
      const strip = makeStrip(k, x, window, rows * size, first, {
        fill: 0,
        aligned: true,
        limit: Number.POSITIVE_INFINITY,
        ...given({ prologue }),
      });
      const inputs = k.scratch(products * inputStep);
      const outputs = k.scratch(products * productStep);
      const between = k.scratch(products * k.lanes);

      k.items(["tileRow", "tileColumn"], [rows, across], (tileRow = 0, tileColumn = 0) => {
        const from = k.letInt(
          "from",
          addInt(
            strip.base,
            mulInt(tileRow, size * strip.rowStride),
            mulInt(tileColumn, size * strip.pixelStride),
          ),
        );
        const to = k.letInt(
          "to",
          addInt(mulInt(addInt(mulInt(tileRow, across), tileColumn), wideDepth), inputs),
        );
        k.channels("c", depth, strip.wide, (channel, lanes) => {
          const p = k.letInt("p", addInt(from, channel));
          const q = k.letInt("q", addInt(to, channel));
          transformTile(k, inputTransform(size), between, lanes, {
            read: (ty, tx) =>
              load(
                strip.place,
                address(addInt(p, mulInt(tx, strip.pixelStride)), ty * strip.rowStride),
                lanes,
              ),
            write: (row, column, value) =>
              k.store(
                scratch,
                address(addInt(q, mulInt(row, (size + 2) * inputStep)), column * inputStep),
                value,
              ),
          });
        });
      });

      k.items(["product"], [products], (product = 0) =>
        emitMatmul(
          k,
          tile,
          {
            lines: 1,
            rows: tiles,
            runs: plainRuns({ place: scratch, stride: wideDepth }, depth, (row) =>
              addInt(mulInt(product, inputStep), mulInt(row, wideDepth), inputs),
            ),
            columns: { ...b, start: mulInt(product, matrixElements(depth, columns)) },
            ...(parts > 1 ? { part: { index: part, count: parts } } : {}),
            finish: (sum, _line, row, column) =>
              k.store(
                scratch,
                address(addInt(mulInt(product, productStep), mulInt(row, wideColumns), column, outputs)),
                sum,
              ),
          },
          k.nest,
        ),
      );

      const ownColumns = columns / parts;
      k.items(["tileRow", "tileColumn"], [rows, across], (tileRow = 0, tileColumn = 0) => {
        const tileIndex = addInt(mulInt(tileRow, across), tileColumn);
        const from = k.letInt("from", addInt(mulInt(tileIndex, wideColumns), outputs));
        const row = k.letInt("row", addInt(first.row, mulInt(tileRow, size)));
        const column = k.letInt("column", mulInt(tileColumn, size));
        const pixel = k.letInt(
          "pixel",
          addInt(mulInt(addInt(mulInt(first.sample, height), row), width), column),
        );
        k.channels("c", ownColumns, ownColumns % k.lanes === 0 || parts === 1, (own, lanes) => {
          const channel = k.letInt("channel", addInt(mulInt(part, ownColumns), own));
          const p = k.letInt("p", addInt(from, channel));
          const isInside = (at: Int, extent: number, computed: number): Value | undefined =>
            computed === extent ? undefined : compare("lt", at, extent);
          transformTile(k, outputTransform(size), between, lanes, {
            read: (ty, tx) =>
              load(
                scratch,
                address(addInt(p, mulInt(tx, productStep)), ty * (size + 2) * productStep),
                lanes,
              ),
            inside: (dy) => isInside(addInt(row, dy), height, down * size),
            write: (dy, dx, value) => {
              const at = { pixel: addInt(pixel, mulInt(dy, width), dx), channel };
              const store = (): void => storeResult(k, y, value, at, epilogue);
              const inside = dx === 0 ? undefined : isInside(addInt(column, dx), width, across * size);
              if (inside) k.guard(inside, store);
              else store();
            },
          });
        });
      });
    },
  };
}

interface TransformedSpec {
  readonly weight: WeightId;
  readonly size: WinogradSize;
  readonly depth: number;
  readonly columns: number;
}

/** G g Gᵀ of a weight `[3, 3, depth, columns]`: one matrix per product, each packed in panels. A block takes one input channel. */
function transformedWeights(spec: TransformedSpec): Omit<PreparedRef, "kind"> {
  const { weight, size, depth, columns } = spec;
  const tap = depth * columns;
  const made: Omit<PreparedRef, "kind"> = {
    name: `winograd_weights_${size}x${size}_${depth}x${columns}`,
    weight,
    elements: productsOf(size) * matrixElements(depth, columns),
    make: (k, tile) => {
      const wide = columns % k.lanes === 0;
      const matrix = matrixElements(depth, columns);
      const between = k.scratch((size + 2) * 3 * k.lanes);
      const w = weightParameter(k, "w", weight, plainPacking(9 * tap));
      const u = preparedParameter(k, "u", made, "write");
      return {
        blocks: depth,
        write: (channel) =>
          eachPanel(k, tile, columns, (panel, width, lanes) => {
            const from = k.letInt("from", addInt(mulInt(channel, columns), panel));
            const to = k.letInt("to", addInt(mulInt(panel, depth), mulInt(channel, width)));
            const step = wide && lanes === "vec" ? k.lanes : 1;
            for (let column = 0; column < width; column += step) {
              const lanesOf = step > 1 ? "vec" : "f32";
              transformTile(k, weightTransform(size), between, lanesOf, {
                read: (ty, tx) =>
                  load(w, address(addInt(from, column, mulInt(tx, tap)), ty * 3 * tap), lanesOf),
                write: (row, at, value) => {
                  const product = addInt(mulInt(row, (size + 2) * matrix), at * matrix);
                  k.store(u, address(addInt(to, column, product)), value);
                },
              });
            }
          }),
      };
    },
  };
  return made;
}

/** One dimension of a transform, from the values of a column or a row of a tile. */
interface Transform {
  /** The number of values that it takes. */
  readonly extent: number;
  readonly apply: (k: Build, values: readonly Value[]) => readonly Value[];
}

/**
 * M d Mᵀ for a square tile: first its columns, then the rows of that result, which is in scratch in between. It uses loops, because
 * unrolled code would be six times as long and no faster.
 */
function transformTile(
  k: Build,
  { extent, apply }: Transform,
  between: number,
  lanes: Width,
  ends: {
    readonly read: (row: number, column: Int) => Value;
    /** Whether a row of the result is wanted; if absent or undefined: always. */
    readonly inside?: (row: Int) => Value | undefined;
    readonly write: (row: Int, column: number, value: Value) => void;
  },
): void {
  const scratch: Place = { kind: "scratch" };
  const indices = Array.from({ length: extent }, (_, at) => at);
  const [one, row] = [k.lanes, k.lanes * extent];
  let height = 0;
  k.for("tx", extent, (tx) => {
    const column = apply(
      k,
      indices.map((ty) => k.let("d", ends.read(ty, tx))),
    );
    height = column.length;
    const to = k.letInt("b", addInt(mulInt(tx, one), between));
    for (const [ty, value] of column.entries()) k.store(scratch, address(to, ty * row), value);
  });
  k.for("ty", height, (ty) => {
    const from = k.letInt("b", addInt(mulInt(ty, row), between));
    const write = (): void => {
      const values = apply(
        k,
        indices.map((tx) => k.let("d", load(scratch, address(from, tx * one), lanes))),
      );
      for (const [tx, value] of values.entries()) ends.write(ty, tx, value);
    };
    const inside = ends.inside?.(ty);
    if (inside) k.guard(inside, write);
    else write();
  });
}

/** Bᵀ: products of (x − q) over all other points q, as coefficients of the inputs; p and −p share their even and odd parts. */
function inputTransform(size: WinogradSize): Transform {
  const pairs = points[size];
  const apply: Transform["apply"] = (k, d) => {
    const all = squaresPolynomial(pairs);
    const sum = (coefficients: readonly number[], start: number): Value =>
      dot(
        coefficients,
        coefficients.map((_, at) => d[start + 2 * at] ?? f32(0)),
      );
    const inner = pairs.flatMap((p) => {
      const others = squaresPolynomial(pairs.filter((q) => q !== p));
      const even = k.let("e", sum(others, 2));
      const odd = k.let(
        "o",
        sum(
          others.map((coefficient) => coefficient * p),
          1,
        ),
      );
      return [binary("add", even, odd), binary("sub", even, odd)];
    });
    return [sum(all, 0), ...inner, sum(all, 1)];
  };
  return { extent: size + 2, apply };
}

/** Aᵀ: row i holds the i-th powers of the points. */
function outputTransform(size: WinogradSize): Transform {
  const pairs = points[size];
  const apply: Transform["apply"] = (k, m) => {
    const sums = pairs.map((_, at) =>
      k.let("s", binary("add", m[1 + 2 * at] ?? f32(0), m[2 + 2 * at] ?? f32(0))),
    );
    const differences = pairs.map((_, at) =>
      k.let("v", binary("sub", m[1 + 2 * at] ?? f32(0), m[2 + 2 * at] ?? f32(0))),
    );
    return Array.from({ length: size }, (_, power) => {
      const inner = dot(
        pairs.map((p) => p ** power),
        power % 2 === 0 ? sums : differences,
      );
      const first = power === 0 ? binary("add", m[0] ?? f32(0), inner) : inner;
      return power === size - 1 ? binary("add", first, m.at(-1) ?? f32(0)) : first;
    });
  };
  return { extent: size + 2, apply };
}

/** G: the powers of each point, divided by the product of its distances from all others. */
function weightTransform(size: WinogradSize): Transform {
  const pairs = points[size];
  const apply: Transform["apply"] = (k, [g0 = f32(0), g1 = f32(0), g2 = f32(0)]) => {
    const zero = pairs.reduce((product, p) => product * -(p * p), 1);
    const inner = pairs.flatMap((p) => {
      const distances = pairs
        .filter((q) => q !== p)
        .reduce((product, q) => product * (p * p - q * q), 2 * p * p);
      const even = k.let("e", dot([1 / distances, (p * p) / distances], [g0, g2]));
      const odd = k.let("o", binary("mul", f32(p / distances), g1));
      return [binary("add", even, odd), binary("sub", even, odd)];
    });
    return [binary("mul", f32(1 / zero), g0), ...inner, g2];
  };
  return { extent: 3, apply };
}

/** Coefficients of Π (x² − p²) in x², lowest first. */
function squaresPolynomial(pairs: readonly number[]): number[] {
  return pairs.reduce<number[]>(
    (coefficients, p) => [
      ...coefficients.map((coefficient, at) => -coefficient * p * p + (coefficients[at - 1] ?? 0)),
      coefficients.at(-1) ?? 0,
    ],
    [1],
  );
}

/** Σ cᵢ·xᵢ; factors of 1 cost nothing. Rounding errors of the points are removed where a coefficient is a small fraction. */
function dot(coefficients: readonly number[], values: readonly Value[]): Value {
  const terms = coefficients.map((coefficient, at) => [tidy(coefficient), values[at] ?? f32(0)] as const);
  const ordered = terms.toSorted(([a], [b]) => Number(b === 1) - Number(a === 1));
  const [first, ...rest] = ordered;
  if (!first) return f32(0);
  const start = first[0] === 1 ? first[1] : binary("mul", f32(first[0]), first[1]);
  return rest.reduce(
    (sum, [coefficient, value]) =>
      coefficient === 1 ? binary("add", sum, value) : madd(f32(coefficient), value, sum),
    start,
  );
}

function tidy(coefficient: number): number {
  const rounded = Math.round(coefficient * 64) / 64;
  return Math.abs(rounded - coefficient) < 1e-12 ? rounded : coefficient;
}
