// Elementwise steps from one integer of a byte to another as tables: the result for each byte, by the arithmetic of the interpreter.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { isInteger } from "#ir/type.js";
import type { ComposedStep } from "#ops/compose.js";
import { operand } from "#ops/scalar.js";
import { evalScalars } from "#ops/scalar-eval.js";
import { integerRange } from "#template/byte-sums.js";

/** Entries of a table, one for each byte. */
const entries = 256;

/** A step. If it has a table, it stands for several. */
export interface TabulatedStep extends ComposedStep {
  readonly table?: readonly number[];
}

/** The number that a value is; undefined if the value is computed, or has several elements. */
type NumberOf = (id: NodeId) => number | undefined;

/**
 * The steps, with a table in place of each run of them from an integer of a byte to an integer. A run is as long as possible, and all its
 * operands besides the flowing value are single numbers. An integer of a byte is one of a range of 256, such as a `u8` less a zero point; its
 * entry is at its last eight bits. However small the tensor is, so that results have the bits of the interpreter.
 */
export function tabulate(graph: Graph, steps: readonly ComposedStep[], numberOf: NumberOf): TabulatedStep[] {
  const found: TabulatedStep[] = [];
  for (let at = 0; at < steps.length;) {
    const step = steps[at] ?? bug("a step is missing");
    const run = isByte(graph, step.from) ? longestRun(steps.slice(at), numberOf) : [];
    found.push(run.length > 0 ? inTable(graph, run, numberOf) : step);
    at += Math.max(1, run.length);
  }
  return found;
}

function isByte(graph: Graph, id: NodeId): boolean {
  const { type } = nodeOf(graph, id);
  if (!isInteger(type.dtype)) return false;
  const [low, high] = integerRange(graph, id);
  return high - low < entries;
}

/** The steps from the first one on, up to the last result of integers that needs no other operands. */
function longestRun(steps: readonly ComposedStep[], numberOf: NumberOf): readonly ComposedStep[] {
  const end = steps.findIndex(({ sides }) => [...sides.values()].some((id) => numberOf(id) === undefined));
  const alone = end < 0 ? steps : steps.slice(0, end);
  return alone.slice(0, alone.findLastIndex(givesIntegers) + 1);
}

/** Whether the result of a step is integers that are exact as f32. */
function givesIntegers({ nodes }: ComposedStep): boolean {
  const dtype = nodes.at(-1)?.type.dtype ?? "f32";
  return isInteger(dtype) && dtype !== "i32";
}

function inTable(graph: Graph, run: readonly ComposedStep[], numberOf: NumberOf): TabulatedStep {
  const [first = bug("a table of no steps")] = run;
  const [low] = integerRange(graph, first.from);
  let values = Float64Array.from({ length: entries }, (_, byte) => low + ((byte - low) & 255));
  for (const { scalar, flow, sides } of run) {
    const operands: Float64Array[] = [];
    for (const at of flow) operands[at] = values;
    for (const [at, id] of sides) operands[at] = new Float64Array(entries).fill(numberOf(id) ?? Number.NaN);
    values = Float64Array.from(evalScalars(scalar, operands, entries));
  }
  return {
    nodes: run.flatMap(({ nodes }) => nodes),
    from: first.from,
    scalar: operand(0),
    flow: [0],
    sides: new Map(),
    table: [...values],
  };
}
