// Integers in the samples of a rule: which rules can have some, and which operands are of which type.

import type { Node, OpName } from "#ir/graph.js";
import type { DType, IntegerType } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { Random } from "#ops/random.js";
import type { EachPattern, Pattern, UserRule } from "../rule/rule.js";

/** Whether a sample of a rule can have integers, and whether it must: a conversion from integers takes nothing else. */
export function integersOf({ roots }: UserRule): { readonly can: boolean; readonly must: boolean } {
  const ops = roots.flatMap(opsOf);
  return {
    can: ops.some((op) => opOf(op).integers !== undefined),
    must: ops.includes("dequantize"),
  };
}

function opsOf(pattern: Pattern | EachPattern): readonly OpName[] {
  switch (pattern.kind) {
    case "op":
      return [...pattern.ops, ...pattern.operands.flatMap(opsOf)];
    case "either":
      return pattern.alternatives.flatMap(opsOf);
    case "each":
      return opsOf(pattern.pattern);
    default:
      return [];
  }
}

/** The element type of each operand of an op: integers in a sample of integers, if the op takes them and no known operand is f32. */
export function elementOf(
  { random, dtype }: { readonly random: Random; readonly dtype: IntegerType | undefined },
  name: OpName,
  inner: ReadonlyMap<number, Node>,
): (at: number) => DType {
  const { integers, operands } = opOf(name);
  const isPlaces = (at: number): boolean => operands[Math.min(at, operands.length - 1)]?.places ?? false;
  const known = [...inner].flatMap(([at, { type }]) => (isPlaces(at) ? [] : [type.dtype]));
  if (dtype === undefined || integers === undefined || known.includes("f32")) return () => "f32";
  const [own = dtype] = known;
  switch (integers) {
    case "converts":
      return (at) => (name === "dequantize" && at === 0 ? own : "f32");
    case "adds":
      // Most sums of two values are f32.
      return known.length > 0 || random.next() < 0.3 ? () => "i32" : () => "f32";
    case "sums":
      return (at) => (at === 2 ? "i32" : own === "i32" && operands.length > 1 ? dtype : own);
    case "moves":
      return known.length > 0 || random.next() < 0.8 ? (at) => (isPlaces(at) ? "f32" : own) : () => "f32";
    default:
      return integers satisfies never;
  }
}
