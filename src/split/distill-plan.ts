// A plan with its layers distilled.

import type { OnProgress } from "#calibrate/progress.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { distill } from "#gradient/distill.js";
import { responseErrors, tapsForResponses } from "./response-errors.js";
import type { PlannedLayer, SplitPlan } from "./split-network.js";
import { openCurrent } from "./split-network.js";
import type { TriedNetwork } from "./try-network.js";

/** The plan after up to `steps` gradient steps on its factors and biases (see `distill`), with the response errors that this leaves. */
export async function distillPlan(
  tried: TriedNetwork,
  plan: SplitPlan,
  steps: number,
  onProgress?: OnProgress,
): Promise<Result<SplitPlan>> {
  const { module, samples, target, seed, threads, checkpoints } = tried;
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
  if (value.best === 0) return { value: { ...plan, distilled }, diagnostics };
  const planned = await plannedAgain(tried, plan.planned, layers, onProgress);
  return planned.value
    ? { value: { layers, planned: planned.value, distilled }, diagnostics }
    : { diagnostics: planned.diagnostics };
}

/** The layers with their response errors measured again. */
async function plannedAgain(
  tried: TriedNetwork,
  planned: readonly PlannedLayer[],
  layers: SplitPlan["layers"],
  onProgress: OnProgress | undefined,
): Promise<Result<readonly PlannedLayer[]>> {
  const split = tried.layers.filter(({ candidate }) => layers.has(candidate.node.name));
  const { value: current, diagnostics } = await openCurrent(tried, layers, tapsForResponses(split));
  if (!current) return { diagnostics };
  const { original, samples } = tried;
  const measuring = responseErrors(split, { original, current }, samples, onProgress);
  const errors = await measuring.finally(() => current.dispose());
  const value = planned.map((layer) => {
    const { responseError: fittedError } = layer;
    const responseError = errors.get(layer.candidate.node.name);
    return responseError === undefined || fittedError === undefined
      ? layer
      : { ...layer, responseError, fittedError };
  });
  return { value, diagnostics: [] };
}
