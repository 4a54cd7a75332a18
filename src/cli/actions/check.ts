// The action of `cleave check`: reports all errors of files. Rules are tried on random operands.

import { checkRules } from "#compile/check-rules.js";
import { placeRules } from "#compile/place-rules.js";
import { targetOf } from "#compile/targets.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { lineCol } from "#diagnostic/position.js";
import { parse } from "#grammar/reading/parse.js";
import { plural } from "#ir/units.js";
import { passes } from "#passes/index.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import type { Rule } from "#rewrite/rule/rule.js";
import { isImported } from "#node/import-file.js";
import { readText } from "#node/read-file.js";
import { checkNets, readModel } from "#node/read-model.js";
import { readOptions } from "../model/load.js";
import type { ModelOptions } from "../options/model.js";
import { jsonText } from "../output/json.js";
import { exit, report } from "../output/terminal.js";
import type { Session } from "../session/session.js";

export interface CheckOptions extends ModelOptions {
  readonly rulesAt: readonly string[];
  readonly json?: boolean;
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
  const checkAll = (rules: readonly Rule[]): readonly Diagnostic[] => {
    const own = placeRules(common, [], rules);
    return own.value ? checkRules(rules, own.value, targetOf().target) : own.diagnostics;
  };
  const checked = files.map((file) => checkFile(file, options, checkAll));
  if (checked.some(({ diagnostics }) => hasErrors(diagnostics))) session.code = exit.wrongInput;
  if (options.json) return terminal.out(jsonText(checked.map(checkedJson)));
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
  file: string,
  options: CheckOptions,
  checkAll: (rules: readonly Rule[]) => readonly Diagnostic[],
): Checked {
  const read = readOptions(options);
  if (!read.value) return { file, items: 0, diagnostics: read.diagnostics, sources: new Map() };
  if (isImported(file)) {
    const { diagnostics, sources } = readModel(file, read.value);
    return { file, items: 1, diagnostics, sources };
  }
  const source = readText(file);
  if (source.value === undefined)
    return { file, items: 0, diagnostics: source.diagnostics, sources: new Map() };
  const parsed = parse(source.value, file);
  const items = parsed.value?.items ?? [];
  const rules = compileRules(items);
  const diagnostics = [
    ...parsed.diagnostics,
    ...(parsed.value && parsed.diagnostics.length === 0 ? checkNets(parsed.value, read.value) : []),
    ...rules.diagnostics,
    ...compileFusions(items).diagnostics,
    ...checkAll(rules.value ?? []),
  ];
  return { file, items: items.length, diagnostics, sources: new Map([[file, source.value]]) };
}

/** Diagnostics as JSON, with line and column as well as offsets. */
function checkedJson({ file, diagnostics, sources }: Checked): object {
  return {
    file,
    ok: !hasErrors(diagnostics),
    diagnostics: diagnostics.map((one) => {
      const text = one.span && sources.get(one.span.file);
      return text === undefined || !one.span ? one : { ...one, ...lineCol(text, one.span.start) };
    }),
  };
}
