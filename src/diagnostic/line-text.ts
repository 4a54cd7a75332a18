// The source line of a span, for comments and reports.

import type { Span } from "./diagnostic.js";
import { lineIndex, lineStarts } from "./position.js";

/** A function that gives `seed.net:5: y = conv2d(…)` for a span, or undefined if `sources` lacks its text. It splits each text into lines once. */
export function lineTexts(
  sources: ReadonlyMap<string, string>,
): (span: Span | undefined) => string | undefined {
  const starts = new Map<string, readonly number[]>();
  return (span) => {
    const text = span ? sources.get(span.file) : undefined;
    if (!span || text === undefined) return undefined;
    const lines = starts.get(span.file) ?? lineStarts(text);
    starts.set(span.file, lines);
    const line = lineIndex(lines, span.start);
    const file = span.file.split(/[/\\]/).at(-1) ?? span.file;
    return `${file}:${line + 1}: ${text.slice(lines[line], lines[line + 1]).trim()}`;
  };
}
