// The VS Code extension: starts `cleave lsp` and connects the editor with it.

import { existsSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { LanguageClient, TransportKind, type ServerOptions } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const restart = async (): Promise<void> => {
    await deactivate();
    await start();
  };
  context.subscriptions.push(
    vscode.commands.registerCommand("cleave.restart", restart),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("cleave.server")) await restart();
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
  client = undefined;
}

async function start(): Promise<void> {
  const settings = vscode.workspace.getConfiguration("cleave");
  client = new LanguageClient("cleave", "Cleave", serverOf(settings.get("server", "")), {
    documentSelector: [{ language: "cleave" }],
    initializationOptions: { dims: settings.get("dims"), checkRules: settings.get("checkRules") },
    synchronize: { configurationSection: "cleave" },
  });
  try {
    await client.start();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    void vscode.window.showErrorMessage(
      `\`cleave lsp\` did not start: ${reason}. Install the package \`cleave\`, or set \`cleave.server\`.`,
    );
  }
}

/** The server of the setting, of the workspace, or of the machine. A module runs in the editor's own Node. */
function serverOf(setting: string): ServerOptions {
  const module = /\.m?js$/.test(setting) ? setting : setting === "" ? ofWorkspace() : undefined;
  if (module !== undefined) return { module, args: ["lsp"], transport: TransportKind.stdio };
  // On Windows, commands of packages are scripts.
  const shell = process.platform === "win32";
  return { command: setting === "" ? "cleave" : setting, args: ["lsp"], options: { shell } };
}

function ofWorkspace(): string | undefined {
  return (vscode.workspace.workspaceFolders ?? [])
    .map(({ uri }) => join(uri.fsPath, "node_modules/cleave/dist/src/cli/main.js"))
    .find((path) => existsSync(path));
}
