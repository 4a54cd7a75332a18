// The language server: answers the requests of an editor with the functions of `src/editor`. It only translates the protocol.

import {
  CodeActionKind,
  FoldingRangeKind,
  LSPErrorCodes,
  MarkupKind,
  ResponseError,
  SemanticTokensBuilder,
  TextDocuments,
  TextDocumentSyncKind,
  type CancellationToken,
  type CompletionItem,
  type Connection,
  type InitializeResult,
  type Location,
  type TextEdit,
} from "vscode-languageserver";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { terminalText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import type { ImportFiles } from "#elaborate/imports.js";
import type { WeightFiles } from "#ir/weights.js";
import { version } from "#compile/version.js";
import type { Analysis, AnalyzeOptions } from "../analysis.js";
import { diagnosticsOf } from "../analysis.js";
import type { NearbyFiles } from "../complete-strings.js";
import type { Completion } from "../completion.js";
import { completionDoc, completionsAt } from "../completion.js";
import { formatEdits } from "../format.js";
import { hoverAt, signatureAt } from "../hover.js";
import type { Definition } from "../names/definition.js";
import { family, meantBy, nameAt } from "../names/names.js";
import { foldsOf, hintsIn, outlineOf } from "../outline.js";
import type { Edit } from "../rename.js";
import { renameableAt, renameAt } from "../rename.js";
import { colouredTokens, tokenTypes } from "../semantic.js";
import { completionKinds, lspDiagnostic, lspSymbol, rangeOf } from "./convert.js";
import { createDocuments } from "./documents.js";
import { readSettings, type Settings } from "./settings.js";

/** What the server needs of its surroundings. */
export interface ServerHost {
  /** The name of a document in messages: its path, if it is a file. */
  fileOf(uri: string): string;
  /** The address of a file that a span names. */
  uriOf(file: string): string;
  /** Opens the weight files that a document names; undefined if it is no file. */
  weightsOf(uri: string): WeightFiles | undefined;
  /** Opens the files that a document imports; undefined if it is no file. */
  importsOf(uri: string): ImportFiles | undefined;
  /** Lists the folders beside a document; undefined if it is no file. */
  filesOf?(uri: string): NearbyFiles | undefined;
  /** The address of docs/diagnostics.md. */
  readonly manual?: string;
  /** Tries the rules of a text on operands and gives the diagnostics later, unless a newer text comes first. */
  checkRules?(file: string, text: string, done: (diagnostics: readonly Diagnostic[]) => void): void;
}

/** Serves a connection; the caller starts it by `connection.listen()`. */
export function serve(connection: Connection, host: ServerHost): void {
  const documents = new TextDocuments(TextDocument);
  let settings: Settings = {};
  const failed = (cause: unknown): void => {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    connection.console.error(`This is a bug in Cleave, not in your input.\n${text}`);
  };
  const optionsOf = (uri: string): AnalyzeOptions => {
    return given({
      dims: settings.dims,
      weights: host.weightsOf(uri),
      imports: host.importsOf(uri),
      files: host.filesOf?.(uri),
    });
  };
  const send = (document: TextDocument, diagnostics: readonly Diagnostic[]): void => {
    void connection.sendDiagnostics({
      uri: document.uri,
      version: document.version,
      diagnostics: diagnostics.map((one) => lspDiagnostic(document, one, host)),
    });
  };
  const analyses = createDocuments({
    fileOf: host.fileOf,
    optionsOf,
    failed,
    publish: (document, analysis, diagnostics) => {
      send(document, diagnostics);
      const hasRules = analysis.tree().ast.items.some(({ kind }) => kind === "rule");
      if (
        !hasRules ||
        settings.checkRules === false ||
        diagnostics.some(({ severity }) => severity === "error")
      )
        return;
      host.checkRules?.(analysis.file, analysis.text, (found) => {
        if (documents.get(document.uri)?.version === document.version)
          send(document, [...diagnostics, ...found]);
      });
    },
  });
  const takeTurn = turns();
  /**
   * Answers about a document. What the editor has cancelled, or asked about a text that has changed since, is refused. A bug is logged, and the
   * editor gets no answer.
   */
  const answer = async <T>(
    { uri }: { readonly uri: string },
    token: CancellationToken,
    give: (analysis: Analysis, document: TextDocument) => T | null,
  ): Promise<T | null> => {
    const document = documents.get(uri);
    if (!document) return null;
    const { version } = document;
    await takeTurn();
    if (token.isCancellationRequested)
      throw new ResponseError(LSPErrorCodes.RequestCancelled, "the request is cancelled");
    if (documents.get(uri)?.version !== version)
      throw new ResponseError(LSPErrorCodes.ContentModified, "the text has changed since the request");
    try {
      return give(analyses.analysisOf(document), document);
    } catch (cause) {
      if (cause instanceof ResponseError) throw cause;
      failed(cause);
      return null;
    }
  };

  connection.onInitialize(({ initializationOptions }): InitializeResult => {
    settings = readSettings(initializationOptions);
    return {
      serverInfo: { name: "cleave", version },
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Incremental,
        completionProvider: { triggerCharacters: ["(", ",", "=", ">", '"', "/"], resolveProvider: true },
        hoverProvider: true,
        signatureHelpProvider: { triggerCharacters: ["(", ","] },
        definitionProvider: true,
        referencesProvider: true,
        documentHighlightProvider: true,
        renameProvider: { prepareProvider: true },
        documentFormattingProvider: true,
        documentSymbolProvider: true,
        foldingRangeProvider: true,
        inlayHintProvider: true,
        codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
        semanticTokensProvider: {
          legend: {
            tokenTypes: [...tokenTypes],
            tokenModifiers: ["declaration", "readonly", "defaultLibrary"],
          },
          full: true,
        },
      },
    };
  });
  connection.onDidChangeConfiguration(({ settings: all }) => {
    settings = readSettings((all as { cleave?: unknown } | null)?.cleave);
    analyses.reset(documents.all());
  });
  documents.onDidChangeContent(({ document }) => analyses.changed(document));
  documents.onDidClose(({ document }) => {
    analyses.closed(document.uri);
    void connection.sendDiagnostics({ uri: document.uri, diagnostics: [] });
  });

  connection.onShutdown(analyses.end);

  connection.onHover(({ textDocument, position }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const hover = hoverAt(analysis, document.offsetAt(position));
      return hover
        ? { contents: { kind: MarkupKind.Markdown, value: hover.text }, range: rangeOf(document, hover) }
        : null;
    }),
  );
  connection.onCompletion(({ textDocument, position }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const offset = document.offsetAt(position);
      const { start, end, items } = completionsAt(analysis, offset);
      const range = rangeOf(document, { start, end });
      return items.map((item, at): CompletionItem => {
        const newText = item.insert ?? item.label;
        return {
          label: item.label,
          kind: completionKinds[item.kind],
          ...(item.detail !== undefined && { detail: item.detail }),
          ...((item.kind === "key" || item.kind === "file") && { filterText: newText }),
          sortText: String(at).padStart(5, "0"),
          textEdit: { range, newText },
          data: { uri: textDocument.uri, offset, kind: item.kind },
        };
      });
    }),
  );
  connection.onCompletionResolve(async (item, token) => {
    const { uri, offset, kind } = item.data as { uri: string; offset: number; kind: Completion["kind"] };
    const doc = await answer(
      { uri },
      token,
      (analysis) => completionDoc(analysis, offset, { label: item.label, kind }) ?? null,
    );
    return doc === null ? item : { ...item, documentation: { kind: MarkupKind.Markdown, value: doc } };
  });
  connection.onSignatureHelp(({ textDocument, position }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const found = signatureAt(analysis, document.offsetAt(position));
      if (!found) return null;
      const { label, doc, parameters, active } = found;
      const markdown = (value: string) => ({ kind: MarkupKind.Markdown, value });
      const described = parameters.map((one) => ({
        label: one.label,
        ...(one.doc !== undefined && { documentation: markdown(one.doc) }),
      }));
      return {
        signatures: [
          { label, parameters: described, ...(doc !== undefined && { documentation: markdown(doc) }) },
        ],
        activeSignature: 0,
        activeParameter: active ?? parameters.length,
      };
    }),
  );
  connection.onDefinition(({ textDocument, position }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const found = nameAt(analysis.names(), document.offsetAt(position));
      return found ? meantBy(found).map((one) => definitionPlace(analysis, document, one, host)) : null;
    }),
  );
  connection.onReferences(({ textDocument, position, context }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const spans = usesAt(analysis, document.offsetAt(position), context.includeDeclaration);
      return spans.map((span) => locationOf(document, span));
    }),
  );
  connection.onDocumentHighlight(({ textDocument, position }, token) =>
    answer(textDocument, token, (analysis, document) =>
      usesAt(analysis, document.offsetAt(position), true).map((span) => ({ range: rangeOf(document, span) })),
    ),
  );
  connection.onPrepareRename(({ textDocument, position }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const found = renameableAt(analysis, document.offsetAt(position));
      return found ? { range: rangeOf(document, found), placeholder: found.name } : null;
    }),
  );
  connection.onRenameRequest(({ textDocument, position, newName }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const renamed = renameAt(analysis, document.offsetAt(position), newName);
      if ("problem" in renamed) throw new ResponseError(LSPErrorCodes.RequestFailed, renamed.problem); // the editor shows it
      return { changes: { [document.uri]: textEdits(document, renamed.edits) } };
    }),
  );
  connection.onDocumentFormatting(({ textDocument }, token) =>
    answer(textDocument, token, (analysis, document) => textEdits(document, formatEdits(analysis) ?? [])),
  );
  connection.onDocumentSymbol(({ textDocument }, token) =>
    answer(textDocument, token, (analysis, document) =>
      outlineOf(analysis).map((one) => lspSymbol(document, one)),
    ),
  );
  connection.onFoldingRanges(({ textDocument }, token) =>
    answer(textDocument, token, (analysis) =>
      foldsOf(analysis).map(({ startLine, endLine, comment }) => ({
        startLine,
        endLine,
        ...(comment && { kind: FoldingRangeKind.Comment }),
      })),
    ),
  );
  connection.languages.inlayHint.on(({ textDocument, range }, token) =>
    answer(textDocument, token, (analysis, document) =>
      hintsIn(analysis, document.offsetAt(range.start), document.offsetAt(range.end)).map(
        ({ offset, text }) => ({
          position: document.positionAt(offset),
          label: text,
          kind: 1 as const,
        }),
      ),
    ),
  );
  connection.languages.semanticTokens.on(
    async ({ textDocument }, token) =>
      (await answer(textDocument, token, (analysis, document) => {
        const builder = new SemanticTokensBuilder();
        for (const { start, end, type, declares, constant, builtIn } of colouredTokens(analysis)) {
          const { line, character } = document.positionAt(start);
          const modifiers = (declares ? 1 : 0) + (constant ? 2 : 0) + (builtIn ? 4 : 0);
          builder.push(line, character, end - start, tokenTypes.indexOf(type), modifiers);
        }
        return builder.build();
      })) ?? { data: [] },
  );
  connection.onCodeAction(({ textDocument, range }, token) =>
    answer(textDocument, token, (analysis, document) => {
      const [from, to] = [document.offsetAt(range.start), document.offsetAt(range.end)];
      return diagnosticsOf(analysis).flatMap((diagnostic) => {
        const { span } = diagnostic;
        if (!span || span.end < from || span.start > to) return [];
        return (diagnostic.fixes ?? []).map(({ title, span: { start, end }, text }) => ({
          title: terminalText(title),
          kind: CodeActionKind.QuickFix,
          diagnostics: [lspDiagnostic(document, diagnostic, host)],
          edit: { changes: { [document.uri]: textEdits(document, [{ start, end, text }]) } },
        }));
      });
    }),
  );
  documents.listen(connection);
}

/**
 * Lets answers take turns. Between two of them, what the editor has sent meanwhile arrives: cancellations, and newer texts. Each answer occupies the
 * thread until it is given.
 */
function turns(): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    last = last.then(() => new Promise((resolve) => void setTimeout(resolve)));
    return last;
  };
}

/** The place of a definition; that of an imported name is in its own file. */
function definitionPlace(
  analysis: Analysis,
  document: TextDocument,
  { kind, name, span }: Definition,
  host: ServerHost,
): Location {
  const imported = kind === "import" ? analysis.imports().get(name) : undefined;
  if (!imported) return locationOf(document, span);
  const other = TextDocument.create(host.uriOf(imported.file), "cleave", 0, imported.text);
  return locationOf(other, imported.item.name.span);
}

function usesAt(
  analysis: Analysis,
  offset: number,
  declarations: boolean,
): { readonly start: number; readonly end: number }[] {
  const found = nameAt(analysis.names(), offset);
  if (!found) return [];
  const { definitions, references } = family(analysis.names(), meantBy(found));
  return [...(declarations ? definitions : []), ...references].map(({ span }) => span);
}

function locationOf(
  document: TextDocument,
  span: { readonly start: number; readonly end: number },
): Location {
  return { uri: document.uri, range: rangeOf(document, span) };
}

function textEdits(document: TextDocument, edits: readonly Edit[]): TextEdit[] {
  return edits.map(({ text, ...place }) => ({ range: rangeOf(document, place), newText: text }));
}
