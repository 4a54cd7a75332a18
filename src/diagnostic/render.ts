// Formats diagnostics for the user: message, place, the line with the wrong part underlined, and help.

import { expectList, expectMap } from "./argument.js";
import type { OptionKinds } from "./options.js";
import { aBoolean, expectOptions } from "./options.js";
import { greatest } from "./extremes.js";
import picocolors from "picocolors";
import type { Diagnostic, Label, Span } from "./diagnostic.js";
import { lineText } from "./escape.js";
import { excerpts, visible, type Excerpt, type Mark } from "./excerpt.js";
import { lineCol, lineIndex, lineStarts } from "./position.js";

/** How diagnostics are shown. */
export interface RenderOptions {
  /** Whether to colour the text with ANSI escapes. */
  readonly color: boolean;
}

const renderKinds: OptionKinds<RenderOptions> = { color: aBoolean };

type Colors = ReturnType<typeof picocolors.createColors>;

/**
 * The diagnostics as text, with a blank line between two and a line end after the last; empty for an empty list.
 * `sources` has the texts by the file name of spans. For a place in a text that it lacks, only the file name is printed.
 *
 *     error[unknown-op]: there is no op or block `conv2`
 *       --> model.net:4:7
 *        |
 *      4 |   y = conv2(image, filters=5)
 *        |       ^^^^^ not known
 *        |
 *        = help: did you mean `conv2d`?
 */
export function render(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  options: RenderOptions = { color: false },
): string {
  expectList("render", "a list of diagnostics", diagnostics);
  expectMap("render", "the texts by file, as a Map", sources);
  expectOptions("render", options, renderKinds);
  const { color } = options;
  const colors = picocolors.createColors(color);
  const texts = new Map<string, SourceText>();
  const source = (file: string): SourceText | undefined => {
    const known = texts.get(file);
    if (known !== undefined) return known;
    const text = sources.get(file);
    if (text === undefined) return undefined;
    const made = { file, text, starts: lineStarts(text) };
    texts.set(file, made);
    return made;
  };
  return diagnostics.map((diagnostic) => `${renderOne(diagnostic, source, colors)}\n`).join("\n");
}

interface SourceText {
  readonly file: string;
  readonly text: string;
  readonly starts: readonly number[];
}

type Lookup = (file: string) => SourceText | undefined;

/** A line that is shown, and all marks in it. */
interface MarkedLine {
  readonly index: number;
  readonly marks: Mark[];
}

/** The lines that are shown of one file. */
interface Section {
  readonly head: string;
  readonly lines: readonly MarkedLine[];
  readonly source?: SourceText;
}

function renderOne(diagnostic: Diagnostic, lookup: Lookup, colors: Colors): string {
  const { severity, code, message, span, help = [] } = diagnostic;
  const tint = { error: colors.red, warning: colors.yellow, note: colors.cyan }[severity];
  const title = `${colors.bold(tint(`${severity}[${code}]`))}${colors.bold(`: ${visible(message).replaceAll("\n", "\n  ")}`)}`;

  const sections = span === undefined ? [] : sectionsOf(span, diagnostic, lookup);
  const last = greatest(
    sections.flatMap(({ lines }) => lines.map(({ index }) => index + 1)),
    0,
  );
  const gutter = " ".repeat(String(last).length + (last > 0 ? 1 : 0));
  const bar = colors.blue(`${gutter} |`);

  const rows = sections.flatMap((section, k) => [
    ...(k === 0 ? [] : [bar]),
    `${colors.blue(`${gutter}${k === 0 ? "-->" : ":::"}`)} ${section.head}`,
    ...(section.source === undefined ? [] : drawSection(section, section.source, gutter, tint, colors)),
  ]);
  const separated = sections.some(({ lines }) => lines.length > 0) && help.length > 0 ? [bar] : [];
  const advice = help.map((text) => {
    const lead = `${gutter} ${colors.blue("=")} ${colors.bold("help")}: `;
    return lead + visible(text).replaceAll("\n", `\n${gutter}         `);
  });
  const shown = diagnostic.example === undefined ? [] : ["", ...exampleLines(diagnostic.example)];
  return [title, ...rows, ...separated, ...advice, ...shown].map((row) => row.trimEnd()).join("\n");
}

/** The lines of an example; control characters in it are made visible. */
function exampleLines(text: string): string[] {
  return text.trimEnd().split("\n").map(visible);
}

/** The lines to show by file: first the file of the place itself, then the other files. */
function sectionsOf(span: Span, diagnostic: Diagnostic, lookup: Lookup): Section[] {
  const main: Label = { span, message: diagnostic.label ?? "" };
  const labels = [main, ...(diagnostic.others ?? [])];
  const files = [...new Set(labels.map((label) => label.span.file))];
  return files.map((file) => {
    const own = labels.filter((label) => label.span.file === file);
    const source = lookup(file);
    if (source === undefined) return { head: lineText(file), lines: [] };
    const { line, column } = lineCol(source.text, own[0]?.span.start ?? 0, source.starts);
    const lines = new Map<number, MarkedLine>();
    for (const label of own) {
      const { index, mark } = markOf(label, source, label === main ? "^" : "-");
      const marked = lines.get(index) ?? { index, marks: [] };
      marked.marks.push(mark);
      lines.set(index, marked);
    }
    const sorted = [...lines.values()].sort((a, b) => a.index - b.index);
    return { head: `${lineText(file)}:${line}:${column}`, lines: sorted, source };
  });
}

/** The mark of a label in the line where it begins; a label over several lines is marked to the end of the line. */
function markOf(
  { span, message }: Label,
  source: SourceText,
  sign: "^" | "-",
): { index: number; mark: Mark } {
  const start = Math.max(0, Math.min(span.start, source.text.length));
  const index = lineIndex(source.starts, start);
  const lineStart = source.starts[index] ?? 0;
  const { length } = lineOf(source, index);
  return {
    index,
    mark: {
      start: Math.min(start - lineStart, length),
      end: Math.min(span.end - lineStart, length),
      message,
      sign,
    },
  };
}

function drawSection(
  { lines }: Section,
  source: SourceText,
  gutter: string,
  tint: (text: string) => string,
  colors: Colors,
): string[] {
  const bar = colors.blue(`${gutter} |`);
  const numbered = (index: number): string => colors.blue(`${String(index + 1).padStart(gutter.length)} |`);
  const rows = [bar];
  let previous: number | undefined;
  for (const { index, marks } of lines) {
    if (previous !== undefined && index === previous + 2) {
      const [between] = excerpts(lineOf(source, index - 1), [{ start: 0, end: 0, message: "", sign: "-" }]);
      rows.push(`${numbered(index - 1)} ${between?.code ?? ""}`);
    } else if (previous !== undefined && index > previous + 2) {
      rows.push(colors.blue("..."));
    }
    for (const excerpt of excerpts(lineOf(source, index), marks)) {
      rows.push(`${numbered(index)} ${excerpt.code}`);
      for (const row of drawUnderlines(excerpt, bar, tint, colors)) rows.push(row);
    }
    previous = index;
  }
  return rows;
}

function drawUnderlines(
  { underlines }: Excerpt,
  bar: string,
  tint: (text: string) => string,
  colors: Colors,
): string[] {
  return underlines.flatMap(({ indent, signs, message, mark }) => {
    const paint = mark.sign === "^" ? (text: string): string => colors.bold(tint(text)) : colors.blue;
    const [first = "", ...more] = message;
    const under = " ".repeat(indent.length + signs.length + 1);
    return [
      `${bar} ${indent}${paint(`${signs} ${first}`.trimEnd())}`,
      ...more.map((text) => `${bar} ${under}${paint(text)}`),
    ];
  });
}

/** A line without its end. */
function lineOf({ text, starts }: SourceText, index: number): string {
  return text.slice(starts[index] ?? 0, starts[index + 1] ?? text.length).replace(/[\r\n]+$/, "");
}
