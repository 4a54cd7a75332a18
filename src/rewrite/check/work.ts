// Estimates the cost of a value, precisely enough to compare the two sides of a rule.

import type { Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { isMember, macsOf, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import type { Scalar, ScalarUnary } from "#ops/scalar.js";
import { operand } from "#ops/scalar.js";
import type { Side } from "./compare-sides.js";
import { cone } from "./evaluate.js";

/** The steps of a function that is a series or a table, and of a square root; an addition is one step. */
const functionSteps = 8;
const rootSteps = 4;
const unarySteps: Readonly<Record<ScalarUnary, number>> = {
  neg: 1,
  abs: 1,
  floor: 1,
  ceil: 1,
  round: 1,
  f32: 0,
  sqrt: rootSteps,
  exp: functionSteps,
  log: functionSteps,
  tanh: functionSteps,
  erf: functionSteps,
  sin: functionSteps,
  cos: functionSteps,
};

/** The work for the values of a side and everything that they need. */
export interface Work {
  readonly macs: number;
  readonly steps: number;
  /** The number of ops that are not free. */
  readonly ops: number;
}

/**
 * Multiply-accumulates, and arithmetic steps of everything else. An elementwise op takes the steps of its expression for each element;
 * any other op takes one for each element that it reads (with a window, once per read) and writes. Views and constants are free.
 */
export function workOf({ module, roots }: Side): Work {
  let macs = 0;
  let steps = 0;
  let ops = 0;
  for (const node of cone(module, roots)) {
    if (node.op === "input" || node.op === "constant") continue;
    const types = operands(module.graph, node).map((one) => one.type);
    const own = macsOf(node, types);
    const rest = own > 0 ? 0 : stepsOf(module, node);
    macs += own;
    steps += rest;
    if (own + rest > 0) ops += 1;
  }
  return { macs, steps, ops };
}

function stepsOf({ graph }: Module, node: Node): number {
  const op = opOf(node.op);
  const types = operands(graph, node).map((one) => one.type);
  const made = elements(node.type.shape);
  if (isMember("view", node, types)) return 0;
  if (op.scalar) {
    const expression = op.scalar(
      types.map((_, index) => operand(index)),
      node.attributes as Attributes,
    );
    return made * scalarSteps(expression);
  }
  const { kernel } = node.attributes as Attributes;
  if (Array.isArray(kernel))
    return made + made * kernel.reduce((product: number, one: number) => product * one, 1);
  return types.reduce((sum, type) => sum + elements(type.shape), made);
}

/** The steps of an expression; a part that is used twice is computed once. */
function scalarSteps(scalar: Scalar, seen = new Set<Scalar>()): number {
  if (seen.has(scalar)) return 0;
  seen.add(scalar);
  switch (scalar.kind) {
    case "operand":
    case "number":
      return 0;
    case "unary":
      return unarySteps[scalar.fn] + scalarSteps(scalar.x, seen);
    case "binary": {
      const parts = scalarSteps(scalar.a, seen) + scalarSteps(scalar.b, seen);
      if (scalar.fn === "pow") return 2 * functionSteps + parts;
      // A bound at infinity costs nothing.
      const isFree = [scalar.a, scalar.b].some((one) => one.kind === "number" && !Number.isFinite(one.value));
      return (isFree ? 0 : 1) + parts;
    }
    case "select":
      return [scalar.a, scalar.b, scalar.then, scalar.otherwise].reduce(
        (sum, part) => sum + scalarSteps(part, seen),
        1,
      );
    default:
      return scalar satisfies never;
  }
}
