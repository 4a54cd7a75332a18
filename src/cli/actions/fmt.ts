// The action of `cleave fmt`: formats `.net` files, with their comments.

import { lineText } from "#diagnostic/escape.js";
import { print } from "#grammar/printing/print.js";
import { parse } from "#grammar/reading/parse.js";
import { readStdin, readText } from "#node/read-file.js";
import { writeFileAtomically } from "#node/write-file.js";
import { exit, report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

export interface FmtOptions {
  readonly check?: boolean;
  readonly stdout?: boolean;
}

export function formatFiles(files: readonly string[], options: FmtOptions, session: Session): void {
  for (const file of files) session.code = Math.max(session.code, format(file, options, session));
}

function format(file: string, options: FmtOptions, session: Session): number {
  const { terminal } = session;
  const source = file === "-" ? readStdin() : readText(file);
  if (source.value === undefined) return report(terminal, source.diagnostics, new Map());
  const text = source.value;
  const { value: ast, diagnostics } = parse(text, file);
  const code = report(terminal, diagnostics, new Map([[file, text]]));
  if (ast === undefined || code !== exit.done) return Math.max(code, exit.wrongInput);
  const formatted = print(ast);
  if (options.check) {
    if (formatted === text) return exit.done;
    terminal.err(`${lineText(file)} is not formatted; \`cleave fmt ${lineText(file)}\` does it\n`);
    return exit.wrongInput;
  }
  if (options.stdout || file === "-") terminal.out(formatted);
  else if (formatted !== text) {
    const written = writeFileAtomically(file, formatted);
    if (!written.value) return report(terminal, written.diagnostics, new Map());
    terminal.err(`formatted ${lineText(file)}\n`);
  }
  return exit.done;
}
