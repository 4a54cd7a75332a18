// Draws a line of source text with marks under it, also with tabs, wide characters and very long lines.

import { terminalText } from "./escape.js";

/** A part of a line, in offsets into that line, with a message. */
export interface Mark {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  /** `^` for the place itself, `-` for another place that belongs to the message. */
  readonly sign: "^" | "-";
}

/** A row under the line of code: spaces up to the mark, the signs, and the message by lines. */
interface Underline {
  readonly indent: string;
  readonly signs: string;
  readonly message: readonly string[];
  readonly mark: Mark;
}

/** A line of code as shown, and the rows under it. */
export interface Excerpt {
  readonly code: string;
  readonly underlines: readonly Underline[];
}

/** Most columns of a line that are shown; a longer line is cut around each mark. */
const width = 100;

/** Columns before a mark that are shown of a cut line. */
const lead = 30;

/** Replaces a tab: the width of a tab depends on the terminal, that of spaces does not. */
const tab = "    ";

/** The excerpts of a line that show all `marks`: one, or one for each mark if the line is too long to show whole. */
export function excerpts(line: string, marks: readonly Mark[]): Excerpt[] {
  if (line.length <= width && columns(line) <= width) {
    return [
      { code: visible(line), underlines: marks.map((mark) => underline(line, 0, line.length, mark, "")) },
    ];
  }
  const inOrder = marks.toSorted((a, b) => a.start - b.start);
  return inOrder.map((mark) => {
    const { from, to } = clip(line, mark);
    const before = from > 0 ? "…" : "";
    const after = to < line.length ? "…" : "";
    return {
      code: before + visible(line.slice(from, to)) + after,
      underlines: [underline(line, from, to, mark, before)],
    };
  });
}

/** The text for a terminal, with tabs as spaces. */
export function visible(text: string): string {
  return terminalText(text).replaceAll("\t", tab);
}

/** Terminal columns that `visible(text)` takes. */
export function columns(text: string): number {
  // Nearly all text is ASCII, and looking up Unicode classes is slow.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let count = 0;
  for (const character of visible(text)) count += columnsOf(character);
  return count;
}

function underline(line: string, from: number, to: number, mark: Mark, before: string): Underline {
  const start = Math.min(Math.max(mark.start, from), to);
  const end = Math.min(Math.max(mark.end, start), to);
  return {
    indent: " ".repeat(before.length + columns(line.slice(from, start))),
    signs: mark.sign.repeat(Math.max(1, columns(line.slice(start, end)))),
    message: mark.message === "" ? [] : mark.message.split("\n").map(visible),
    mark,
  };
}

/** The part `[from, to)` of a long line to show: the mark's beginning with `lead` columns before it. */
function clip(line: string, mark: Mark): { from: number; to: number } {
  let from = Math.min(mark.start, line.length);
  for (let room = lead; from > 0 && room > 0;) {
    from -= characterBefore(line, from).length;
    room -= columns(characterAt(line, from));
  }
  let to = from;
  for (let room = width - 2; to < line.length;) {
    const character = characterAt(line, to);
    room -= columns(character);
    if (room < 0) break;
    to += character.length;
  }
  return { from, to };
}

function characterAt(text: string, offset: number): string {
  return String.fromCodePoint(text.codePointAt(offset) ?? 0);
}

function characterBefore(text: string, offset: number): string {
  const pair = offset >= 2 ? characterAt(text, offset - 2) : "";
  return pair.length === 2 ? pair : characterAt(text, offset - 1);
}

/** Two for East Asian wide characters and emoji, none for combining marks (Unicode UAX #11). */
function columnsOf(character: string): number {
  if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(character)) return 0;
  return /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u.test(
    character,
  )
    ? 2
    : 1;
}
