// The source files of a film: the texts from which nodes come, and the lines of each span.

import { terminalText } from "#diagnostic/escape.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { lineIndex, lineStarts } from "#diagnostic/position.js";
import type { SourceFile, SourceSpan } from "./data.js";

export interface Sources {
  /** The lines of spans in files whose text is known; each line range once. */
  spansOf(spans: readonly Span[]): readonly SourceSpan[];
  /** The files that spans named so far. */
  readonly files: readonly SourceFile[];
}

export function createSources(texts: ReadonlyMap<string, string>): Sources {
  const files: SourceFile[] = [];
  const known = new Map<string, { readonly index: number; readonly starts: readonly number[] }>();
  const fileOf = (
    name: string,
  ): { readonly index: number; readonly starts: readonly number[] } | undefined => {
    const found = known.get(name);
    const text = found ? undefined : texts.get(name);
    if (found || text === undefined) return found;
    const made = { index: files.length, starts: lineStarts(text) };
    // The page shows line by line, so all line ends become one kind.
    files.push({ name: baseName(name), text: terminalText(text.replaceAll(/\r\n?/g, "\n")) });
    known.set(name, made);
    return made;
  };
  return {
    files,
    spansOf: (spans) => {
      const rows = new Map<string, SourceSpan>();
      for (const { file, start, end } of spans) {
        const found = fileOf(file);
        if (!found) continue;
        const row = [
          found.index,
          lineIndex(found.starts, start),
          lineIndex(found.starts, Math.max(start, end - 1)),
        ] as const;
        rows.set(row.join(), row);
      }
      return [...rows.values()];
    },
  };
}

function baseName(path: string): string {
  return terminalText(path.split(/[/\\]/).at(-1) ?? path);
}
