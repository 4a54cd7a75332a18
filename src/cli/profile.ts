// `cleave profile`: how long each kernel of the emitted module takes, on a CPU beside what the machine allows.

import type { Command } from "commander";
import { Option } from "commander";
import { profile } from "#measure/profile.js";
import { profileText } from "#report/profile.js";
import { gpuDiagnostic, nodeGpu } from "#node/gpu.js";
import { readDevices } from "./devices.js";
import { jsonText } from "./json.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { checkThreads, modelHelp, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import { countOption, threadCount } from "./number-options.js";
import { packing } from "./progress.js";
import type { Session } from "./session.js";
import { report } from "./terminal.js";

interface ProfileOptions extends ModelOptions, PassOptions {
  readonly threads: number;
  readonly runs: number;
  readonly sort: "order" | "time";
  readonly json?: boolean;
}

export function addProfile(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("profile")))
    .description(
      "time each kernel of the emitted module; on a CPU beside what the machine allows, on WebGPU by the device's timestamps",
    )
    .argument("<model>", modelHelp)
    .option("--threads <n>", "how many threads compute (target wasm)", threadCount, 1)
    .option("--runs <n>", "how many runs are timed", countOption, 20)
    .addOption(new Option("--sort <by>", "order of the kernels").choices(["order", "time"]).default("order"))
    .option("--json", "print the numbers as JSON")
    .action((path: string, options: ProfileOptions) => profileModel(path, options, session));
}

async function profileModel(path: string, options: ProfileOptions, session: Session): Promise<void> {
  if (!checkThreads(options, session)) return;
  // Dawn rounds timestamps to a tenth of a millisecond unless it is told not to.
  const gpu =
    options.target === "wgsl" ? await nodeGpu(["disable-dawn-features=timestamp_quantization"]) : undefined;
  if (gpu && !gpu.value) return fail(gpu.diagnostics, session);
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (!model || !optimized) return;
  const devices = readDevices(options, session);
  if (!devices) return;
  const profiled = await profile(optimized.module, {
    target: options.target,
    ...devices,
    ...(gpu?.value ? { gpu: gpu.value } : {}),
    f16: options.f16 ?? false,
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
