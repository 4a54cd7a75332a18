// Where values come from: the net's inputs and constants.

import { text } from "./kinds.js";
import { defineOp } from "./op.js";
import { sampleShape } from "./sample.js";

/** An input of the net; its type stands on the node. Evaluation gets its value from outside. */
export const input = defineOp({
  doc: "A value given to the net; written `input name: type`.",
  classes: [],
  operands: [],
  attributes: {},
  infer: () => ({ problem: "an input's type is given, not inferred" }),
  errors: "moves",
  macs: () => 0,
  mixesBatch: () => false,
  eval: () => {
    throw new TypeError("an input has no value of its own");
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
