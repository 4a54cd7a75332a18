// Shrinks an example to the smallest that still shows the same, by steps that each make it simpler.

import { isInteger, isOf } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import type { UserRule } from "../rule/rule.js";
import { applyOnce } from "./apply-once.js";
import { compareSides, distance } from "./compare-sides.js";
import type { Example, Shown } from "./example.js";
import { missExample } from "./example.js";
import { costGroups, stepGroups } from "./simplify.js";
import type { Sketch } from "./sketch.js";
import { drawSketch, sizeOf, sketchOf } from "./sketch.js";

/** The most simpler samples that are tried. Most of them do not fit together, and cost little; a large one counts as several. */
const mostTries = 4000;

/** The size of a sample of about a thousand elements: see `sizeOf`. */
const largeSize = 8192;

/**
 * The smallest example that the steps lead to: each step that keeps what the example shows is taken. The result depends on the example
 * alone, and the number of tries is bounded. Where the right side costs more, extents stay, since costs depend on them.
 */
export function shrinkExample(rule: UserRule, example: Example, createStore: () => WeightStore): Example {
  const isCost = example.shown.kind === "cost";
  let best = example;
  let sketch = sketchOf(example.left, example.inputs);
  let size = sizeOf(sketch);
  let tries = mostTries;
  for (let before = Number.POSITIVE_INFINITY; size < before && tries > 0;) {
    before = size;
    for (const stepsOf of isCost ? costGroups : stepGroups) {
      for (const step of stepsOf(sketch)) {
        const simpler = step(sketch);
        const smaller = simpler && sizeOf(simpler);
        if (!simpler || smaller === undefined || smaller >= size) continue;
        tries -= 1 + Math.floor(smaller / largeSize);
        if (tries < 0) return best;
        const found = stillShows(rule, example.shown, simpler, createStore());
        if (!found) continue;
        [best, sketch, size] = [found, simpler, smaller];
      }
    }
  }
  return best;
}

/** The example of a simpler sample, if it shows the same. */
function stillShows(rule: UserRule, shown: Shown, sketch: Sketch, weights: WeightStore): Example | undefined {
  if (!isLikely(rule, sketch)) return undefined;
  const drawn = drawSketch(sketch, weights);
  if (!drawn) return undefined;
  const { left, inputs } = drawn;
  const applied = applyOnce(rule, left);
  if (!("right" in applied)) {
    const miss = applied.misses.at(-1);
    return miss && shown.kind === "miss" && miss.kind === shown.miss ? missExample(miss, left) : undefined;
  }
  const { right } = applied;
  if (shown.kind === "cost") return { left, right, inputs: new Map(), shown };
  if (shown.kind === "miss") return undefined;
  const { differs, onlyRightFinite, signOfZero, greatest } = compareSides(left, right, inputs);
  switch (shown.kind) {
    case "differs": {
      // A finite difference says more than NaN.
      if (!differs || (Number.isFinite(shown.element.right) && !Number.isFinite(differs.right)))
        return undefined;
      // The tolerance is relative to the greatest value of all samples, of which this one may be.
      const beyond = shown.beyond ?? 0;
      const stated = (rule.approx ?? 0) * greatest;
      if (distance(differs) <= Math.max(beyond, stated)) return undefined;
      return { left, right, inputs, shown: { ...shown, element: differs } };
    }
    case "not-finite": {
      const isInfinite = [...inputs.values()].some(({ data }) =>
        data.some((value) => !Number.isFinite(value)),
      );
      const element = onlyRightFinite ?? (isInfinite ? differs : undefined);
      return element && { left, right, inputs, shown: { ...shown, element } };
    }
    case "sign-of-zero":
      return signOfZero && { left, right, inputs, shown: { ...shown, element: signOfZero } };
    default:
      return shown satisfies never;
  }
}

/** Integers are those of their type. An approximation need not hold for constants that are all 0, which real nets do not have. */
function isLikely({ approx }: UserRule, { parts }: Sketch): boolean {
  return [...parts.values()].every((part) => {
    if (part.kind !== "leaf") return true;
    const { dtype } = part.type;
    if (isInteger(dtype) && !part.data.every((value) => isOf(dtype, value))) return false;
    return approx === undefined || part.node.op !== "constant" || part.data.some((value) => value !== 0);
  });
}
