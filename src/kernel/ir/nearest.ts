// `nearest`: the integer nearest to a number within bounds, and the single steps that it stands for.

import type { Value } from "./ir.js";
import { binary, choose, f32, unary } from "./expressions.js";

/** A value as the integer nearest to another within bounds, if it has the form that `quantize` gives it. */
export function nearestOf(value: Value): Value | undefined {
  if (value.kind !== "binary" || value.fn !== "min") return undefined;
  const [choice, high] = [value.a, constantOf(value.b)];
  if (choice.kind !== "select_compare" || choice.fn !== "lt" || high === undefined) return undefined;
  const [low, steps] = [constantOf(choice.a), choice.b];
  if (low === undefined || choice.then !== steps || constantOf(choice.otherwise) !== low) return undefined;
  const isMoved = steps.kind === "binary" && steps.fn === "add";
  const [rounded, zero] = isMoved ? [steps.a, constantOf(steps.b)] : [steps, 0];
  if (rounded.kind !== "unary" || rounded.fn !== "round" || zero === undefined) return undefined;
  return { kind: "nearest", type: rounded.type, x: rounded.x, zero, low, high };
}

/** What `nearest` computes, in single steps; see `nearestOf`. */
export function nearestInSteps({ x, zero, low, high }: Extract<Value, { kind: "nearest" }>): Value {
  const steps = binary("add", unary("round", x), f32(zero));
  const atLeast = choose("lt", { a: f32(low), b: steps, then: steps, otherwise: f32(low) });
  return binary("min", atLeast, f32(high));
}

/** The number that an f32, or each lane of a vec, is, if it is known at compile time. */
function constantOf(value: Value): number | undefined {
  const one = value.kind === "splat" ? value.x : value;
  return one.kind === "const" && one.type === "f32" ? one.value : undefined;
}
