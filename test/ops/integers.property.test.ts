// Ops on integers against sums of big integers, and conversions against exact rational numbers: for all types, zero points and windows.

import { describe, expect, test } from "vitest";
import type { OpAttributes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { IntegerType, TensorType } from "#ir/type.js";
import { elements, integerRanges } from "#ir/type.js";
import type { Padding } from "#ops/attributes.js";
import { inferType, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import { randomIntegers } from "./values.js";

const factors: readonly IntegerType[] = ["i8", "u8", "i16"];
const seeds = seedsFor(60);

/** A zero point: one of the integers of a type, and 0 for 16 bits. */
function pointOf(random: Random, type: IntegerType): number {
  if (type === "i16") return 0;
  const [least, greatest] = integerRanges[type];
  return random.pick([0, least < 0 ? -3 : 3, least, greatest, random.int(least, greatest)]);
}

/** The result of an op, after its types are checked. */
function evaluate(
  op: "conv2d" | "depthwise_conv2d" | "dense" | "matmul" | "reduce_sum",
  types: TensorType[],
  values: Tensor[],
  attributes: object,
) {
  const type = inferType(op, types, attributes as never);
  if (isProblem(type)) throw new Error(type.problem);
  expect(type.dtype).toBe("i32");
  return { type, result: opOf(op).eval(values, attributes as never, type) };
}

const at = (x: Tensor, ...index: readonly number[]): bigint => {
  let flat = 0;
  for (const [axis, place] of index.entries()) flat = flat * x.shape[axis]! + place;
  return BigInt(x.data[flat]!);
};

describe.each(seeds)("seed %i", (seed) => {
  test("convolutions", () => {
    for (const op of ["conv2d", "depthwise_conv2d"] as const) {
      const random = seededRandom(seed);
      const { inputs, attributes } = opOf(op).sample(random) as unknown as {
        inputs: TensorType[];
        attributes: OpAttributes["conv2d"];
      };
      const [xType, wType] = [random.pick(factors), random.pick(factors)];
      const types = inputs.map((type, index): TensorType => ({
        ...type,
        dtype: index === 0 ? xType : index === 1 ? wType : "i32",
      }));
      const zero = pointOf(random, xType);
      const own = { ...attributes, zero };
      const values = types.map(({ dtype, shape }) => randomIntegers(random, dtype as IntegerType, shape));
      const { type, result } = evaluate(op, types, values, own);
      const [x, w, b] = values as [Tensor, Tensor, Tensor];
      const [n = 1, height = 1, width = 1, filters = 1] = type.shape;
      const [, inHeight = 1, inWidth = 1, channels = 1] = x.shape;
      const [kh = 1, kw = 1, perGroup = 1] = w.shape;
      const [top, , left] = attributes.padding as Padding;
      const wanted: number[] = [];
      for (let sample = 0; sample < n; sample += 1)
        for (let row = 0; row < height; row += 1)
          for (let column = 0; column < width; column += 1)
            for (let filter = 0; filter < filters; filter += 1) {
              let sum = at(b, filter);
              const first =
                op === "conv2d"
                  ? Math.floor(filter / (filters / attributes.groups)) * perGroup
                  : Math.floor(filter / (filters / channels));
              for (let i = 0; i < kh; i += 1)
                for (let j = 0; j < kw; j += 1) {
                  const y = row * attributes.stride[0] - top + i * attributes.dilation[0];
                  const z = column * attributes.stride[1] - left + j * attributes.dilation[1];
                  if (y < 0 || y >= inHeight || z < 0 || z >= inWidth) continue;
                  for (let c = 0; c < perGroup; c += 1)
                    sum += (at(x, sample, y, z, first + c) - BigInt(zero)) * at(w, i, j, c, filter);
                }
              wanted.push(Number(sum));
            }
      expect([...result.data], `${op} ${xType} ${wType} ${JSON.stringify(own)}`).toEqual(wanted);
    }
  });

  test("products of matrices and sums", () => {
    const random = seededRandom(seed);
    const [xType, wType] = [random.pick(factors), random.pick(factors)];
    const [rows, inner, columns] = [random.int(1, 4), random.int(1, 40), random.int(1, 5)];
    const x = randomIntegers(random, xType, [rows, inner]);
    const w = randomIntegers(random, wType, [inner, columns]);
    const b = randomIntegers(random, "i32", [columns]);
    const [zero, other] = [pointOf(random, xType), pointOf(random, wType)];
    const [xs, ws, bs]: TensorType[] = [
      { dtype: xType, shape: x.shape },
      { dtype: wType, shape: w.shape },
      { dtype: "i32", shape: b.shape },
    ];
    const product = (biased: boolean, zeroW: number): number[] =>
      Array.from({ length: rows * columns }, (_, flat) => {
        const [row, column] = [Math.floor(flat / columns), flat % columns];
        let sum = biased ? at(b, column) : 0n;
        for (let k = 0; k < inner; k += 1)
          sum += (at(x, row, k) - BigInt(zero)) * (at(w, k, column) - BigInt(zeroW));
        return Number(sum);
      });
    expect([...evaluate("dense", [xs!, ws!, bs!], [x, w, b], { zero }).result.data]).toEqual(
      product(true, 0),
    );
    expect([...evaluate("matmul", [xs!, ws!], [x, w], { zero_a: zero, zero_b: other }).result.data]).toEqual(
      product(false, other),
    );
    const sums = evaluate("reduce_sum", [xs!], [x], { axes: [1], keepdims: false }).result;
    const totals = Array.from({ length: rows }, (_, row) =>
      Number(Array.from({ length: inner }, (__, k) => at(x, row, k)).reduce((a, c) => a + c, 0n)),
    );
    expect([...sums.data]).toEqual(totals);
  });

  test("conversions", () => {
    const random = seededRandom(seed);
    const type = random.pick(["i8", "u8", "i16", "i32"] as const);
    const zero = type === "i32" ? 0 : pointOf(random, type);
    const scale = Math.fround(0.01 + random.next());
    const [least, greatest] = integerRanges[type];
    const count = 200;
    const real = Float64Array.from({ length: count }, () =>
      // Halves between integers are among them, where the scale is a power of two.
      Math.fround(random.next() < 0.3 ? (random.int(-600, 600) / 2) * scale : random.normal() * 200 * scale),
    );
    const steps = { shape: [], data: Float64Array.of(scale) };
    const x = { shape: [count], data: real };
    const attributes = { zero, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, type };
    const rounded = opOf("quantize").eval([x, steps], attributes, { dtype: type, shape: [count] });
    const wanted = [...real].map((value) => {
      const shifted = nearestEven(exactly(Math.fround(value / scale))) + BigInt(zero);
      return Math.min(Math.max(Number(shifted), least), greatest);
    });
    expect([...rounded.data].map((value) => value + 0)).toEqual(wanted);
    const integers = randomIntegers(random, type, [count]);
    const back = opOf("dequantize").eval([integers, steps], { zero }, { dtype: "f32", shape: [count] });
    expect([...back.data].map((value) => value + 0)).toEqual(
      [...integers.data].map((value) => Math.fround(Math.fround(value - zero) * scale) + 0),
    );
    expect(elements(back.shape)).toBe(count);
  });
});

/** A number as a fraction: numerator / 2^150. */
function exactly(value: number): bigint {
  // An f32 is a whole multiple of 2⁻¹⁴⁹.
  let [scaled, shift] = [value, 150];
  while (!Number.isInteger(scaled)) [scaled, shift] = [scaled * 2, shift - 1];
  return BigInt(scaled) << BigInt(shift);
}

function nearestEven(fraction: bigint): bigint {
  const unit = 1n << 150n;
  const floor = fraction >> 150n;
  const rest = fraction - floor * unit;
  const twice = rest * 2n;
  if (twice < unit) return floor;
  return twice > unit || floor % 2n !== 0n ? floor + 1n : floor;
}
