// `cleave profile`: how long each kernel of the emitted module takes, on a CPU beside what the machine allows.

import type { Command } from "commander";
import { Option } from "commander";
import type { ProfileOptions } from "../actions/profile.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { countOption, threadCount } from "../options/numbers.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

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
    .action(async (path: string, options: ProfileOptions) => {
      const { profileModel } = await import("../actions/profile.js");
      await profileModel(path, options, session);
    });
}
