// `cleave check`: all errors of `.net` files, without compiling anything.

import type { Command } from "commander";
import { parse } from "#grammar/parse.js";
import { compileRules } from "#rewrite/compile-rule.js";
import { compileFusions } from "#rewrite/fusion.js";
import { checkNets, readText } from "../node.js";
import type { ModelOptions } from "./model-options.js";
import { withModelOptions } from "./model-options.js";
import type { Session } from "./program.js";
import { exit, report } from "./terminal.js";

interface CheckOptions extends ModelOptions {
  readonly json?: boolean;
}

export function addCheck(root: Command, session: Session): void {
  withModelOptions(root.command("check"))
    .description("report all errors of .net files: nets, rules and fusions")
    .argument("<files...>", "the files")
    .option("--json", "print the diagnostics as JSON")
    .action((files: string[], options: CheckOptions) => {
      for (const file of files) session.code = Math.max(session.code, checkFile(file, options, session));
    });
}

function checkFile(file: string, options: CheckOptions, session: Session): number {
  const { terminal } = session;
  const source = readText(file);
  if (source.value === undefined) return report(terminal, source.diagnostics, new Map());
  const parsed = parse(source.value, file);
  const items = parsed.value?.items ?? [];
  const diagnostics = [
    ...parsed.diagnostics,
    ...(parsed.value && parsed.diagnostics.length === 0
      ? checkNets(parsed.value, {
          dims: options.dim,
          ...(options.net === undefined ? {} : { net: options.net }),
          ...(options.weights === undefined ? {} : { weights: options.weights }),
        })
      : []),
    ...compileRules(items).diagnostics,
    ...compileFusions(items).diagnostics,
  ];
  const failed = diagnostics.some((one) => one.severity === "error");
  if (options.json) terminal.out(`${JSON.stringify({ file, diagnostics }, null, 2)}\n`);
  else {
    report(terminal, diagnostics, new Map([[file, source.value]]));
    if (!failed) terminal.out(`${file}: ${plural(items.length, "item")}, no errors\n`);
  }
  return failed ? exit.wrongInput : exit.done;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
