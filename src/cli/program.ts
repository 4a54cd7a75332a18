// The command line program: registers all commands, and turns errors into exit codes.

import { Command, CommanderError } from "commander";
import { version } from "#compile/version.js";
import { addBisect } from "./commands/bisect.js";
import { addCheck } from "./commands/check.js";
import { addCompile } from "./commands/compile.js";
import { addExplain } from "./commands/explain.js";
import { addExport } from "./commands/export.js";
import { addFmt } from "./commands/fmt.js";
import { addImport } from "./commands/import.js";
import { addInit } from "./commands/init.js";
import { addInspect } from "./commands/inspect.js";
import { addLsp } from "./commands/lsp.js";
import { addOps } from "./commands/ops.js";
import { addProfile } from "./commands/profile.js";
import { addQuantize } from "./commands/quantize.js";
import { addRun } from "./commands/run.js";
import { addSplit } from "./commands/split.js";
import { addVerify } from "./commands/verify.js";
import { groupItems } from "./options/group.js";
import { withProgress } from "./output/progress.js";
import type { Terminal } from "./output/terminal.js";
import { exit, OutputError } from "./output/terminal.js";
import type { Session } from "./session/session.js";

/** Runs a command line (without `node cleave`) and returns the exit code. Never throws. */
export async function run(argv: readonly string[], outside: Terminal): Promise<number> {
  const { progress, ...terminal } = withProgress(outside);
  const session: Session = { terminal, progress, code: exit.done };
  try {
    await program(session).parseAsync(argv, { from: "user" });
    if (session.code === exit.done) session.checkpoints?.remove();
    return session.code;
  } catch (error) {
    if (error instanceof OutputError) {
      terminal.err(error.message);
      return exit.wrongInput;
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.wrongUsage;
    terminal.err(bugText(error, argv));
    return exit.bug;
  } finally {
    progress.end();
  }
}

function program(session: Session): Command {
  const { terminal } = session;
  const root = new Command("cleave")
    .description("Compiles convolutional networks: splits and fuses operators, emits one small ES module.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError()
    .showHelpAfterError("(`cleave --help` lists the commands)")
    .configureHelp({ groupItems })
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride()
    .addHelpText("after", footer);
  for (const add of [
    addCompile,
    addInit,
    addRun,
    addSplit,
    addQuantize,
    addImport,
    addExport,
    addCheck,
    addFmt,
    addInspect,
    addExplain,
    addVerify,
    addBisect,
    addProfile,
    addLsp,
    addOps,
  ]) {
    add(root, session);
  }
  for (const command of root.commands)
    command.showHelpAfterError(`(\`cleave ${command.name()} --help\` lists its options)`);
  return root;
}

const footer = `
Examples:
  cleave compile model.net -o dist      one ES module, its types and its packed weights
  cleave init page model.onnx           a web page around the model
  cleave import model.onnx -o model.net the model in the language, and its weights beside it
  cleave export model.net -o model.onnx an ONNX model, as written or after passes
  cleave split model.onnx --calibrate images --split macs=0.25 -o split
                                        its convolutions split, fitted to samples
  cleave quantize model.onnx --calibrate images -o int8
                                        in integers of 8 bits, their ranges from samples
  cleave explain model.net              shapes, parameters and MACs per layer, before and after
  cleave bisect model.net               the pass, rule or kernel that changes results, if one does
  cleave run model.net cat.png          compile, run and print the outputs

Exit codes: 0 done, 1 the input is wrong, 2 the command line is wrong, 70 a bug in Cleave.
`;

function bugText(error: unknown, argv: readonly string[]): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const where =
    error instanceof Error
      ? (/\bat (\S+ )?\(?.*?([^/\\]+:\d+):\d+\)?/.exec(error.stack ?? "")?.[2] ?? "")
      : "";
  return [
    "This is a bug in Cleave, not in your input.",
    `  ${message}${where && ` (${where})`}`,
    "Please report it with the model, if you can share it, and these lines:",
    `  cleave ${version}, node ${process.version}, ${process.platform} ${process.arch}`,
    `  cleave ${argv.join(" ")}`,
    "",
  ].join("\n");
}
