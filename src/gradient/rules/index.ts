// The rule of each op, or "none".

import type { OpName } from "#ir/graph.js";
import { elementwise } from "#ops/elementwise.js";
import { opOf } from "#ops/index.js";
import type { Rule } from "../rule.js";
import { convolutionRule, depthwiseRule, transposedRule } from "./convolution.js";
import { batchNormRule, elementwiseRule } from "./elementwise.js";
import {
  concatRule,
  gatherRule,
  padRule,
  reshapeRule,
  resizeRule,
  sliceRule,
  transposeRule,
} from "./moves.js";
import {
  avgPoolRule,
  globalAvgPoolRule,
  globalMaxPoolRule,
  groupNormRule,
  layerNormRule,
  maxPoolRule,
  reduceExtremeRule,
  reduceMeanRule,
  reduceSumRule,
  softmaxRule,
} from "./pools.js";
import { denseRule, matmulRule } from "./products.js";

type Elementwise = keyof typeof elementwise;

/** Elementwise ops have a rule by their expression. `none`: a gradient through the op is an error. */
const rules: { readonly [O in Exclude<OpName, Elementwise>]: Rule<O> | "none" } = {
  // These have no operands.
  input: () => [],
  constant: () => [],
  conv2d: convolutionRule,
  depthwise_conv2d: depthwiseRule,
  conv2d_transpose: transposedRule,
  dense: denseRule,
  matmul: matmulRule,
  batch_norm: batchNormRule,
  layer_norm: layerNormRule,
  group_norm: groupNormRule,
  max_pool: maxPoolRule,
  avg_pool: avgPoolRule,
  global_avg_pool: globalAvgPoolRule,
  global_max_pool: globalMaxPoolRule,
  pad: padRule,
  concat: concatRule,
  slice: sliceRule,
  reshape: reshapeRule,
  transpose: transposeRule,
  resize: resizeRule,
  gather: gatherRule,
  scatter: "none",
  top_k: "none",
  non_max_suppression: "none",
  softmax: softmaxRule,
  reduce_sum: reduceSumRule,
  reduce_mean: reduceMeanRule,
  reduce_max: reduceExtremeRule,
  reduce_min: reduceExtremeRule,
  reduce_prod: "none",
};

/** The rule of an op; undefined if it has none. */
export function ruleOf(op: OpName): Rule | undefined {
  // Integers have no gradient.
  if (opOf(op).integers === "converts") return undefined;
  if (Object.hasOwn(elementwise, op)) return elementwiseRule;
  const rule = rules[op as Exclude<OpName, Elementwise>];
  // The rule takes nodes of exactly this op.
  return rule === "none" ? undefined : (rule as unknown as Rule);
}
