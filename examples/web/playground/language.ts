// The language in the editor: colours, completions and hovers, from the tables of the compiler.

import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import type { EditorView, Tooltip } from "@codemirror/view";
import type { EditorState } from "@codemirror/state";
import type { Completion as Known } from "#editor/completion.js";
import { tags } from "@lezer/highlight";
import { allWords, reservedWords } from "#grammar/tokens/tokens.js";
import { isOp, literalNames } from "#ops/index.js";
import { isDType } from "#ir/type.js";
import { textOf } from "../controls.js";
import type { Answer, Question } from "./assisting.js";

const words = new Set(allWords);

/** Colours the text word by word; the worker finds errors. */
const language = StreamLanguage.define({
  name: "cleave",
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"'] } },
  token: (stream) => {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/^`(?:[^`\\]|\\.)*`?/)) return "variableName";
    if (stream.match(/^\d+(?:x\d+)+/) || stream.match(/^\d+(?:\.\d+)?(?:e[+-]?\d+)?/i)) return "number";
    if (stream.match(/^[A-Za-z_][\w.]*/)) {
      const word = stream.current();
      if (stream.match(/^\s*(?:=(?!=|>))/, false) && !reservedWords.has(word)) return "propertyName";
      if (isDType(word)) return "typeName";
      if (isOp(word) && word !== "input") return "function";
      if (words.has(word)) return "keyword";
      return literalNames.has(word) || word === "inf" || word === "nan" ? "atom" : "variableName";
    }
    if (stream.match(/^(?:\|>|=>|->|==|!=|<=|>=|\.\.)/)) return "operator";
    stream.next();
    return "punctuation";
  },
  tokenTable: { function: tags.function(tags.variableName) },
});

const colors = HighlightStyle.define([
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: tags.keyword, color: "var(--keyword)", fontWeight: "600" },
  { tag: tags.function(tags.variableName), color: "var(--accent)" },
  { tag: [tags.number, tags.atom], color: "var(--number)" },
  { tag: tags.string, color: "var(--string)" },
  { tag: tags.typeName, color: "var(--keyword)" },
  { tag: tags.operator, color: "var(--quiet)" },
]);

export const highlighting = [language, syntaxHighlighting(colors)];

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, (answer: Answer) => void>();

/** Asks the worker that knows the language; it starts with the first question. */
function ask(state: EditorState, at: number, wants: Question["wants"]): Promise<Answer> {
  if (!worker) {
    worker = new Worker(new URL("./assisting.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      waiting.get(data.id)?.(data);
      waiting.delete(data.id);
    });
  }
  const question: Question = { id: ++last, text: state.doc.toString(), at, wants };
  worker.postMessage(question);
  return new Promise((resolve) => waiting.set(question.id, resolve));
}

/** The icons of the editor for kinds of completions. */
const icons: Readonly<Partial<Record<Known["kind"], string>>> = {
  op: "function",
  block: "function",
  argument: "property",
  member: "enum",
  constant: "constant",
  value: "variable",
};

/** What may stand at the cursor. */
export async function complete({
  state,
  pos,
  explicit,
}: CompletionContext): Promise<CompletionResult | null> {
  if (!explicit && !/[\w"]$/.test(state.sliceDoc(Math.max(0, pos - 1), pos))) return null;
  const { completions } = await ask(state, pos, "completions");
  if (!completions || completions.items.length === 0) return null;
  const { start, items } = completions;
  const options = items.map((item, index): Completion => ({
    label: item.label,
    type: icons[item.kind] ?? item.kind,
    // The likeliest kinds come first.
    boost: Math.max(-99, 50 - index),
    ...(item.detail !== undefined && { detail: item.detail }),
    ...(item.insert !== undefined && { apply: item.insert }),
    info: async () => {
      const { doc } = await ask(state, pos, item);
      return doc === undefined ? null : docOf(doc);
    },
  }));
  return { from: start, options, validFor: /^\w*$/ };
}

/** What the word at a place means. */
export async function hover({ state }: EditorView, at: number): Promise<Tooltip | null> {
  const { hover: found } = await ask(state, at, "hover");
  if (!found) return null;
  return { pos: found.start, end: found.end, above: true, create: () => ({ dom: docOf(found.text) }) };
}

/** Markdown as plain text: without the fences of code. */
function docOf(text: string): HTMLElement {
  const dom = textOf("div", text.replaceAll(/^```.*\n?/gm, "").trim());
  dom.className = "doc";
  return dom;
}
