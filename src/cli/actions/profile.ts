// The action of `cleave profile`: measures the time of each kernel and, on a CPU, the limits of the machine.

import { profile } from "#measure/profile.js";
import { profileText } from "#report/profile.js";
import { gpuDiagnostic, nodeGpu } from "#node/gpu.js";
import { readDevices } from "../model/devices.js";
import { loadModel } from "../model/load.js";
import { hasKernels, optimizeModel } from "../model/optimize.js";
import type { ModelOptions } from "../options/model.js";
import type { PassOptions } from "../options/passes.js";
import { checkThreads } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { packing } from "../output/progress.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

export interface ProfileOptions extends ModelOptions, PassOptions {
  readonly threads: number;
  readonly runs: number;
  readonly sort: "order" | "time";
  readonly json?: boolean;
}

export async function profileModel(path: string, options: ProfileOptions, session: Session): Promise<void> {
  if (!checkThreads(options, session)) return;
  // By default, Dawn rounds timestamps to a tenth of a millisecond.
  const gpu =
    options.target === "wgsl" ? await nodeGpu(["disable-dawn-features=timestamp_quantization"]) : undefined;
  if (gpu && !gpu.value) return fail(gpu.diagnostics, session);
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (!model || !optimized || !hasKernels(optimized.module, model, options.target, session)) return;
  const devices = readDevices(options, session);
  if (!devices) return;
  const profiled = await profile(optimized.module, {
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
  if (profiled) session.terminal.out(options.json ? jsonText(profiled) : profileText(profiled, options.sort));
}

function fail(diagnostics: Parameters<typeof report>[1], session: Session): undefined {
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
}
