// A client of the language server for tests: it starts the built command, or serves in this process.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import {
  createConnection,
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type Diagnostic,
  type ProtocolConnection,
} from "vscode-languageserver/node";
import type { Diagnostic as CleaveDiagnostic } from "#diagnostic/diagnostic.js";
import { serve } from "#editor/server/server.js";

/** The URI of the document of most tests. */
export const uri = "file:///nowhere/model.net";

export interface Client {
  readonly connection: ProtocolConnection;
  /** Opens a document with a text; the next change has version 2. */
  open(text: string, at?: string): Promise<void>;
  /** Replaces the whole text of a document. */
  replace(text: string, version: number, at?: string): Promise<void>;
  request<T>(method: string, parameters: object): Promise<T>;
  /** The next diagnostics of a document, of this version or a later one. */
  diagnostics(version: number, at?: string): Promise<Diagnostic[]>;
  /** What the server wrote to its log. */
  readonly log: string[];
  close(): Promise<number | undefined>;
}

/** Starts the built command as editors do. */
export async function spawnServer(options: object = {}): Promise<Client> {
  const child = spawn(process.execPath, [join("dist", "src/cli/main.js"), "lsp", "--stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<number | undefined>((resolve) =>
    child.on("exit", (code) => resolve(code ?? undefined)),
  );
  const connection = createProtocolConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  return started(connection, options, () => ended);
}

/** Serves in this process. Bugs are in the log, and no document has weights. */
export async function serveHere(options: object = {}): Promise<Client> {
  const [toServer, toClient] = [new PassThrough(), new PassThrough()];
  const server = createConnection(new StreamMessageReader(toServer), new StreamMessageWriter(toClient));
  serve(server, {
    fileOf: (one) => one,
    uriOf: (file) => file,
    weightsOf: () => undefined,
    importsOf: () => undefined,
    checkRules: (_file, _text, done: (found: readonly CleaveDiagnostic[]) => void) => done([]),
  });
  server.listen();
  const connection = createProtocolConnection(
    new StreamMessageReader(toClient),
    new StreamMessageWriter(toServer),
  );
  return started(connection, options, async () => {
    server.dispose();
    return undefined;
  });
}

async function started(
  connection: ProtocolConnection,
  options: object,
  end: () => Promise<number | undefined>,
): Promise<Client> {
  const log: string[] = [];
  const published: { uri: string; version: number; diagnostics: Diagnostic[] }[] = [];
  const waiting: (() => void)[] = [];
  connection.onNotification(
    "window/logMessage",
    ({ message }: { message: string }) => void log.push(message),
  );
  connection.onNotification("textDocument/publishDiagnostics", (one: (typeof published)[number]) => {
    published.push(one);
    for (const wake of waiting.splice(0)) wake();
  });
  connection.listen();
  await connection.sendRequest("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
    initializationOptions: options,
  });
  await connection.sendNotification("initialized", {});
  return {
    connection,
    log,
    open: (text, at = uri) =>
      connection.sendNotification("textDocument/didOpen", {
        textDocument: { uri: at, languageId: "cleave", version: 1, text },
      }),
    replace: (text, version, at = uri) =>
      connection.sendNotification("textDocument/didChange", {
        textDocument: { uri: at, version },
        contentChanges: [{ text }],
      }),
    request: (method, parameters) => connection.sendRequest(method, parameters),
    diagnostics: async (version, at = uri) => {
      for (;;) {
        const found = published.findIndex((one) => one.uri === at && one.version >= version);
        if (found >= 0) return published.splice(found, 1)[0]!.diagnostics;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    close: async () => {
      await connection.sendRequest("shutdown");
      await connection.sendNotification("exit");
      const code = await end();
      connection.dispose();
      return code;
    },
  };
}
