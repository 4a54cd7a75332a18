// The language in the editor: colours, completions and hovers, from the tables of the compiler.

import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import type { EditorView, Tooltip } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { allWords, reservedWords } from "#grammar/tokens/tokens.js";
import { describeOp } from "#report/ops-doc.js";
import type { OpName } from "#ir/graph.js";
import { isOp, literalNames, opNames, opOf } from "#ops/index.js";
import { isDType } from "#ir/type.js";
import { textOf } from "../controls.js";

const words = new Set(allWords);
const ops = opNames.filter((name) => name !== "input" && name !== "constant");

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

/** Completes ops, attributes of the op whose call is open, members of an attribute, and names of the text. */
export function complete(context: CompletionContext): CompletionResult | null {
  const word = context.matchBefore(/\w*/);
  if (!word || (word.from === word.to && !context.explicit)) return null;
  const line = context.state.doc.lineAt(context.pos);
  if (/#|"[^"]*$/.test(line.text.slice(0, context.pos - line.from))) return null;
  const before = context.state.sliceDoc(Math.max(0, word.from - 2000), word.from);
  const callee = openCall(before);
  const attribute = /(\w+)\s*=\s*$/.exec(before)?.[1];
  if (callee !== undefined && attribute !== undefined) {
    const { attributes, layer } = opOf(callee);
    const kind = attributes[attribute] ?? layer?.attributes[attribute];
    const members = (kind?.members ?? []).map((label): Completion => ({ label, type: "enum" }));
    if (members.length > 0) return { from: word.from, options: members };
  }
  const own = callee === undefined ? [] : attributesOf(callee);
  const all = [...own, ...callable, ...boundNames(context.state.doc.toString())];
  if (/(?:^|\n)\s*$/.test(before)) for (const label of allWords) all.push({ label, type: "keyword" });
  return { from: word.from, options: all, validFor: /^\w*$/ };
}

/** The op in whose parentheses a text ends. */
function openCall(text: string): OpName | undefined {
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    const letter = text[at];
    if (letter === ")" || letter === "]") depth += 1;
    else if (letter === "[") depth -= 1;
    else if (letter === "(" && --depth < 0) {
      const name = /(\w+)\s*$/.exec(text.slice(0, at))?.[1];
      return name !== undefined && isOp(name) ? name : undefined;
    } else if (letter === "{" || letter === "}") return undefined;
  }
  return undefined;
}

const callable = ops.map((name): Completion => ({
  label: name,
  type: "function",
  info: () => docOf(opOf(name).doc),
  boost: 1,
}));

function attributesOf(name: OpName): Completion[] {
  const { attributes, layer } = opOf(name);
  return Object.entries({ ...layer?.attributes, ...attributes }).map(([label, kind]) => ({
    label: `${label}=`,
    type: "property",
    detail: kind.default === undefined ? "required" : kind.print(kind.default),
    info: () => docOf(`${kind.doc}: ${kind.expects}`),
    boost: kind.default === undefined ? 3 : 2,
  }));
}

function boundNames(text: string): Completion[] {
  const names = [
    ...text.matchAll(/^\s*(?:(?:input|param|const|block|output)\s+)?([A-Za-z_]\w*)\s*(?=[=:(])/gm),
  ];
  return [...new Set(names.map((match) => match[1] ?? ""))]
    .filter((name) => !isOp(name) && !words.has(name))
    .map((label) => ({ label, type: "variable" }));
}

/** What is said about the word at a place: the op, or the type of the value. */
export function hoverOf(
  types: ReadonlyMap<string, string>,
): (view: EditorView, at: number) => Tooltip | null {
  return (view, at) => {
    const range = view.state.wordAt(at);
    if (!range) return null;
    const word = view.state.sliceDoc(range.from, range.to);
    const said =
      isOp(word) && word !== "input"
        ? describeOp(word)
        : types.has(word)
          ? `${word}: ${types.get(word)}`
          : undefined;
    if (said === undefined) return null;
    return { pos: range.from, end: range.to, above: true, create: () => ({ dom: docOf(said) }) };
  };
}

function docOf(text: string): HTMLElement {
  const dom = textOf("div", text);
  dom.className = "doc";
  return dom;
}
