// The open documents with their analyses: one for each version, and the diagnostics when the user pauses.

import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Analysis, AnalyzeOptions } from "../analysis.js";
import { analyze, diagnosticsOf } from "../analysis.js";

export interface DocumentsHost {
  /** The name of a document in messages, and in the paths of what it names. */
  fileOf(uri: string): string;
  optionsOf(uri: string): AnalyzeOptions;
  /** Receives the diagnostics of a version. */
  publish(document: TextDocument, analysis: Analysis, diagnostics: readonly Diagnostic[]): void;
  /** Receives what a bug in Cleave threw. */
  failed(cause: unknown): void;
}

/** Milliseconds without a change after which a document is elaborated. */
const pause = 150;

export interface Documents {
  /** The analysis of a version of a document; the same object as long as the version stays. */
  analysisOf(document: TextDocument): Analysis;
  /** A document has a new version: its diagnostics are published after a pause. */
  changed(document: TextDocument): void;
  closed(uri: string): void;
  /** Options have changed: all documents are analyzed again. */
  reset(documents: readonly TextDocument[]): void;
  /** Nothing more is published: the editor that would receive it ends. */
  end(): void;
}

interface Entry {
  readonly version: number;
  readonly analysis: Analysis;
}

export function createDocuments(host: DocumentsHost): Documents {
  const entries = new Map<string, Entry>();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  const analysisOf = (document: TextDocument): Analysis => {
    const { uri, version } = document;
    const known = entries.get(uri);
    if (known?.version === version) return known.analysis;
    const previous = settled(known?.analysis);
    const analysis = analyze(document.getText(), host.fileOf(uri), {
      ...host.optionsOf(uri),
      ...(previous && { previous }),
    });
    entries.set(uri, { version, analysis });
    return analysis;
  };
  const publish = (document: TextDocument): void => {
    timers.delete(document.uri);
    try {
      const analysis = analysisOf(document);
      const diagnostics = diagnosticsOf(analysis);
      // Names and values are ready before the user asks.
      analysis.names();
      analysis.values();
      host.publish(document, analysis, diagnostics);
    } catch (cause) {
      host.failed(cause);
    }
  };
  const changed = (document: TextDocument): void => {
    clearTimeout(timers.get(document.uri));
    timers.set(
      document.uri,
      setTimeout(() => publish(document), pause),
    );
  };
  return {
    analysisOf,
    changed,
    closed: (uri) => {
      clearTimeout(timers.get(uri));
      timers.delete(uri);
      entries.delete(uri);
    },
    reset: (documents) => {
      entries.clear();
      for (const document of documents) changed(document);
    },
    end: () => {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}

/** The latest analysis that is complete; older ones are forgotten. */
function settled(analysis: Analysis | undefined): Analysis | undefined {
  if (!analysis) return undefined;
  if (!analysis.has("values")) return analysis.previous;
  const { previous: _, ...alone } = analysis;
  return alone;
}
