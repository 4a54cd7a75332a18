// The action of `cleave lsp`: serves an editor until it closes the connection.

import { createConnection, StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";
import { serve } from "#editor/server/server.js";
import { nodeHost } from "../lsp/host.js";
import { createRuleChecker } from "../lsp/rule-checker.js";
import type { Session } from "../session/session.js";

export function serveEditor({ terminal }: Session): Promise<void> {
  const reader = new StreamMessageReader(process.stdin);
  const connection = createConnection(reader, new StreamMessageWriter(process.stdout));
  const checker = createRuleChecker((message) => terminal.err(`${message}\n`));
  serve(connection, { ...nodeHost(), checkRules: checker.check });
  return new Promise((resolve) => {
    const end = (): void => {
      checker.close();
      resolve();
    };
    connection.onShutdown(end);
    reader.onClose(end);
    connection.listen();
  });
}
