// Pools whose forms are swept against onnxruntime: norms, places of the greatest elements, and back from these.

import { describe, expect, test } from "vitest";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { elements } from "#ir/type.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import { agree } from "./peer-sweep.js";
import { modelOf } from "./text-model.js";

interface Drawn {
  readonly sizes: readonly number[];
  readonly attributes: string;
}

/** A window over so many axes, each of whose places holds an element of the input. */
function drawWindow(random: Random, axes: number, isDilated: boolean): Drawn {
  const all = Array.from({ length: axes }, () => {
    const kernel = random.int(1, 3);
    const dilation = isDilated ? random.int(1, 2) : 1;
    const before = random.int(0, kernel - 1);
    const after = random.int(0, kernel - 1);
    return { size: random.int(5, 8), kernel, dilation, before, after, stride: random.int(1, 3) };
  });
  const list = (of: (one: (typeof all)[number]) => number): string => `[${all.map(of).join(", ")}]`;
  const pads = `[${[...all.map(({ before }) => before), ...all.map(({ after }) => after)].join(", ")}]`;
  const dilations = isDilated ? ` dilations=${list(({ dilation }) => dilation)}` : "";
  const ceil = random.next() < 0.4 ? " ceil_mode=1" : "";
  return {
    sizes: all.map(({ size }) => size),
    attributes: `kernel_shape=${list(({ kernel }) => kernel)} strides=${list(({ stride }) => stride)} pads=${pads}${dilations}${ceil}`,
  };
}

/** Few different numbers, so that many are equal. */
function drawTied(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.int(-2, 2));
}

function drawNormal(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.normal());
}

const seeds = seedsFor(12).map((seed) => seed + 1);

describe.each([1, 2, 3])("over %i axes", (axes) => {
  test.each(seeds)("LpPool, seed %i", async (seed) => {
    const random = seededRandom(seed);
    const { sizes, attributes } = drawWindow(random, axes, true);
    const p = random.pick(["", " p=1", " p=2", " p=3"]);
    const text = `opset 18\ninput x float[N, 3, ${sizes.join(", ")}]\ny = LpPool(x) ${attributes}${p}\nz = GlobalLpPool(x)${p}\noutput y\noutput z`;
    const shape = [3, 3, ...sizes];
    await agree(text, { x: { shape, data: drawNormal(random, elements(shape)) } });
  });

  test.each(seeds)("indices of MaxPool, seed %i", async (seed) => {
    const random = seededRandom(seed);
    const { sizes, attributes } = drawWindow(random, axes, true);
    const order = random.next() < 0.5 ? "" : " storage_order=1";
    const shape = [2, 3, ...sizes];
    const text = `opset 12\ninput x float[${shape.join(", ")}]\ny, i = MaxPool(x) ${attributes}${order}\noutput y\noutput i`;
    await agree(text, { x: { shape, data: drawTied(random, elements(shape)) } });
  });

  test.each(seeds.slice(0, Math.ceil(seeds.length / 2)))("MaxUnpool of MaxPool, seed %i", async (seed) => {
    const random = seededRandom(seed);
    const sizes = Array.from({ length: axes }, () => 2 * random.int(2, 4));
    const shape = [random.int(1, 2), 3, ...sizes];
    const window = `kernel_shape=[${sizes.map(() => 2).join(", ")}] strides=[${sizes.map(() => 2).join(", ")}]`;
    const isSized = random.next() < 0.5;
    const size = `weight s int64[${shape.length}] = ${shape.join(", ")}\n`;
    const text = `opset 12\ninput x float[${shape.join(", ")}]\n${isSized ? size : ""}a, i = MaxPool(x) ${window}\nb = Relu(a)\ny = MaxUnpool(b, i${isSized ? ", s" : ""}) ${window}\noutput y`;
    await agree(text, { x: { shape, data: drawNormal(random, elements(shape)) } });
  });
});

test("places of an open batch are refused: they are numbered over all samples", () => {
  const text =
    "opset 12\ninput x float[N, 3, 4, 4]\ny, i = MaxPool(x) kernel_shape=[2, 2]\noutput y\noutput i";
  const { value, diagnostics } = importOnnx(modelOf(text), { file: "net.onnx" });
  expect(value).toBeUndefined();
  expect(diagnostics[0]?.message).toContain("numbers the elements of all samples");
});
