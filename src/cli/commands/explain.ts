// `cleave explain`: shows shapes, parameters and MACs per layer, before and after the passes, or the kernels with their costs.

import type { Command } from "commander";
import type { ExplainOptions } from "../actions/explain.js";
import { collect, list } from "../options/lists.js";
import { modelHelp, withModelOptions } from "../options/model.js";
import { withPassOptions } from "../options/passes.js";
import type { Session } from "../session/session.js";

export function addExplain(root: Command, session: Session): void {
  withPassOptions(withModelOptions(root.command("explain")))
    .description("show shapes, parameters, MACs and bytes per layer, before and after the passes")
    .argument("<model>", modelHelp)
    .option(
      "--schedule",
      "show the kernels instead: ops, template, tile, modelled costs, and why they are fused or not",
    )
    .addOption(
      list(
        "--rule <name>",
        "show where a rule or a set of rules was applied, and why not where it nearly matches (repeatable)",
        collect,
      ),
    )
    .option("--fusion <name>", "show which chains of a fusion became kernels, and why others did not")
    .option("--json", "print the tables as JSON")
    .action(async (path: string, options: ExplainOptions) => {
      const { explainModel } = await import("../actions/explain.js");
      await explainModel(path, options, session);
    });
}
