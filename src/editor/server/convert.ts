// Translates between offsets of texts and the positions of the Language Server Protocol, and diagnostics and kinds to its values.

import {
  CompletionItemKind,
  DiagnosticSeverity,
  DiagnosticTag,
  SymbolKind,
  type Diagnostic as LspDiagnostic,
  type DocumentSymbol,
  type Range,
} from "vscode-languageserver";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Diagnostic, Span } from "#diagnostic/diagnostic.js";
import { terminalText } from "#diagnostic/escape.js";
import type { CompletionKind } from "../completion.js";
import type { DefinitionKind } from "../names/definition.js";
import type { Outline } from "../outline.js";

/** The range of offsets in a document. */
export function rangeOf(
  document: TextDocument,
  { start, end }: { readonly start: number; readonly end: number },
): Range {
  return { start: document.positionAt(start), end: document.positionAt(end) };
}

export interface DiagnosticHost {
  /** The address of a file of a span. */
  uriOf(file: string): string;
  /** The address of the page about all diagnostics. */
  readonly manual?: string;
}

const severities = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  note: DiagnosticSeverity.Information,
} as const;

/** A diagnostic with its help as further lines, and its labels as related places. One without a place stands at the first line. */
export function lspDiagnostic(
  document: TextDocument,
  { severity, code, message, span, label, others = [], help = [] }: Diagnostic,
  host: DiagnosticHost,
): LspDiagnostic {
  const own = others.filter((one) => host.uriOf(one.span.file) === document.uri);
  const text = [
    label === undefined ? message : `${message} (${label})`,
    ...help.map((one) => `help: ${one}`),
  ].join("\n");
  return {
    range: rangeOf(document, span ? visibleSpan(document, span) : { start: 0, end: 0 }),
    severity: severities[severity],
    code,
    source: "cleave",
    message: terminalText(text),
    ...(host.manual !== undefined && { codeDescription: { href: `${host.manual}#${code}` } }),
    ...(code.startsWith("unused-") && { tags: [DiagnosticTag.Unnecessary] }),
    relatedInformation: own.map((one) => ({
      location: { uri: document.uri, range: rangeOf(document, one.span) },
      message: terminalText(one.message),
    })),
  };
}

/** A place that an editor can show: an empty one becomes a character, and one over several lines its first line. */
function visibleSpan(document: TextDocument, { start, end }: Span): { start: number; end: number } {
  const from = Math.min(start, document.getText().length);
  const { line } = document.positionAt(from);
  const lineEnd = document.offsetAt({ line, character: Number.MAX_SAFE_INTEGER });
  const to = Math.min(end, Math.max(lineEnd, from));
  if (to > from) return { start: from, end: to };
  return from > 0 ? { start: from - 1, end: from } : { start: from, end: from + 1 };
}

const symbolKinds: Readonly<Record<DefinitionKind, SymbolKind>> = {
  net: SymbolKind.Module,
  block: SymbolKind.Function,
  import: SymbolKind.Function,
  constant: SymbolKind.Constant,
  parameter: SymbolKind.Variable,
  input: SymbolKind.Field,
  param: SymbolKind.Field,
  value: SymbolKind.Variable,
  index: SymbolKind.Variable,
  dimension: SymbolKind.TypeParameter,
  kernel: SymbolKind.Namespace,
  rule: SymbolKind.Operator,
  "rule set": SymbolKind.Namespace,
  class: SymbolKind.Class,
  fusion: SymbolKind.Operator,
  variable: SymbolKind.Variable,
  operator: SymbolKind.Variable,
  rest: SymbolKind.Variable,
};

export function lspSymbol(document: TextDocument, outline: Outline): DocumentSymbol {
  const { name, kind, nameStart, nameEnd, children } = outline;
  return {
    name: name === "" ? "``" : name,
    kind: symbolKinds[kind],
    range: rangeOf(document, outline),
    selectionRange: rangeOf(document, { start: nameStart, end: nameEnd }),
    children: children.map((one) => lspSymbol(document, one)),
  };
}

export const completionKinds: Readonly<Record<CompletionKind, CompletionItemKind>> = {
  keyword: CompletionItemKind.Keyword,
  op: CompletionItemKind.Function,
  class: CompletionItemKind.Class,
  function: CompletionItemKind.Function,
  block: CompletionItemKind.Method,
  constant: CompletionItemKind.Constant,
  value: CompletionItemKind.Variable,
  argument: CompletionItemKind.Field,
  member: CompletionItemKind.EnumMember,
  type: CompletionItemKind.TypeParameter,
  key: CompletionItemKind.Value,
  file: CompletionItemKind.File,
};
