// Selects the largest elements, by their places.

import { tensor } from "#ir/tensor.js";
import { wrongExtent } from "./gather.js";
import { boolean, int } from "./kinds.js";
import { defineOp } from "./op.js";

export const top_k = defineOp({
  doc: "The places of the `k` largest (or smallest) elements of each vector along the last axis, in order; equal elements keep their order. NaN counts as −∞ if the largest are wanted, as ∞ if the smallest are. `gather(x, places, axis=-1, batched=true)` gives the elements.",
  classes: [],
  operands: [{ name: "x", doc: "any shape but a scalar", role: "data" }],
  attributes: {
    k: int({ min: 1, doc: "how many" }),
    largest: boolean({ default: true, doc: "whether to select the largest elements, else the smallest" }),
  },
  infer: ([x], { k }) => {
    if (!x) return { problem: "top_k takes x" };
    const extent = x.shape.at(-1);
    if (extent === undefined) return { problem: "x is a scalar, but top_k needs an axis", operand: 0 };
    if (k > extent) return { problem: `k=${k} is more than the ${extent} elements`, attribute: "k" };
    return wrongExtent(extent) ?? { dtype: "f32", shape: [...x.shape.slice(0, -1), k] };
  },
  errors: "moves",
  places: true,
  macs: () => 0,
  nonFinite: "never",
  mixesBatch: ([x]) => x?.shape.length === 1,
  eval: ([x], { k, largest }, output) => {
    if (!x) throw new TypeError("top_k takes x");
    const extent = x.shape.at(-1) ?? 1;
    const result = tensor(output.shape);
    for (let row = 0; row < x.data.length / extent; row += 1) {
      const keys = Array.from(x.data.subarray(row * extent, (row + 1) * extent), (value) =>
        Number.isNaN(value) ? Number.NEGATIVE_INFINITY : largest ? value : -value,
      );
      // Sorting is stable, so equal keys keep their order.
      const order = [...keys.keys()].sort((a, b) => {
        const [left, right] = [keys[a] ?? 0, keys[b] ?? 0];
        return left === right ? 0 : right - left;
      });
      result.data.set(order.slice(0, k), row * k);
    }
    return result;
  },
  sample: (random) => {
    const extent = random.int(1, 20);
    const shape = random.pick([[extent], [1, extent], [2, 3, extent], [1, 4, 5, extent]]);
    return {
      inputs: [{ dtype: "f32", shape }],
      attributes: { k: random.int(1, extent), largest: random.next() < 0.6 },
    };
  },
});
