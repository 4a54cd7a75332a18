// Finds the doc comments of a text: `## …` above what it describes, or behind it on its line.

import type { Comment } from "../ast.js";
import { lineIndex } from "#diagnostic/position.js";

/** The doc comment of what stands at `[start, end)`; undefined if it has none. */
export type DocOf = (start: number, end: number) => string | undefined;

/**
 * A doc comment begins with exactly two `#`. Lines of them directly above an element that begins its line belong to it, as does one that
 * follows it on its last line, with at most a comma between.
 */
export function docComments(text: string, comments: readonly Comment[], starts: readonly number[]): DocOf {
  const above = new Map<number, string>();
  const behind = new Map<number, { readonly start: number; readonly text: string }>();
  for (const { text: written, ownLine, span } of comments) {
    const [, said] = /^##(?!#)\s?(.*)$/.exec(written) ?? [];
    if (said === undefined) continue;
    const line = lineIndex(starts, span.start);
    if (ownLine) above.set(line, said);
    else behind.set(line, { start: span.start, text: said });
  }
  if (above.size + behind.size === 0) return () => undefined;
  return (start, end) => {
    const first = lineIndex(starts, start);
    const lines: string[] = [];
    if (text.slice(starts[first], start).trim() === "")
      for (let line = first - 1, said = above.get(line); said !== undefined; said = above.get((line -= 1)))
        lines.unshift(said);
    const last = behind.get(lineIndex(starts, end - 1));
    if (last && /^[\s,]*$/.test(text.slice(end, last.start))) lines.push(last.text);
    return lines.length > 0 ? lines.join("\n") : undefined;
  };
}
