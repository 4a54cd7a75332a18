// The action of `cleave check`: reports all errors of files. Rules are tried on random operands.

import { checkRules } from "#compile/check-rules.js";
import { placeRules } from "#compile/place-rules.js";
import { targetOf } from "#compile/targets.js";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { lineCol } from "#diagnostic/position.js";
import { parse } from "#grammar/reading/parse.js";
import { plural } from "#ir/units.js";
import { passes } from "#passes/index.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import type { UserRule } from "#rewrite/rule/rule.js";
import { isImported } from "#node/import-file.js";
import { readStdin, readText } from "#node/read-file.js";
import { checkNets, readModel } from "#node/read-model.js";
import { readOptions } from "../model/load.js";
import type { ModelOptions } from "../options/model.js";
import { jsonText } from "../output/json.js";
import { exit, report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

export interface CheckOptions extends ModelOptions {
  readonly rulesAt: readonly string[];
  readonly json?: boolean;
  readonly short?: boolean;
  /** The name of the text of stdin. */
  readonly stdinFilename?: string;
}

export function checkFiles(files: readonly string[], options: CheckOptions, session: Session): void {
  const { terminal } = session;
  const placed = placeRules(passes, options.rulesAt);
  const { value: common } = placed;
  if (!common) {
    report(terminal, placed.diagnostics, new Map());
    session.code = exit.wrongUsage;
    return;
  }
  const checkAll = (rules: readonly UserRule[]): readonly Diagnostic[] => {
    const own = placeRules(common, [], rules);
    return own.value ? checkRules(rules, own.value, targetOf().target) : own.diagnostics;
  };
  const checked = files.map((file) => checkFile(file, options, checkAll));
  if (checked.some(({ diagnostics }) => hasErrors(diagnostics))) session.code = exit.wrongInput;
  if (options.json) return terminal.out(jsonText(checked.map(checkedJson)));
  if (options.short) return terminal.out(checked.flatMap(shortLines).join(""));
  for (const { file, items, diagnostics, sources } of checked) {
    report(terminal, diagnostics, sources);
    if (!hasErrors(diagnostics)) terminal.out(`${lineText(file)}: ${plural(items, "item")}, no errors\n`);
  }
}

/** The diagnostics of one file. */
interface Checked {
  readonly file: string;
  readonly items: number;
  readonly diagnostics: readonly Diagnostic[];
  /** Empty if the file could not be read. */
  readonly sources: ReadonlyMap<string, string>;
}

function checkFile(
  argument: string,
  options: CheckOptions,
  checkAll: (rules: readonly UserRule[]) => readonly Diagnostic[],
): Checked {
  const read = readOptions(options);
  if (!read.value) return { file: argument, items: 0, diagnostics: read.diagnostics, sources: new Map() };
  if (isImported(argument)) {
    const { diagnostics, sources } = readModel(argument, read.value);
    return { file: argument, items: 1, diagnostics, sources };
  }
  const isStdin = argument === "-";
  const file = isStdin ? (options.stdinFilename ?? "stdin") : argument;
  const source = isStdin ? readStdin() : readText(file);
  if (source.value === undefined)
    return { file, items: 0, diagnostics: source.diagnostics, sources: new Map() };
  const parsed = parse(source.value, file);
  const sources = new Map([[file, source.value]]);
  // A syntax error in one item hides no errors of others.
  const { items } = parsed.partial;
  const rules = compileRules(items);
  const diagnostics = [
    ...parsed.diagnostics,
    ...checkNets(parsed.partial, read.value, sources),
    ...rules.diagnostics,
    ...compileFusions(items).diagnostics,
    ...checkAll(rules.value ?? []),
  ];
  return { file, items: items.length, diagnostics, sources };
}

/** Diagnostics as JSON, with lines and columns as well as offsets. */
function checkedJson({ file, diagnostics, sources }: Checked): object {
  const placed = (span: Span | undefined): object => {
    const text = span && sources.get(span.file);
    if (text === undefined || !span) return {};
    const end = lineCol(text, span.end);
    return { ...lineCol(text, span.start), endLine: end.line, endColumn: end.column };
  };
  return {
    file,
    ok: !hasErrors(diagnostics),
    diagnostics: diagnostics.map((one) => ({
      ...one,
      ...placed(one.span),
      ...(one.others && { others: one.others.map((other) => ({ ...other, ...placed(other.span) })) }),
      ...(one.fixes && { fixes: one.fixes.map((fix) => ({ ...fix, ...placed(fix.span) })) }),
    })),
  };
}

/** `model.net:3:7: error: there is no op or block \`conv2\` [unknown-op]`, for editors and other tools that read compilers' messages. */
function shortLines({ file, diagnostics, sources }: Checked): string[] {
  return diagnostics.map(({ severity, code, message, span }) => {
    const text = span && sources.get(span.file);
    const { line, column } = text === undefined || !span ? { line: 1, column: 1 } : lineCol(text, span.start);
    return `${lineText(`${span?.file ?? file}:${line}:${column}: ${severity}: ${message} [${code}]`)}\n`;
  });
}
