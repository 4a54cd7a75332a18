// Distills the layers of a plan.

import { given } from "#diagnostic/given.js";
import type { OnProgress } from "#calibrate/progress.js";
import { openProbes } from "#calibrate/probes.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { distill } from "#gradient/distill/distill.js";
import { probesForRows } from "./gather-rows.js";
import { responseErrors, probesForResponses } from "./response-errors.js";
import type { PlannedLayer, SplitPlan } from "./split-network.js";
import { withLayers } from "./split-network.js";
import type { TriedNetwork } from "./try-network.js";

/** The plan after up to `steps` gradient steps on its factors and biases (see `distill`), with the response errors after them. */
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
    ...given({ onProgress }),
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
  const { module, samples, target, threads } = tried;
  const now = withLayers(module, layers, target);
  if (!now.value) return { diagnostics: now.diagnostics };
  const wanted = split.flatMap(({ candidate, around }) => probesForRows(candidate, around).original);
  const opened = [
    await openProbes(module, wanted, { threads }),
    await openProbes(now.value, probesForResponses(split), { threads }),
  ];
  const [original, current] = opened.map(({ value }) => value);
  const close = (): void => {
    original?.dispose();
    current?.dispose();
  };
  if (!original || !current) {
    close();
    return { diagnostics: opened.flatMap(({ diagnostics }) => diagnostics) };
  }
  const errors = await responseErrors(split, { original, current }, samples, onProgress).finally(close);
  const value = planned.map((layer) => {
    const { responseError: fittedError } = layer;
    const responseError = errors.get(layer.candidate.node.name);
    return responseError === undefined || fittedError === undefined
      ? layer
      : { ...layer, responseError, fittedError };
  });
  return { value, diagnostics: [] };
}
