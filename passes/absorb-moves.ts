// Removes moves of elements: it takes them into the weights of the next layer, moves them past other ops, and makes one of two. A
// move is a transpose with the reshapes around it. Exporters write flattened images, shuffled channels and attention heads as moves.

import type { OpName } from "#ir/graph.js";
import { opNames, opOf } from "#ops/index.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import type { NativeRule, Rewrite } from "#rewrite/rule/rule.js";
import { applyRules } from "#rewrite/rule/sweep.js";
import { moveBelowElementwise, moveBelowSlice } from "./absorb-moves/below-ops.js";
import { moveIntoWeight } from "./absorb-moves/into-weights.js";
import {
  oneOfTwo,
  productOfTransposed,
  transposeAboveConcat,
  transposeAboveSlice,
} from "./absorb-moves/transposes.js";
import { views } from "./rules/views.js";

export const absorbMoves: Pass = {
  name: "absorb-moves",
  doc: "Takes transposes, with the reshapes around them, into the weights that follow or past other ops, and makes one of two.",
  rules: () => [...moveRules, ...views.rules()],
  run: (module, { report, onApply }) =>
    applyRules(module, [...moveRules, ...views.rules()], { pass: "absorb-moves", report, onApply }),
};

const elementwise = opNames.filter((op) => opOf(op).classes.includes("elementwise"));

const moveRules: readonly NativeRule[] = [
  rule("move_into_weight", ["dense", "conv2d", "conv2d_transpose"], moveIntoWeight),
  rule("move_below_elementwise", elementwise, moveBelowElementwise),
  rule("move_below_slice", ["slice"], moveBelowSlice),
  rule("product_of_transposed", ["matmul"], productOfTransposed),
  rule("two_moves", ["transpose"], oneOfTwo),
  rule("transpose_above_slice", ["transpose"], transposeAboveSlice),
  rule("transpose_above_concat", ["transpose"], transposeAboveConcat),
];

function rule(name: string, ops: readonly OpName[], rewrite: Rewrite): NativeRule {
  return { kind: "native", name, ops, rewrite };
}
