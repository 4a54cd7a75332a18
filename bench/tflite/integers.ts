// How values become integers of 8 bits, as the converter of TensorFlow Lite makes them (https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec):
// activations with one scale and a zero point, by the least and the greatest value that samples show; weights symmetric, with a scale for
// each output channel; biases as sums, in 32 bits.

import type { Graph, NodeId, OpName } from "../../src/ir/graph.js";
import { nodeOf } from "../../src/ir/graph.js";
import type { Builtin } from "./schema.js";

/** The least and the greatest value of a tensor. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Ranges of the values of a graph, by node. */
export type Ranges = ReadonlyMap<NodeId, Range>;

/** An integer q stands for scale · (q − zero). With several scales, each is that of a place along `axis`. */
export interface Quantization {
  readonly scales: readonly number[];
  readonly zero: number;
  readonly axis: number;
}

/** Operators that only move integers, or choose some of them: the result has the scale and the zero point of the first operand. */
export const moves: ReadonlySet<Builtin> = new Set([
  "RESHAPE",
  "TRANSPOSE",
  "PAD",
  "PADV2",
  "SLICE",
  "STRIDED_SLICE",
  "MAX_POOL_2D",
  "AVERAGE_POOL_2D",
  "REDUCE_MAX",
  "RESIZE_BILINEAR",
  "RESIZE_NEAREST_NEIGHBOR",
]);

/** The ops that are written as these, and joins: values that they read should have one scale with their result. */
const sharing: ReadonlySet<OpName> = new Set([
  "reshape",
  "transpose",
  "pad",
  "slice",
  "identity",
  "max_pool",
  "avg_pool",
  "global_max_pool",
  "reduce_max",
  "resize",
  "concat",
]);

const eighth = (scale: number, zero: number): Quantization => ({ scales: [scale], zero, axis: 0 });

/** Results whose scale the format prescribes. */
export const prescribed: Readonly<Partial<Record<Builtin, Quantization>>> = {
  LOGISTIC: eighth(1 / 256, -128),
  SOFTMAX: eighth(1 / 256, -128),
  TANH: eighth(1 / 128, 0),
};

const isPrescribed = (op: OpName): boolean => op === "sigmoid" || op === "softmax" || op === "tanh";

/** 256 steps over a range, which is extended to 0, so that 0 is an integer. */
export function quantizationOf({ low, high }: Range): Quantization {
  const [least, greatest] = [Math.min(low, 0), Math.max(high, 0)];
  const scale = greatest > least ? Math.fround((greatest - least) / 255) : 1;
  return eighth(scale, Math.round(-128 - least / scale));
}

/** The range of some values. */
export function rangeOf(values: Float32Array): Range {
  let { low, high } = nothing;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/** A range that contains no value. */
const nothing: Range = { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY };

/** The range of the values of both. */
export function extended(a: Range, b: Range): Range {
  return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
}

/** The ranges of the nodes' values where those that should have one scale have one range. */
export function sharedRanges(graph: Graph, ranges: Ranges): Ranges {
  const firsts = new Map<NodeId, NodeId>();
  const first = (id: NodeId): NodeId => {
    const next = firsts.get(id);
    return next === undefined ? id : first(next);
  };
  for (const node of graph.nodes.values()) {
    if (!sharing.has(node.op)) continue;
    for (const input of node.op === "concat" ? node.inputs : node.inputs.slice(0, 1)) {
      const [from, to] = [first(input), first(node.id)];
      if (from !== to && ranges.has(input) && !isPrescribed(nodeOf(graph, input).op)) firsts.set(from, to);
    }
  }
  const shared = new Map<NodeId, Range>();
  for (const [id, range] of ranges) shared.set(first(id), extended(shared.get(first(id)) ?? nothing, range));
  return new Map([...ranges].map(([id, range]) => [id, shared.get(first(id)) ?? range]));
}

/** Integers of values in rows of `inner` elements for each place along the axis of scales, or with one scale. */
export function toIntegers(values: Float32Array, { scales, zero }: Quantization, inner = 1): Int8Array {
  return Int8Array.from(values, (value, at) => {
    const scale = scales[Math.floor(at / inner) % scales.length] ?? 1;
    return clamped(Math.round(value / scale) + zero, -128, 127);
  });
}

/** The scales of weights: 127 stands for the greatest absolute value of each place along an axis. */
export function symmetric(values: Float32Array, axis: number, places: number, inner: number): Quantization {
  const most = new Float32Array(places);
  for (const [at, value] of values.entries()) {
    const place = Math.floor(at / inner) % places;
    most[place] = Math.max(most[place] ?? 0, Math.abs(value));
  }
  // A channel of zeros gets the scale of the others, because runtimes limit quotients of scales.
  const other = most.reduce((all, one) => Math.max(all, one), 0) || 127;
  return { scales: Array.from(most, (one) => Math.fround((one || other) / 127)), zero: 0, axis };
}

/** A bias in 32 bits, by a scale for each element. */
export function toSums(values: Float32Array, scales: readonly number[]): Int32Array {
  return Int32Array.from(values, (value, at) =>
    clamped(Math.round(value / (scales[at % scales.length] ?? 1)), -(2 ** 31), 2 ** 31 - 1),
  );
}

function clamped(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
