// An error bound for each element of a net's results in f32, computed from its arithmetic. If large terms cancel, the error may be
// much larger than the result, and later functions propagate it by their slope.

import { expectModule } from "#diagnostic/argument.js";
import type { Node, WeightId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { evalNode, opOf, termsOf } from "#ops/index.js";
import type { ErrorKind, Inexact } from "#ops/inexact.js";
import { walk } from "./interpret.js";

/**
 * The relative error of each term of a sum of K terms, from the roundings of the sum. A term goes through at most 8·√K + 8 roundings
 * (`src/kernel/part/sums.ts`), or through K if terms are added in memory. Each rounding error is uniformly distributed up to 2⁻²⁴, a standard
 * deviation of 2⁻²⁴/√3. The roundings are independent (Higham and Mary 2019, "A New Approach to Probabilistic Rounding Error Analysis"), and
 * the result is six standard deviations of their sum, because millions of elements are compared and none may exceed it.
 */
function shareOf(kind: ErrorKind, terms: number): number {
  const roundings = kind === "updates" ? terms : 8 * Math.sqrt(terms) + 8;
  return 2 ** -24 * 6 * Math.sqrt(roundings / 3);
}

/** The error of a formula of one element: relative to its result, and absolute for subnormal results. `test/ops/magnitudes.test.ts` checks it. */
const formula = { relative: 2 ** -20, absolute: 2 ** -147 };

/**
 * The outputs by name, with the error of each element. Each op propagates errors by its slope at its operands, which is found by
 * evaluating the op with operands that are larger, and smaller, by their errors. With `ofWeights`, the errors include those of weights that
 * were rounded to fewer bits. Throws like `interpret`.
 */
export function interpretErrors(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  { ofWeights = false }: { readonly ofWeights?: boolean } = {},
): Map<string, Inexact> {
  expectModule("interpretErrors", module);
  return walk(module.graph, (node, operands: readonly Inexact[]) => {
    if (node.op === "input") {
      const { data } = inputs.get(node.name) ?? tensor(node.type.shape);
      return exactly({ shape: node.type.shape, data });
    }
    if (node.op === "constant") {
      const { weight } = node.attributes;
      const value = module.weights.read(weight);
      return ofWeights ? { value, errors: roundingErrors(module.weights, weight, value) } : exactly(value);
    }
    const value = evalNode(
      node,
      operands.map((operand) => operand.value),
    );
    const types = node.inputs.map((id) => nodeOf(module.graph, id).type);
    return { value, errors: errorsOf(node, operands, value, termsOf(node, types)) };
  });
}

function exactly(value: Tensor): Inexact {
  return { value, errors: new Float64Array(value.data.length) };
}

/**
 * The errors of a weight that was rounded, if it was: six times what its elements lost. They are independent of each other, so what is lost
 * is like a standard deviation.
 */
function roundingErrors(weights: WeightStore, id: WeightId, { data }: Tensor): Float64Array {
  const { source } = entryOf(weights, id);
  if (source.kind !== "compact" || !source.isRounded) return new Float64Array(data.length);
  const exact = weights.read(source.of).data;
  return data.map((value, at) => 6 * Math.abs(value - (exact[at] as number)));
}

function errorsOf(node: Node, operands: readonly Inexact[], value: Tensor, terms: number): Float64Array {
  const { errors: rule } = opOf(node.op);
  if (typeof rule === "function") return rule(operands, node.attributes, value, shareOf("sums", terms));
  const share = shareOf(rule, terms);
  switch (rule) {
    case "moves":
      return slopes(node, operands, value);
    case "maps": {
      const errors = slopes(node, operands, value);
      for (const [at, result] of value.data.entries())
        if (Number.isFinite(result))
          errors[at] = (errors[at] as number) + formula.relative * Math.abs(result) + formula.absolute;
      return errors;
    }
    case "sums":
    case "updates":
      return slopes(
        node,
        operands.map((operand) => ({ value: operand.value, errors: withShare(operand, share) })),
        value,
      );
    case "products":
      return products(node, operands, share);
    default:
      return rule satisfies never;
  }
}

/** The errors of the terms of a sum, or of their factors, including the roundings of the sum. */
function withShare({ value, errors }: Inexact, share: number): Float64Array {
  return errors.map((error, at) => error + share * Math.abs(value.data[at] as number));
}

/**
 * The changes of the result with each operand larger, or smaller, by its errors: exact for ops that are monotone
 * or linear without negative weights. A change that is not finite comes from an edge of the domain and is ignored.
 */
function slopes(node: Node, operands: readonly Inexact[], value: Tensor): Float64Array {
  const total = new Float64Array(value.data.length);
  for (const [at, { value: operand, errors }] of operands.entries()) {
    if (opOf(node.op).operands[at]?.places || errors.every((error) => error === 0)) continue;
    const most = new Float64Array(value.data.length);
    const others = operands.map((one) => one.value);
    for (const sign of [1, -1]) {
      const data = operand.data.map((x, index) => x + sign * (errors[index] as number));
      const moved = evalNode(node, others.with(at, { shape: operand.shape, data })).data;
      for (const [index, result] of value.data.entries()) {
        const further = Math.abs((moved[index] as number) - result);
        if (further > (most[index] as number) && further < Number.POSITIVE_INFINITY) most[index] = further;
      }
    }
    for (const [index, further] of most.entries()) total[index] = (total[index] as number) + further;
  }
  return total;
}

/** √(Σ squares of the errors of terms): op(Δa², b²) + op(a², Δb²), where the roundings of terms are part of the error of their first factor. */
function products(node: Node, operands: readonly Inexact[], share: number): Float64Array {
  const squares = operands.map(({ value }) => squared(value, value.data));
  const [first, second, ...rest] = operands.map(({ value }, at) => {
    const errors =
      at === 1 ? (operands[1]?.errors ?? new Float64Array()) : withShare(operands[at] as Inexact, share);
    return squared(value, errors);
  });
  if (!first || !second) return new Float64Array();
  const [a, b, ...offsets] = squares;
  const own = evalNode(node, [first, b ?? second, ...rest]).data;
  if (second.data.every((error) => error === 0)) return own.map(Math.sqrt);
  const none = offsets.map(({ shape }) => tensor(shape));
  const other = evalNode(node, [a ?? first, second, ...none]).data;
  return own.map((square, at) => Math.sqrt(square + (other[at] as number)));
}

function squared({ shape }: Tensor, data: Float64Array): Tensor {
  return { shape, data: data.map((value) => value * value) };
}
