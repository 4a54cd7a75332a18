// Batch normalization with fixed statistics, as in inference.

import { tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { channels } from "#ir/type.js";
import { number } from "./kinds.js";
import type { LayerParameter } from "./op.js";
import { defineOp } from "./op.js";
import { sampleShape } from "./sample.js";

const statistics = ["scale", "offset", "mean", "variance"] as const;

export const batch_norm = defineOp({
  doc: "(x − mean) / √(variance + epsilon) · scale + offset, per channel (Ioffe and Szegedy 2015), with the statistics of training.",
  classes: [],
  operands: [
    { name: "x", doc: "[..., c]", role: "data" },
    ...statistics.map((name) => ({ name, doc: "[c]", role: "weight" }) as const),
  ],
  attributes: { epsilon: number({ default: 1e-3, doc: "added to the variance" }) },
  layer: {
    attributes: {},
    parameters: (x) => {
      const type: TensorType = { dtype: "f32", shape: [channels(x.shape)] };
      return statistics.map((operand): LayerParameter => ({
        operand,
        type,
        init: operand === "scale" || operand === "variance" ? "ones" : "zeros",
        fanIn: 1,
      }));
    },
  },
  infer: ([x, ...rest]) => {
    if (!x || rest.length !== 4) return { problem: "batch_norm takes x, scale, offset, mean and variance" };
    for (const [index, type] of rest.entries()) {
      if (type.shape.length !== 1 || type.shape[0] !== channels(x.shape)) {
        return {
          problem: `${statistics[index]} has shape [${type.shape.join(", ")}], but x [${x.shape.join(", ")}] has ${channels(x.shape)} channels`,
          operand: index + 1,
        };
      }
    }
    return x;
  },
  errors: "sums",
  macs: () => 0,
  mixesBatch: ([x]) => (x?.shape.length ?? 0) < 2,
  eval: ([x, scale, offset, mean, variance], { epsilon }, output) => {
    if (!x || !scale || !offset || !mean || !variance) throw new TypeError("batch_norm takes five operands");
    const depth = channels(output.shape);
    return tensor(output.shape, (flat) => {
      const c = flat % depth;
      const normal =
        ((x.data[flat] ?? 0) - (mean.data[c] ?? 0)) / Math.sqrt((variance.data[c] ?? 0) + epsilon);
      return normal * (scale.data[c] ?? 0) + (offset.data[c] ?? 0);
    });
  },
  sample: (random) => {
    const drawn = sampleShape(random);
    const shape = drawn.length === 0 ? [3] : drawn;
    const type: TensorType = { dtype: "f32", shape: [channels(shape)] };
    return {
      inputs: [{ dtype: "f32", shape }, type, type, type, type],
      attributes: { epsilon: random.pick([1e-3, 0.5]) },
    };
  },
});
