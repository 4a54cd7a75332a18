// `cleave profile`: measures the time of each kernel of the emitted module and, on a CPU, the limits of the machine.

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
      "measure the time of each kernel of the emitted module: on a CPU compared with the limits of the machine, on WebGPU with timestamps of the device",
    )
    .argument("<model>", modelHelp)
    .option("--threads <n>", "number of threads (target wasm)", threadCount, 1)
    .option("--runs <n>", "number of measured runs", countOption, 20)
    .addOption(new Option("--sort <by>", "order of the kernels").choices(["order", "time"]).default("order"))
    .option("--json", "print the report as JSON")
    .action(async (path: string, options: ProfileOptions) => {
      const { profileModel } = await import("../actions/profile.js");
      await profileModel(path, options, session);
    });
}
