// The passes, in the order in which they run.

import type { Pass } from "#rewrite/pipeline/pass.js";
import { absorbMoves } from "./absorb-moves.js";
import { applyRules } from "./apply-rules.js";
import { canonicalize } from "./canonicalize.js";
import { centerIntegers } from "./center-integers.js";
import { compactWeights } from "./compact-weights.js";
import { cutWeights } from "./cut-weights.js";
import { divideSums } from "./divide-sums.js";
import { eliminateCommonSubexpressions } from "./eliminate-common-subexpressions.js";
import { eliminateDeadNodes } from "./eliminate-dead-nodes.js";
import { foldBatchNorm } from "./fold-batch-norm.js";
import { foldConstants } from "./fold-constants.js";
import { foldPadding } from "./fold-padding.js";
import { fuse } from "./fuse.js";
import { hoistPools } from "./hoist-pools.js";
import { lowerTransposed } from "./lower-transposed.js";
import type { PassOptions } from "./options.js";
import { split } from "./split.js";

export type { PassOptions } from "./options.js";

/** The passes that bring integers into a form that kernels of f32 need, and nothing else. */
export const forF32Kernels: readonly string[] = [centerIntegers.name, divideSums.name];

/** The passes whose result depends on the target, besides `split`, which only weighs its times. */
export const forTargets: readonly string[] = [
  centerIntegers.name,
  divideSums.name,
  cutWeights.name,
  fuse.name,
];

/**
 * The standard pipeline. Dead nodes are also dropped first, because a rule does not apply to a value that a dead node reads. The
 * user's own rules run twice: on the graph as it was written, and after the built-in rules have brought it into their form.
 */
export const passes: readonly Pass<PassOptions>[] = [
  eliminateDeadNodes,
  foldConstants,
  applyRules,
  canonicalize,
  foldPadding,
  foldBatchNorm,
  absorbMoves,
  hoistPools,
  applyRules,
  eliminateCommonSubexpressions,
  eliminateDeadNodes,
  split,
  lowerTransposed,
  centerIntegers,
  divideSums,
  cutWeights,
  compactWeights,
  fuse,
];
