// How pictures become values of an input: what is said, else what the ops say that read the input, else a default.

import type { Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Preprocess } from "#ir/preprocess.js";
import { defaultPreprocess, preprocessProblem, rangeProblem } from "#ir/preprocess.js";
import type { Module } from "#ir/weights.js";
import { layoutOf } from "./layout.js";

/** How pictures become values of an input, and what is wrong with that. */
export function preprocessOf(
  module: Module,
  input: Node,
  said: Partial<Preprocess>,
): { readonly value: Preprocess; readonly problem: string | undefined } {
  const layout = layoutOf(module.graph, input);
  const value = {
    ...defaultPreprocess(input.type),
    ...(layout && { layout }),
    ...(takesBytes(module, input) && { scale: 1 }),
    ...said,
  };
  return { value, problem: preprocessProblem(value, input.type) ?? rangeProblem(value, input.type) };
}

/** Values from 0 to 1, or from −1 to 1, have smaller means and deviations; those of bytes are larger. */
const leastOfBytes = 16;

/**
 * Whether the first ops that read an input normalize values from 0 to 255, as a layer `Rescaling(1/255)` of Keras does: they subtract
 * a mean and divide by a deviation, at least one of which is large.
 */
function takesBytes({ graph, weights }: Module, input: Node): boolean {
  // The value so far is (x − mean) / deviation.
  let [mean, deviation] = [0, 1];
  let node = input;
  for (;;) {
    const [only, ...others] = users(graph).get(node.id) ?? [];
    const user = only === undefined || others.length > 0 ? undefined : nodeOf(graph, only);
    if (!user) break;
    if (!keepsValues.has(user.op)) {
      const [a, b] = user.inputs.map((id) => nodeOf(graph, id));
      const constant = a?.op === "constant" ? a : b?.op === "constant" ? b : undefined;
      if (!constant || user.inputs.length !== 2) break;
      const number = average(weights.read(constant.attributes.weight).data);
      const isSecond = constant === b;
      if (user.op === "mul") deviation /= number;
      else if (user.op === "div" && isSecond) deviation *= number;
      else if (user.op === "add") mean -= number * deviation;
      else if (user.op === "sub") {
        mean += number * deviation;
        if (!isSecond) deviation = -deviation;
      } else break;
    }
    node = user;
  }
  return [mean, deviation].some((one) => Number.isFinite(one) && Math.abs(one) >= leastOfBytes);
}

/** Ops that move values, or mix those of neighbours. */
const keepsValues: ReadonlySet<string> = new Set(["transpose", "reshape", "gather", "pad", "resize"]);

function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] ?? 0;
  return sum / values.length;
}
