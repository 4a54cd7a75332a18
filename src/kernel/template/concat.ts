// Parts of concatenations.

import { bug } from "#diagnostic/diagnostic.js";
import { nodeOf } from "#ir/graph.js";
import type { Body } from "../body.js";
import { address, addInt, mulInt } from "../build.js";
import { loadAt, mapBody } from "../map.js";
import { reads, stridesOf, writesPart } from "../operands.js";
import { noSteps } from "../steps.js";
import type { Context } from "./context.js";

/** Copies an operand into a concatenation along an inner axis, where its part is not one view: `y` is the whole, from there on. */
export function concatBody(c: Context): Body {
  const { k, schedule, group } = c;
  const [stage = bug("a concat without a stage")] = group.stages;
  const x = reads(k, "x", group.input);
  const whole = nodeOf(schedule.graph, stage.node).type.shape;
  const y = writesPart(k, group.output, whole);
  const strides = stridesOf(whole, y.stride);
  return mapBody(c, { ...y, shape: x.shape }, noSteps, {
    wide: x.wide && y.wide,
    element: (index, _pixel, width) => loadAt(x, index, width),
    store: (value, index) =>
      k.store(y.place, address(addInt(...index.map((at, axis) => mulInt(at, strides[axis] ?? 0)))), value),
  });
}
