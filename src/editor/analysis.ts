// The analysis of one version of a text: tokens, tree, names and values, each computed when it is first needed.

import type { Diagnostic, Fix, Label } from "#diagnostic/diagnostic.js";
import type { Ast } from "#grammar/ast.js";
import { parse } from "#grammar/reading/parse.js";
import type { Tokens } from "#grammar/tokens/lexer.js";
import { tokenize } from "#grammar/tokens/lexer.js";
import { placeStatementEnds } from "#grammar/tokens/line-ends.js";
import type { ImportFiles } from "#elaborate/imports.js";
import type { WeightFiles } from "#ir/weights.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import type { NearbyFiles } from "./complete-strings.js";
import type { Facts } from "./facts.js";
import { factsOf } from "./facts.js";
import type { Imported } from "./imports.js";
import { importedItems } from "./imports.js";
import type { Names } from "./names/definition.js";
import { namesOf } from "./names/names.js";

/** A stage of an analysis, in the order of their costs. */
export type Stage = "tokens" | "tree" | "names" | "imports" | "values";

export interface AnalyzeOptions {
  /** Values of symbolic dimensions, and of consts. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Opens the weight files that nets name; without it, such a net has an error. */
  readonly weights?: WeightFiles;
  /** Opens the files of `import` items; without it, they are errors. */
  readonly imports?: ImportFiles;
  /** Lists folders, for the completion of paths. */
  readonly files?: NearbyFiles;
  /** Is called before a stage is computed. */
  readonly onStage?: (stage: Stage) => void;
  /** An analysis of an earlier version of the text, whose names and values still hold where the text has not changed. */
  readonly previous?: Analysis;
}

/** One version of a text. All functions of the editor take it, so that a version is parsed and elaborated once. */
export interface Analysis {
  readonly text: string;
  readonly file: string;
  readonly tokens: () => Tokens & { readonly statements: Tokens["tokens"] };
  /** The tree without the wrong statements, and the syntax errors. */
  readonly tree: () => { readonly ast: Ast; readonly diagnostics: readonly Diagnostic[] };
  readonly names: () => Names;
  /** The items that the file imports, by name. */
  readonly imports: () => ReadonlyMap<string, Imported>;
  readonly values: () => Facts;
  /** Whether a stage is computed already. */
  readonly has: (stage: Stage) => boolean;
  readonly options: Omit<AnalyzeOptions, "previous">;
  readonly previous?: Analysis;
}

/** Analyzes a text; `file` is its name in spans. */
export function analyze(text: string, file: string, options: AnalyzeOptions = {}): Analysis {
  const { previous, ...rest } = options;
  const { onStage, files: _, ...facts } = rest;
  const done = new Set<Stage>();
  const stage = <T>(name: Stage, compute: () => T): (() => T) =>
    once(() => {
      onStage?.(name);
      const value = compute();
      done.add(name);
      return value;
    });
  const tokens = stage("tokens", () => {
    const all = tokenize(text);
    return { ...all, statements: placeStatementEnds(all.tokens, text).tokens };
  });
  const tree = stage("tree", () => {
    const { partial, diagnostics } = parse(text, file);
    return { ast: partial, diagnostics };
  });
  const names = stage("names", () => namesOf(tree().ast));
  const imports = stage("imports", () => importedItems(tree().ast, rest.imports));
  const values = stage("values", () => factsOf(tree().ast, facts));
  const has = (name: Stage): boolean => done.has(name);
  return {
    text,
    file,
    tokens,
    tree,
    names,
    imports,
    values,
    has,
    options: rest,
    ...(previous && { previous }),
  };
}

/**
 * The analysis to ask for the names that an offset sees: the analysis itself or, since it takes time to parse each version of a long text,
 * the previous one if they differ only in the line before the offset and after it.
 */
export function forNames(analysis: Analysis, offset: number): Analysis {
  const { previous, text } = analysis;
  if (analysis.has("names") || !previous?.has("names")) return analysis;
  const same = commonStart(text, previous.text);
  return same >= offset || !/[\r\n]/.test(text.slice(same, offset)) ? previous : analysis;
}

/**
 * The analysis to ask about values at an offset, and the offset in it: the analysis itself or, as long as its values are not computed, the
 * previous one if the text at the offset has not changed.
 */
export function forValues(analysis: Analysis, offset: number): { analysis: Analysis; shift: number } {
  const { previous, text } = analysis;
  if (analysis.has("values") || !previous?.has("values")) return { analysis, shift: 0 };
  if (offset < commonStart(text, previous.text)) return { analysis: previous, shift: 0 };
  const shift = previous.text.length - text.length;
  return text.length - offset < commonEnd(text, previous.text)
    ? { analysis: previous, shift }
    : { analysis, shift: 0 };
}

function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let same = 0;
  while (same < most && a.charCodeAt(same) === b.charCodeAt(same)) same++;
  return same;
}

function commonEnd(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let same = 0;
  while (same < most && a.charCodeAt(a.length - 1 - same) === b.charCodeAt(b.length - 1 - same)) same++;
  return same;
}

/**
 * All errors and warnings of a text, as `cleave check` reports them, except those of trying its rules on operands. A net with a syntax error
 * has no other errors, since they could be its consequences.
 */
export function diagnosticsOf(analysis: Analysis): Diagnostic[] {
  const { ast, diagnostics } = analysis.tree();
  const all = [
    ...diagnostics,
    ...analysis.values().diagnostics,
    ...compileRules(ast.items).diagnostics,
    ...compileFusions(ast.items).diagnostics,
  ];
  return all.map((one) => placedHere(analysis, one));
}

/** A message about an imported file, at the call of this file that leads to it, or at the import. */
function placedHere(analysis: Analysis, one: Diagnostic): Diagnostic {
  const { span, others = [], fixes = [] } = one;
  if (!span || span.file === analysis.file) return one;
  const isHere = ({ span: { file } }: Label | Fix): boolean => file === analysis.file;
  const imports = analysis.tree().ast.items.filter((item) => item.kind === "import");
  const fileOf = (name: string): string | undefined => analysis.imports().get(name)?.file;
  const item =
    imports.find(({ names }) => names.some(({ text }) => fileOf(text) === span.file)) ?? imports[0];
  const place = others.find(isHere)?.span ?? item?.span;
  return {
    ...one,
    message: `${one.message} (in ${span.file})`,
    ...(place && { span: place }),
    others: others.filter(isHere),
    fixes: fixes.filter(isHere),
  };
}

/** A function that computes its value once. */
function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}
