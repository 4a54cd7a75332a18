// Completion of what stands in quotes: keys of weights, paths of files, texts of attributes; and of the names that another file has.

import type { BlockItem, ConstItem } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import { quote } from "#grammar/quote.js";
import * as t from "#grammar/tokens/tokens.js";
import type { Analysis } from "./analysis.js";
import { forNames } from "./analysis.js";
import type { Completion, Completions } from "./completion.js";
import { describeItem } from "./describe.js";
import type { Importable } from "./imports.js";
import { importable } from "./imports.js";
import type { Place } from "./place.js";
import { argumentsOf } from "./vocabulary.js";

/** The files that a text may name by their paths. */
export interface NearbyFiles {
  /** The entries of a folder, whose path is relative to that of the file `from`: names of files, and names of folders with a `/` behind them. */
  list(folder: string, from: string): readonly string[];
}

/** What may stand in the quotes at the cursor, or where a path in quotes is expected. */
export function completionsInString(analysis: Analysis, place: Place, offset: number): Completions {
  const { start, end, calls, item, statement } = place;
  const call = calls.at(-1);
  if (item === "import") return pathsAt(analysis, place, offset, isModelText);
  if (statement === "weights") return pathsAt(analysis, place, offset, isWeightFile);
  if (call?.callee.image === "weight") return { start, end, items: keys(forNames(analysis, start)) };
  return { start, end, items: call?.name === undefined ? [] : texts(call.callee.image, call.name) };
}

/** The blocks and consts that may stand in an `import`: those of its file that it does not name yet. */
export function importableNames(analysis: Analysis, place: Place): Completion[] {
  const { names } = importAt(analysis, place);
  const { items, text } = importableAt(analysis, place);
  return items
    .filter(({ name }) => !names.includes(name.text))
    .map((one) => ({
      label: printName(one.name.text),
      kind: one.kind === "block" ? "block" : "constant",
      detail: detailOf(one, text),
    }));
}

/** The Markdown about one of them. */
export function importableDoc(analysis: Analysis, place: Place, label: string): string | undefined {
  const { items, text } = importableAt(analysis, place);
  const item = items.find(({ name }) => printName(name.text) === label);
  return item && describeItem(item, text);
}

function importableAt(analysis: Analysis, place: Place): Importable {
  const { path } = importAt(analysis, place);
  const file = path === undefined ? undefined : importable(path, analysis.file, analysis.options.imports);
  return file ?? { items: [], text: "" };
}

/** The path and the names of the `import` around the cursor, also those behind it, without the one that is being written. */
function importAt(
  analysis: Analysis,
  { itemStart, word }: Place,
): { readonly path?: string; readonly names: readonly string[] } {
  const tokens = analysis.tokens().statements;
  const names: string[] = [];
  for (let index = tokens.findIndex(({ startOffset }) => startOffset === itemStart) + 1; ; index++) {
    const token = tokens[index];
    if (token?.tokenType === t.StringToken) return { path: t.unescaped(token).value, names };
    if (!t.is(token, t.Identifier) && !t.is(token, t.Comma)) return { names };
    if (token && token !== word && !t.is(token, t.Comma)) names.push(t.unescaped(token).value);
  }
}

function detailOf(item: BlockItem | ConstItem, text: string): string {
  if (item.kind === "const") return text.slice(item.value.span.start, item.value.span.end);
  return `(${item.parameters.map(({ span }) => text.slice(span.start, span.end)).join(", ")})`;
}

function keys(analysis: Analysis): Completion[] {
  return analysis.values().weights.flatMap(({ entries }) =>
    [...entries].map(([key, { shape, dtype = "f32" }]): Completion => {
      const detail = `${dtype.toLowerCase()}[${shape.join(", ")}]`;
      return { label: key, kind: "key", detail, insert: quote(key, '"') };
    }),
  );
}

function texts(callee: string, name: string): Completion[] {
  const members = argumentsOf(callee).find((one) => one.name === name)?.members ?? [];
  return members.filter((one) => one.startsWith('"')).map((label) => ({ label, kind: "member" }));
}

const isModelText = (name: string): boolean => name.endsWith(".net");
const isWeightFile = (name: string): boolean => /\.(?:safetensors|onnx|json)$/.test(name);

/**
 * The files and folders in the folder that is written before the cursor. They replace what stands in the quotes, so that the next folder can be
 * written behind a folder; a quote that is open is closed behind a file.
 */
function pathsAt(
  { file, options, text }: Analysis,
  { word, ...place }: Place,
  offset: number,
  isWanted: (name: string) => boolean,
): Completions {
  const isClosed = word?.tokenType === t.StringToken;
  const start = word ? place.start + 1 : offset;
  const end = isClosed ? place.end - 1 : offset;
  const written = text.slice(start, Math.max(start, offset));
  const folder = written.slice(0, written.lastIndexOf("/") + 1);
  const items = (options.files?.list(folder, file) ?? [])
    .filter((name) => name.endsWith("/") || isWanted(name))
    .filter((name) => folder !== "" || name !== ownName(file))
    .map((name): Completion => {
      const label = quote(`${folder}${name}`, '"').slice(1, -1);
      const closer = isClosed || name.endsWith("/") ? "" : '"';
      return { label, kind: "file", insert: `${word ? "" : '"'}${label}${closer}` };
    });
  return { start: Math.min(start, offset), end: Math.max(end, Math.min(start, offset)), items };
}

function ownName(file: string): string | undefined {
  return file.split(/[/\\]/).at(-1);
}
