// Winograd's algorithm for f32: its transforms, for tiles of 2×2 and 4×4 results.

import type { WeightId } from "#ir/graph.js";
import type { WinogradSize } from "#schedule/schedule.js";
import { address, addInt, binary, f32, load, madd, mulInt } from "../ir/expressions.js";
import type { Value } from "../ir/ir.js";
import { eachPanel } from "./matmul.js";
import type { PreparedRef } from "./operands.js";
import { preparedParameter, weightParameter } from "./operands.js";
import { plainPacking } from "./pack.js";
import type { Transform } from "./tile-transform.js";
import { floatLanes, transformTile } from "./tile-transform.js";

/**
 * The interpolation points p other than 0 and ∞; each entry means p and −p. With √½ and √2 in place of the usual 1 and 2, the rounding
 * errors of 4×4 tiles are about a third (pairs p, 1/p as in Alam et al. 2022, arXiv 2201.10369).
 */
const points: Readonly<Record<WinogradSize, readonly number[]>> = { 2: [1], 4: [Math.SQRT1_2, Math.SQRT2] };

/** Elements from one matrix of transformed weights to the next. Each begins at a multiple of four, the largest number of lanes. */
export function matrixElements(depth: number, columns: number): number {
  return Math.ceil((depth * columns) / 4) * 4;
}

/** A weight, and the tiles for which it is transformed. */
export interface TransformedSpec {
  readonly weight: WeightId;
  readonly size: WinogradSize;
  readonly depth: number;
  readonly columns: number;
}

/** G g Gᵀ of a weight `[3, 3, depth, columns]`: one matrix per product, each packed in panels. A block takes one input channel. */
export function transformedFloats(spec: TransformedSpec): Omit<PreparedRef, "kind"> {
  const { weight, size, depth, columns } = spec;
  const tap = depth * columns;
  const made: Omit<PreparedRef, "kind"> = {
    name: `winograd_weights_${size}x${size}_${depth}x${columns}`,
    weight,
    elements: (size + 2) ** 2 * matrixElements(depth, columns),
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
              transformTile(k, weightTransform(size), between, floatLanes(k, lanesOf), {
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

/** Bᵀ: products of (x − q) over all other points q, as coefficients of the inputs; p and −p share their even and odd parts. */
export function floatInputs(size: WinogradSize): Transform {
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
export function floatResults(size: WinogradSize): Transform {
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
