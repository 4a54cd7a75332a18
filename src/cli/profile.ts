// `cleave profile`: how long each kernel of the emitted module takes, beside what the machine allows.

import type { Command } from "commander";
import { Option } from "commander";
import { profile } from "#compile/profile.js";
import { profileText } from "#report/profile.js";
import { jsonText } from "./json.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import { checkThreads, emitOptions, withModelOptions, withPassOptions } from "./model-options.js";
import { loadModel, optimizeModel } from "./model.js";
import { countOption, threadCount } from "./number-options.js";
import { packing } from "./progress.js";
import type { Session } from "./session.js";
import { exit } from "./terminal.js";

interface ProfileOptions extends ModelOptions, PassOptions {
  readonly threads: number;
  readonly runs: number;
  readonly sort: "order" | "time";
  readonly json?: boolean;
}

export function addProfile(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("profile")))
    .description("time each kernel of the emitted module, and compare it with what the machine allows")
    .argument("<model>", "a .net file")
    .option("--threads <n>", "how many threads compute (target wasm)", threadCount, 1)
    .option("--runs <n>", "how many runs are timed", countOption, 20)
    .addOption(new Option("--sort <by>", "order of the kernels").choices(["order", "time"]).default("order"))
    .option("--json", "print the numbers as JSON")
    .action((path: string, options: ProfileOptions) => profileModel(path, options, session));
}

async function profileModel(path: string, options: ProfileOptions, session: Session): Promise<void> {
  if (!checkThreads(options, session)) return;
  if (options.target === "wgsl") {
    session.terminal.err("error: profile times kernels on a CPU: --target is wasm or js\n");
    session.code = exit.wrongUsage;
    return;
  }
  const model = loadModel(path, options, session);
  const optimized = model && optimizeModel(model, options, session);
  if (!model || !optimized) return;
  const report = await profile(optimized.module, {
    ...emitOptions(options),
    threads: options.threads,
    runs: options.runs,
    sources: model.sources,
    onPacked: packing(session.progress),
    onStep: (step) => session.progress.show(step),
  });
  session.terminal.out(options.json ? jsonText(report) : profileText(report, options.sort));
}
