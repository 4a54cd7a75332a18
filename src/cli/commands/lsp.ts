// `cleave lsp`: a language server for editors, on stdin and stdout.

import type { Command } from "commander";
import type { Session } from "../session/session.js";

export function addLsp(root: Command, session: Session): void {
  root
    .command("lsp")
    .description(
      "a language server for editors, which speaks the Language Server Protocol on stdin and stdout",
    )
    // Clients add it to the command line.
    .option("--stdio", "use stdin and stdout, the only way that there is")
    .allowUnknownOption()
    .action(async () => {
      const { serveEditor } = await import("../actions/lsp.js");
      await serveEditor(session);
    });
}
