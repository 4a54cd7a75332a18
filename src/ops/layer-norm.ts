// Layer normalization: each row of channels has its own mean and variance.

import { tensor } from "#ir/tensor.js";
import { channels } from "#ir/type.js";
import { normErrors } from "./inexact.js";
import { number } from "./kinds.js";
import { defineOp } from "./op.js";
import { sampleShape } from "./sample.js";

export const layer_norm = defineOp({
  doc: "(x − mean) / √(variance + epsilon) with the mean and variance over the last axis (Ba et al. 2016). Scale and offset are a `mul` and an `add` after it.",
  classes: [],
  operands: [{ name: "x", doc: "any shape but a scalar", role: "data" }],
  attributes: { epsilon: number({ default: 1e-5, doc: "added to the variance" }) },
  infer: ([x]) => {
    if (!x) return { problem: "layer_norm takes x" };
    return x.shape.length === 0 ? { problem: "x is a scalar, and has no channels", operand: 0 } : x;
  },
  errors: ([x], { epsilon }, result, share) => {
    if (!x) throw new TypeError("layer_norm takes x");
    const depth = channels(result.shape);
    return normErrors(x, result, { share, epsilon, groupOf: (at) => Math.floor(at / depth) });
  },
  macs: () => 0,
  terms: ([x]) => channels(x?.shape ?? []),
  mixesBatch: ([x]) => (x?.shape.length ?? 0) < 2,
  eval: ([x], { epsilon }, output) => {
    if (!x) throw new TypeError("layer_norm takes x");
    const depth = channels(output.shape);
    const rows = x.data.length / depth;
    const means = new Float64Array(rows);
    const spreads = new Float64Array(rows);
    for (let row = 0; row < rows; row += 1) {
      const values = x.data.subarray(row * depth, (row + 1) * depth);
      const mean = values.reduce((sum, value) => sum + value, 0) / depth;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / depth;
      means[row] = mean;
      spreads[row] = Math.sqrt(variance + epsilon);
    }
    return tensor(output.shape, (flat) => {
      const row = Math.floor(flat / depth);
      return ((x.data[flat] ?? 0) - (means[row] ?? 0)) / (spreads[row] ?? 1);
    });
  },
  sample: (random) => {
    const drawn = sampleShape(random);
    return {
      inputs: [{ dtype: "f32", shape: drawn.length === 0 ? [4] : drawn }],
      attributes: { epsilon: random.pick([1e-3, 0.5]) },
    };
  },
});
