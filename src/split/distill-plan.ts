// A plan with its layers distilled.

import type { OnProgress } from "#calibrate/progress.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { distill } from "#gradient/distill.js";
import type { SplitPlan } from "./split-network.js";
import type { TriedNetwork } from "./try-network.js";

/**
 * The plan after up to `steps` gradient steps on its factors and biases (see `distill`). Response errors stay those of the fit: a layer
 * now makes up for others.
 */
export async function distillPlan(
  { module, samples, target, seed, threads, checkpoints }: TriedNetwork,
  plan: SplitPlan,
  steps: number,
  onProgress?: OnProgress,
): Promise<Result<SplitPlan>> {
  const { value, diagnostics } = await distill(module, plan.layers, samples, {
    target,
    steps,
    seed,
    threads,
    checkpoints,
    ...(onProgress ? { onProgress } : {}),
  });
  if (!value) return { diagnostics };
  const { layers, ...distilled } = value;
  return { value: { ...plan, layers, distilled }, diagnostics };
}
