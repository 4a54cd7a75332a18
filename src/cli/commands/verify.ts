// `cleave verify`: compares the emitted module with the reference interpreter, on inputs from several distributions.

import type { Command } from "commander";
import { Option } from "commander";
import type { VerifyOptions } from "../actions/verify.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { ratioFrom0 } from "../options/numbers.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

export function addVerify(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("verify")))
    .description("compare the emitted module with the reference interpreter")
    .argument("<model>", modelHelp)
    .addOption(
      new Option(
        "--drift <ratio>",
        "largest allowed change of an output by --split, --approx and --weights, relative to its greatest value (default: 1; for --weights alone what rounding them explains)",
      ).argParser(ratioFrom0),
    )
    .option("--json", "print the comparison as JSON")
    .action(async (path: string, options: VerifyOptions) => {
      const { verifyModel } = await import("../actions/verify.js");
      await verifyModel(path, options, session);
    });
}
