// Products of bytes in JavaScript, two rows in each register: exactly the sums of the interpreter, in blocks and strips of all sizes, joined once
// in scratch and not, up to the largest sums that fit.

import { describe, expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { checkProgram } from "#kernel/check/check.js";
import type { Kernel, Place } from "#kernel/ir/ir.js";
import { valuesOf, walkStatements, walkValue } from "#kernel/ir/walk.js";
import { lower } from "#kernel/lower.js";
import type { Tile } from "#kernel/part/tile.js";
import { jsTile } from "#kernel/part/tile.js";
import { drawIntegers } from "#ops/distributions.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { schedule } from "#schedule/schedule-graph.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import { runProgram } from "./run-program.js";

const weight = (random: Random, shape: readonly number[]): string =>
  `quantize(he_normal(seed=${random.int(1, 99)}, fan_in=2, shape=[${shape.join(", ")}]), 0.02, type="i8")`;

/** Sums of bytes of all kinds that have rows; 5 and 7 columns leave remainders of every tile. */
const nets: Readonly<Record<string, (random: Random) => string>> = {
  pointwise(random) {
    const [inputs, filters] = [random.int(1, 9), random.int(1, 13)];
    return `input x: u8[${random.int(1, 2)}, ${random.int(1, 5)}, ${random.int(1, 7)}, ${inputs}]
      param w: i8[1, 1, ${inputs}, ${filters}] = ${weight(random, [1, 1, inputs, filters])}
      sum = conv2d(x, w, zero=${random.pick([0, 128])})`;
  },
  dense(random) {
    const [inputs, outputs] = [random.int(1, 20), random.int(1, 13)];
    return `input x: i8[${random.int(1, 9)}, ${inputs}]
      param w: i8[${inputs}, ${outputs}] = ${weight(random, [inputs, outputs])}
      param b: i32[${outputs}] = [${Array.from({ length: outputs }, () => random.int(-1e6, 1e6)).join(", ")}]
      sum = dense(x, w, b, zero=${random.pick([0, -7])})`;
  },
  convolution(random) {
    const groups = random.pick([1, 1, 2]);
    const [inputs, filters] = [groups * random.int(1, 4), groups * random.int(1, 11)];
    const kernel = [random.int(1, 3), random.int(1, 4)];
    const shape = [...kernel, inputs / groups, filters];
    const padding = random.pick(["same", "0", "[0, 1, 2, 0]"]);
    return `input x: u8[${random.int(1, 2)}, ${random.int(5, 12)}, ${random.int(7, 9)}, ${inputs}]
      param w: i8[${shape.join(", ")}] = ${weight(random, shape)}
      sum = conv2d(x, w, groups=${groups}, stride=[${random.int(1, 3)}, ${random.int(1, 3)}],
        dilation=[1, ${random.int(1, 2)}], padding=${padding}, zero=${random.pick([0, 128])})`;
  },
  separable(random) {
    const [inputs, multiplier, filters] = [random.int(1, 6), random.int(1, 2), random.int(1, 13)];
    const outputs = inputs * multiplier;
    return `input x: u8[1, ${random.int(4, 9)}, ${random.int(4, 9)}, ${inputs}]
      param d: i8[3, 3, 1, ${outputs}] = ${weight(random, [3, 3, 1, outputs])}
      between = quantize(dequantize(depthwise_conv2d(x, d, stride=${random.int(1, 2)}, padding=same, zero=3), 0.1), 1, type="u8")
      param w: i8[1, 1, ${outputs}, ${filters}] = ${weight(random, [1, 1, outputs, filters])}
      sum = conv2d(between, w)`;
  },
};

describe.each(Object.entries(nets))("%s", (_, draw) => {
  test.each(seedsFor(25))("seed %i", (seed) => {
    const random = seededRandom(seed + 1);
    const tile = { ...jsTile, ...random.pick(tilesToTry), stripRows: random.int(1, 5) };
    same(`net t {\n${draw(random)}\noutput y = dequantize(sum, 1)\n}`, tile, random);
  });
});

/** Small blocks; parts of the columns in several blocks; scratch for no strip, or for a strip and no pairs. */
const tilesToTry: readonly Partial<Tile>[] = [
  {},
  { blockPixels: 7, blocks: 1 },
  { blockPixels: 6, blocks: 4 },
  { scratch: 0 },
  { scratch: 300 },
];

/** Computes a net with the program's text and under the checker, and compares both with the interpreter. */
function same(text: string, tile: Tile, random: Random, values?: readonly number[]): readonly Kernel[] {
  const module = moduleOf(text);
  const [input] = [...module.graph.nodes.values()].filter(({ op }) => op === "input");
  const { dtype, shape } = input!.type;
  const count = shape.reduce((product, extent) => product * extent, 1);
  const data = values ? Float32Array.from(values) : drawIntegers(random, dtype as "u8", count);
  const inputs = new Map([["x", { shape, data: Float64Array.from(data) }]]);
  const wanted = Float32Array.from(interpret(module, inputs).get("y")!.data);
  const optimized = optimize(module, { target: jsTarget }).value!.module;
  const program = lower(schedule(optimized, jsTarget), tile);
  const { findings, outputs } = checkProgram(program, new Map([["x", Float32Array.from(data)]]));
  expect(findings, text).toEqual([]);
  expect(outputs.get("y"), text).toEqual(wanted);
  expect(runProgram(program, inputs).get("y"), text).toEqual(wanted);
  return program.kernels;
}

const hasPairs = (kernels: readonly Kernel[]): boolean =>
  kernels.some((kernel) => placesOf(kernel).has("doubles"));

function placesOf({ body }: Kernel): Set<Place["kind"]> {
  const kinds = new Set<Place["kind"]>();
  walkStatements(body, (statement) => {
    if (statement.kind === "store") kinds.add(statement.place.kind);
    for (const value of valuesOf(statement))
      walkValue(value, (inner) => {
        if (inner.kind === "load") kinds.add(inner.place.kind);
      });
  });
  return kinds;
}

test("every kind of sum is joined in scratch by some tile", () => {
  for (const [kind, draw] of Object.entries(nets)) {
    const joined = seedsFor(25).filter((seed) => {
      const random = seededRandom(seed + 1);
      return hasPairs(same(`net t {\n${draw(random)}\noutput y = dequantize(sum, 1)\n}`, jsTile, random));
    });
    expect(joined.length, kind).toBeGreaterThan(0);
  }
});

// 255 · 127 · 2072 is the last such product below 2²⁶.
test.each([
  { inputs: 2072, sign: 1, pairs: true },
  { inputs: 2072, sign: -1, pairs: true },
  { inputs: 2073, sign: 1, pairs: false },
  { inputs: 2073, sign: -1, pairs: false },
])("sums of $inputs products, of sign $sign, at the ends of their range", ({ inputs, sign, pairs }) => {
  const text = `net t {
    input x: u8[4, ${inputs}]
    param w: i8[${inputs}, 4] = quantize(ones(shape=[${inputs}, 4]) * ${sign}, ${1 / 127}, type="i8")
    output y = dequantize(dense(x, w), 1)
  }`;
  // Rows of the least and of the greatest sums, beside each other in both orders.
  const rows = [255, 0, 0, 255].flatMap((value) => new Array<number>(inputs).fill(value));
  expect(hasPairs(same(text, jsTile, seededRandom(1), rows))).toBe(pairs);
});

test.each(seedsFor(8))("products of Winograd's algorithm, seed %i", (seed) => {
  const random = seededRandom(seed + 1);
  // With this many channels, transforms pay; odd rows and columns leave parts of tiles.
  const [inputs, filters] = [random.pick([32, 40]), random.pick([32, 35])];
  const shape = [3, 3, inputs, filters];
  const text = `net t {
    input x: u8[${random.int(1, 2)}, ${random.int(7, 12)}, ${random.int(7, 12)}, ${inputs}]
    param w: i8[${shape.join(", ")}] = ${weight(random, shape)}
    y = conv2d(x, w, padding=same, zero=${random.pick([0, 128])})
    output y = dequantize(y, 1)
  }`;
  const kernels = same(text, jsTile, random);
  const transformed = kernels.filter(({ name }) => name.startsWith("winograd_"));
  expect(hasPairs(transformed), text).toBe(true);
});

// An element of transformed inputs is at most 4 · 255, and the weights of one tap stay as they are: 4 · 255 · 127 · 129 is the last such product
// below 2²⁶ quarters.
test.each([
  { inputs: 129, pairs: true },
  { inputs: 130, pairs: false },
])("products of transforms of $inputs channels, at the ends of their range", ({ inputs, pairs }) => {
  const text = `net t {
    input x: u8[1, 6, 6, ${inputs}]
    param w: i8[3, 3, ${inputs}, 32] = quantize(pad(ones(shape=[1, 1, ${inputs}, 32]), before=[0, 0, 0, 0], after=[2, 2, 0, 0]), ${1 / 127}, type="i8")
    y = conv2d(x, w, padding=same)
    output y = dequantize(y, 1)
  }`;
  const values = Array.from({ length: 36 * inputs }, (_, at) => (Math.floor(at / inputs / 2) % 2) * 255);
  const kernels = same(text, jsTile, seededRandom(1), values);
  expect(hasPairs(kernels.filter(({ name }) => name.startsWith("winograd_")))).toBe(pairs);
});
