// `cleave ops`: lists the ops, or describes one of them.

import type { Command } from "commander";
import type { OpsOptions } from "../actions/ops.js";
import type { Session } from "../session/session.js";

export function addOps(root: Command, session: Session): void {
  root
    .command("ops")
    .description("show the operators of the language")
    .argument("[name]", "describe this operator")
    .option("--json", "print names, classes, operands and attributes as JSON")
    .action(async (name: string | undefined, options: OpsOptions) => {
      const { showOps } = await import("../actions/ops.js");
      await showOps(name, options, session);
    });
}
