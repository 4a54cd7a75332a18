// Group normalization: each group of channels has its own mean and variance. With as many groups as channels, it is instance normalization.

import { tensor } from "#ir/tensor.js";
import { channels, elements } from "#ir/type.js";
import { normErrors } from "./inexact.js";
import { int, number } from "./kinds.js";
import { defineOp } from "./op.js";
import { sampleBatch } from "./sample.js";

export const group_norm = defineOp({
  doc: "(x − mean) / √(variance + epsilon) with the mean and variance of each sample over all axes except the first and over a group of adjacent channels (Wu and He 2018). With as many groups as channels it is instance normalization. Scale and offset are a `mul` and an `add` after it.",
  classes: [],
  operands: [{ name: "x", doc: "[n, …, c]", role: "data" }],
  attributes: {
    groups: int({ min: 1, doc: "number of groups of channels; it must divide the number of channels" }),
    epsilon: number({ default: 1e-5, doc: "added to the variance" }),
  },
  infer: ([x], { groups }) => {
    if (!x) return { problem: "group_norm takes x" };
    if (x.shape.length < 2)
      return { problem: `x [${x.shape.join(", ")}] has no samples of channels`, operand: 0 };
    if (channels(x.shape) % groups === 0) return x;
    return {
      problem: `groups=${groups} must divide the ${channels(x.shape)} channels of x`,
      attribute: "groups",
    };
  },
  errors: ([x], { groups, epsilon }, result, share) => {
    if (!x) throw new TypeError("group_norm takes x");
    const depth = channels(result.shape);
    const sample = elements(result.shape.slice(1));
    const groupOf = (at: number): number =>
      Math.floor(at / sample) * groups + Math.floor((at % depth) / (depth / groups));
    return normErrors(x, result, { share, epsilon, groupOf });
  },
  macs: () => 0,
  terms: ([x], { groups }) => (x ? elements(x.shape) / ((x.shape[0] ?? 1) * groups) : 1),
  mixesBatch: () => false,
  eval: ([x], { groups, epsilon }, output) => {
    if (!x) throw new TypeError("group_norm takes x");
    const samples = output.shape[0] ?? 1;
    const depth = channels(output.shape);
    const each = depth / groups;
    const pixels = elements(output.shape) / (samples * depth);
    const result = tensor(output.shape);
    const fold = (start: number, of: (value: number) => number): number => {
      let sum = 0;
      for (let pixel = 0; pixel < pixels; pixel += 1)
        for (let c = 0; c < each; c += 1) sum += of(x.data[start + pixel * depth + c] as number);
      return sum / (pixels * each);
    };
    for (let sample = 0; sample < samples; sample += 1)
      for (let group = 0; group < groups; group += 1) {
        const start = sample * pixels * depth + group * each;
        const mean = fold(start, (value) => value);
        const spread = Math.sqrt(fold(start, (value) => (value - mean) ** 2) + epsilon);
        for (let pixel = 0; pixel < pixels; pixel += 1)
          for (let c = 0; c < each; c += 1) {
            const at = start + pixel * depth + c;
            result.data[at] = ((x.data[at] as number) - mean) / spread;
          }
      }
    return result;
  },
  sample: (random) => {
    const groups = random.pick([1, 2, 3, 4, 8]);
    const depth = groups * random.pick([1, 1, 2, 3, 4, 5]);
    const inner = random.pick([[], [3], [2, 5], [5, 4], [2, 3, 2]]);
    return {
      inputs: [{ dtype: "f32", shape: [sampleBatch(random), ...inner, depth] }],
      attributes: { groups, epsilon: random.pick([1e-3, 0.5]) },
    };
  },
});
