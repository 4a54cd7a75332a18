// The ops without operands: inputs of the net and constants.

import { text } from "./kinds.js";
import { defineOp } from "./op.js";
import { sampleShape } from "./sample.js";

/** An input of the net; the node has its type. The caller of an evaluation gives its value. */
export const input = defineOp({
  doc: "An input of the net; written `input name: type`.",
  classes: [],
  operands: [],
  attributes: {},
  infer: () => ({ problem: "an input's type is given, not inferred" }),
  errors: "moves",
  macs: () => 0,
  mixesBatch: () => false,
  eval: () => {
    throw new TypeError("an input's value comes from the caller");
  },
  sample: (random) => ({ inputs: [{ dtype: "f32", shape: sampleShape(random) }], attributes: {} }),
});

/** A weight; `weight` is its id in the store. */
export const constant = defineOp({
  doc: "A weight or a literal; written `param name: type = …`.",
  classes: [],
  operands: [],
  attributes: { weight: text({ doc: "the entry of the weight store" }) },
  infer: () => ({ problem: "a constant's type is its weight's, not inferred" }),
  errors: "moves",
  macs: () => 0,
  mixesBatch: () => false,
  eval: () => {
    throw new TypeError("a constant's value is in the weight store");
  },
  sample: () => ({ inputs: [], attributes: { weight: "w" } }),
});
