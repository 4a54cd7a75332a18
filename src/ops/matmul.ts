// Matrix products: dense layers and matmul.

import { tensor } from "#ir/tensor.js";
import { channels, elements } from "#ir/type.js";
import { biasType, centred } from "./integers.js";
import { zeroAttribute } from "./quantize.js";
import { broadcastIndex, broadcastShapes } from "./broadcast.js";
import { boolean, int } from "./kinds.js";
import { defineOp, isProblem } from "./op.js";
import { sampleChannels } from "./sample.js";
import { checked } from "./window.js";

export const dense = defineOp({
  doc: "A fully connected layer over the last axis: [..., in] · [in, units] + [units]. MACs: in · units for each row of x.",
  classes: ["matmul"],
  operands: [
    { name: "x", doc: "[..., in]", role: "data" },
    { name: "w", doc: "[in, units]", role: "weight" },
    { name: "b", doc: "[units]", role: "weight", optional: true },
  ],
  attributes: { zero: zeroAttribute("x") },
  layer: {
    attributes: {
      units: int({ min: 1, doc: "outputs" }),
      bias: boolean({ default: true, doc: "whether a bias is added" }),
    },
    parameters: (x, layer) => {
      if (x.shape.length === 0) return { problem: "x is a scalar, but dense needs an axis", operand: 0 };
      const inputs = channels(x.shape);
      const units = Number(layer["units"]);
      return [
        {
          operand: "kernel",
          type: { dtype: "f32", shape: [inputs, units] },
          init: "he_normal",
          fanIn: inputs,
        },
        layer["bias"] === false
          ? undefined
          : { operand: "bias", type: { dtype: "f32", shape: [units] }, init: "zeros", fanIn: inputs },
      ];
    },
  },
  derived: { units: ([, w]) => w?.shape[1] ?? 1 },
  optionalType: ([x, w]) => biasType(x, w?.shape[1]),
  infer: ([x, w, b]) => {
    if (!x || !w || !b) return { problem: "dense takes x, w and b" };
    if (x.shape.length === 0) return { problem: "x is a scalar, but dense needs an axis", operand: 0 };
    if (w.shape.length !== 2 || w.shape[0] !== channels(x.shape)) {
      return {
        problem: `w has shape [${w.shape.join(", ")}], but for x [${x.shape.join(", ")}] it must be [${channels(x.shape)}, units]`,
        operand: 1,
      };
    }
    if (b.shape.length !== 1 || b.shape[0] !== w.shape[1]) {
      return {
        problem: `the bias has shape [${b.shape.join(", ")}], but it must be [${w.shape[1]}]`,
        operand: 2,
      };
    }
    return checked([...x.shape.slice(0, -1), w.shape[1] ?? 1]);
  },
  integers: "sums",
  errors: "products",
  macs: ([x, w]) => (elements(x?.shape ?? []) / channels(x?.shape ?? [])) * elements(w?.shape ?? []),
  mixesBatch: ([x]) => x?.shape.length === 1,
  eval: ([integers, w, b], { zero }, output) => {
    if (!integers || !w || !b) throw new TypeError("dense takes x, w and b");
    const x = centred(integers, zero);
    const inner = channels(x.shape);
    const units = channels(w.shape);
    return tensor(output.shape, (flat) => {
      const unit = flat % units;
      const row = Math.floor(flat / units) * inner;
      let sum = b.data[unit] ?? 0;
      for (let k = 0; k < inner; k += 1) sum += (x.data[row + k] ?? 0) * (w.data[k * units + unit] ?? 0);
      return sum;
    });
  },
  sample: (random) => {
    const [inputs, units] = [sampleChannels(random), sampleChannels(random)];
    const lead = random.pick([[], [1], [3], [1, 2, 3]]);
    return {
      inputs: [
        { dtype: "f32", shape: [...lead, inputs] },
        { dtype: "f32", shape: [inputs, units] },
        { dtype: "f32", shape: [units] },
      ],
      attributes: { zero: 0 },
    };
  },
});

export const matmul = defineOp({
  doc: "The product of the last two axes, [..., n, k] · [..., k, m]; the axes before them broadcast. MACs: n · k · m for each product.",
  classes: ["matmul"],
  operands: [
    { name: "a", doc: "[..., n, k]", role: "data" },
    { name: "b", doc: "[..., k, m]", role: "data" },
  ],
  attributes: { zero_a: zeroAttribute("a"), zero_b: zeroAttribute("b") },
  infer: ([a, b]) => {
    if (!a || !b) return { problem: "matmul takes a and b" };
    if (a.shape.length < 2)
      return { problem: `a has shape [${a.shape.join(", ")}], but needs two axes`, operand: 0 };
    if (b.shape.length < 2)
      return { problem: `b has shape [${b.shape.join(", ")}], but needs two axes`, operand: 1 };
    if (a.shape.at(-1) !== b.shape.at(-2)) {
      return {
        problem: `a [${a.shape.join(", ")}] has ${a.shape.at(-1)} columns, but b [${b.shape.join(", ")}] has ${b.shape.at(-2)} rows`,
        operand: 1,
      };
    }
    const lead = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    if (isProblem(lead)) return lead;
    return checked([...lead, a.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1]);
  },
  integers: "sums",
  errors: "products",
  macs: ([a], _, output) => elements(output.shape) * channels(a?.shape ?? []),
  // Samples are not mixed if axis 0 of an operand with samples is axis 0 of the result. An open batch is 1 in shapes, so an
  // operand whose axis 0 is longer has no samples. Axis 0 of b is contracted if b is a matrix.
  mixesBatch: ([a, b]) => {
    const [rankA, rankB] = [a?.shape.length ?? 0, b?.shape.length ?? 0];
    if (a?.shape[0] === 1 && rankA < rankB) return true;
    return b?.shape[0] === 1 && (rankB < rankA || rankB === 2);
  },
  eval: ([left, right], { zero_a, zero_b }, output) => {
    if (!left || !right) throw new TypeError("matmul takes a and b");
    const [a, b] = [centred(left, zero_a), centred(right, zero_b)];
    const inner = channels(a.shape);
    const [rows, columns] = [output.shape.at(-2) ?? 1, output.shape.at(-1) ?? 1];
    const lead = output.shape.slice(0, -2);
    const fromA = broadcastIndex(a.shape.slice(0, -2), lead);
    const fromB = broadcastIndex(b.shape.slice(0, -2), lead);
    return tensor(output.shape, (flat) => {
      const column = flat % columns;
      const row = Math.floor(flat / columns) % rows;
      const matrix = Math.floor(flat / (rows * columns));
      const fromRow = (fromA(matrix) * rows + row) * inner;
      const fromColumn = fromB(matrix) * inner * columns + column;
      let sum = 0;
      for (let k = 0; k < inner; k += 1)
        sum += (a.data[fromRow + k] ?? 0) * (b.data[fromColumn + k * columns] ?? 0);
      return sum;
    });
  },
  sample: (random) => {
    const [rows, inner, columns] = [random.int(1, 5), sampleChannels(random), sampleChannels(random)];
    const [leadA, leadB] = random.pick([
      [[], []],
      [[1], [1]],
      [
        [1, 3],
        [1, 3],
      ],
      [
        [1, 3],
        [1, 1],
      ],
      [[1, 2], []],
    ] as const);
    return {
      inputs: [
        { dtype: "f32", shape: [...leadA, rows, inner] },
        { dtype: "f32", shape: [...leadB, inner, columns] },
      ],
      attributes: { zero_a: 0, zero_b: 0 },
    };
  },
});
