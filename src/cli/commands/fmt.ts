// `cleave fmt`: formats `.net` files, with their comments.

import type { Command } from "commander";
import type { FmtOptions } from "../actions/fmt.js";
import type { Session } from "../session/session.js";

export function addFmt(root: Command, session: Session): void {
  root
    .command("fmt")
    .description("format .net files in place")
    .argument("<files...>", "the files; - reads stdin and writes stdout")
    .option("--check", "do not change files; exit with 1 if a file is not formatted")
    .option("--stdout", "write to stdout instead of into the file")
    .action(async (files: string[], options: FmtOptions) => {
      const { formatFiles } = await import("../actions/fmt.js");
      await formatFiles(files, options, session);
    });
}
