// Measures the kernels of an optimized model, for the commands that report times.

import { profile } from "#measure/profile.js";
import type { Module } from "#ir/weights.js";
import type { Model } from "#node/read-model.js";
import { gpuDiagnostic, nodeGpu } from "#node/gpu.js";
import type { ProfileReport } from "#report/profile.js";
import type { PassOptions } from "../options/passes.js";
import { packing } from "../output/progress.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import { readDevices } from "./devices.js";

export interface MeasureOptions extends PassOptions {
  readonly threads: number;
  readonly runs: number;
}

/** The times of a module that has kernels, or undefined after errors. */
export async function measureModel(
  model: Model,
  module: Module,
  options: MeasureOptions,
  session: Session,
): Promise<ProfileReport | undefined> {
  // By default, Dawn rounds timestamps to a tenth of a millisecond.
  const gpu =
    options.target === "wgsl" ? await nodeGpu(["disable-dawn-features=timestamp_quantization"]) : undefined;
  if (gpu && !gpu.value) return fail(gpu.diagnostics, session);
  const devices = readDevices(options, session);
  if (!devices) return undefined;
  return profile(module, {
    target: options.target,
    ...devices,
    ...(gpu?.value ? { gpu: gpu.value } : {}),
    f16: options.f16 ?? false,
    verify: options.verify ?? false,
    written: model,
    threads: options.threads,
    runs: options.runs,
    sources: model.sources,
    onPacked: packing(session.progress),
    onStep: (step) => session.progress.show(step),
  }).catch((cause: unknown) => {
    const known = gpuDiagnostic(cause);
    if (!known) throw cause;
    return fail(known.diagnostics, session);
  });
}

function fail(diagnostics: Parameters<typeof report>[1], session: Session): undefined {
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
}
