// Lines and columns of character offsets.

/** A line and a column, both from 1. A column counts code points; a tab is one. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Offsets at which the lines of a text begin; `\n`, `\r\n` and a lone `\r` end a line. Never empty. */
export function lineStarts(text: string): number[] {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\n|\r/g)) starts.push(match.index + match[0].length);
  return starts;
}

/** Index (from 0) of the line that holds `offset`, by binary search in the result of `lineStarts`. */
export function lineIndex(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? Infinity) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Line and column of `offset`, clamped to the text. Pass `starts` if you have the result of `lineStarts`. */
export function lineCol(
  text: string,
  offset: number,
  starts: readonly number[] = lineStarts(text),
): Position {
  const inside = Math.max(0, Math.min(offset, text.length));
  const index = lineIndex(starts, inside);
  const column = Array.from(text.slice(starts[index] ?? 0, inside)).length + 1;
  return { line: index + 1, column };
}
