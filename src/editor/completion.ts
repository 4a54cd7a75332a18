// Completion: what may stand at the cursor, by its place in the text.

import type { BlockItem, Item } from "#grammar/ast.js";
import { printArgumentName, printName } from "#grammar/printing/print-name.js";
import { parse } from "#grammar/reading/parse.js";
import { itemWords, statementWords, unescaped } from "#grammar/tokens/tokens.js";
import { ownEntry } from "#diagnostic/own-entry.js";
import { functionNames } from "#elaborate/functions.js";
import { generators } from "#ir/weights.js";
import { dtypes } from "#ir/type.js";
import { isOp, opClasses, opOf } from "#ops/index.js";
import { chainFacts } from "#rewrite/fusion/condition.js";
import { ruleFunctions } from "#rewrite/rule/compile/functions.js";
import { templateNames } from "#template/templates.js";
import type { Analysis } from "./analysis.js";
import { forNames } from "./analysis.js";
import { describeDefinition, valueText } from "./describe.js";
import { completionsInString, importableDoc, importableNames } from "./complete-strings.js";
import type { Definition } from "./names/definition.js";
import { namesOf, visibleAt } from "./names/names.js";
import type { OpenCall, Place } from "./place.js";
import { placeAt } from "./place.js";
import { argumentsOf, callableOps, functionText, passNames, weightFunctions, wordDoc } from "./vocabulary.js";

/** What a completion is; editors show an icon for it. */
export type CompletionKind =
  | "keyword"
  | "op"
  | "class"
  | "function"
  | "block"
  | "constant"
  | "value"
  | "argument"
  | "member"
  | "type"
  | "key"
  | "file";

export interface Completion {
  readonly label: string;
  readonly kind: CompletionKind;
  /** A few words behind the label: a type, a default. */
  readonly detail?: string;
  /** The text that is inserted, if it is not the label. */
  readonly insert?: string;
}

export interface Completions {
  /** The place that the inserted text replaces. */
  readonly start: number;
  readonly end: number;
  readonly items: readonly Completion[];
}

/** What may stand at an offset; the likeliest kinds come first. */
export function completionsAt(analysis: Analysis, offset: number): Completions {
  const place = placeAt(analysis, offset);
  if (!place) return { start: offset, end: offset, items: [] };
  const { start, end } = place;
  if (place.expected === "string" || place.expected === "path")
    return completionsInString(analysis, place, offset);
  if (place.expected === "imported") return { start, end, items: importableNames(analysis, place) };
  const seen = new Set<string>();
  const items = itemsAt(forNames(analysis, start), place).filter(({ label, kind }) => {
    const key = `${kind} ${label}`;
    return seen.has(key) ? false : (seen.add(key), true);
  });
  return { start, end, items };
}

/** The Markdown about a completion; it is computed only for the one that an editor shows. */
export function completionDoc(
  analysis: Analysis,
  offset: number,
  { label, kind }: Completion,
): string | undefined {
  const place = placeAt(analysis, offset);
  if (kind === "argument") {
    const callee = place?.calls.at(-1)?.callee;
    const known =
      callee && argumentsOf(unescaped(callee).value).find(({ name }) => printArgumentName(name) === label);
    return known?.doc;
  }
  if (place?.expected === "imported") return importableDoc(analysis, place, label);
  if (kind === "block" || kind === "value" || kind === "constant") {
    const all = [...(place ? namesAt(analysis, place) : []), ...analysis.names().definitions];
    const definition = all.find(({ name }) => printName(name) === label);
    return definition && describeDefinition(analysis, definition);
  }
  return wordDoc(label);
}

function itemsAt(analysis: Analysis, place: Place): Completion[] {
  switch (place.expected) {
    case "item":
      return words(itemWords);
    case "rule":
      return words(["rule"]);
    case "pass":
      return passNames.map((label) => ({ label, kind: "function" }));
    case "place":
      return words(["before", "after"]);
    case "statement":
      return [
        ...words(place.follows),
        ...valuesAt(analysis, place),
        ...words(place.item === "block" ? blockWords : netWords),
      ];
    case "argument":
      return [
        ...argumentItems(analysis, place),
        ...(takesOperands(place) ? operandItems(analysis, place) : []),
      ];
    case "operand":
      return [...memberItems(analysis, place), ...operandItems(analysis, place)];
    case "callee":
      return [...calleeItems(analysis, place), ...classItems(analysis, place)];
    case "type":
      return dtypes.map((label) => ({ label, kind: "type" }));
    case "output":
      return valuesAt(analysis, place);
    case "template":
      return templateNames.map((label) => ({ label, kind: "class" }));
    case "link":
      return [...classNames(analysis), ...opItems()];
    case "fact":
      return Object.entries(chainFacts).map(([label, detail]) => ({ label, kind: "function", detail }));
    case "operator":
    case "new name":
      return words(place.follows);
    case "imported":
    case "path":
    case "string":
      return [];
    default:
      return place.expected satisfies never;
  }
}

const blockWords = statementWords.filter((word) =>
  ["const", "param", "repeat", "return", "if", "assert"].includes(word),
);
const netWords = statementWords.filter((word) => word !== "return");

/** The keywords behind which a bracket stands. */
const callWords: readonly string[] = ["preprocess", "labels", "approx", "benefit"];

function words(list: readonly string[]): Completion[] {
  return list.map((label) => ({
    label,
    kind: "keyword",
    insert: callWords.includes(label) ? `${label}(` : `${label} `,
  }));
}

/** The settings of pictures and the plans of kernels have names, and labels are texts. */
function takesOperands({ statement, part, calls }: Place): boolean {
  const isWord = statement === "kernel" || part === "type" || (statement === "output" && part === "name");
  return !isWord || calls.length > 1;
}

/** The names of the arguments that a call does not have yet. */
function argumentItems(analysis: Analysis, place: Place): Completion[] {
  const call = place.calls.at(-1);
  if (!call) return [];
  const name = unescaped(call.callee).value;
  const block = blockOf(analysis, name);
  const known = block ? parametersOf(block) : argumentsOf(name);
  const positional = block ? call.position + (call.piped ? 1 : 0) : 0;
  return known.flatMap((one, at) =>
    at < positional || (call.given.includes(one.name) && call.name !== one.name)
      ? []
      : [
          {
            label: printArgumentName(one.name),
            kind: "argument" as const,
            detail: one.detail,
            insert: `${printArgumentName(one.name)}=`,
          },
        ],
  );
}

/** The parameters of a block as arguments of its calls. */
export function parametersOf({
  block,
  text,
}: BlockInText): { readonly name: string; readonly detail: string }[] {
  return block.parameters.map(({ name, default: standard }) => ({
    name: name.text,
    detail: standard ? `${text.slice(standard.span.start, standard.span.end)} by default` : "",
  }));
}

/** The literals of the argument whose value the cursor is in. */
function memberItems(analysis: Analysis, { calls }: Place): Completion[] {
  const call = calls.at(-1);
  if (call?.name === undefined) return [];
  const callee = unescaped(call.callee).value;
  if (blockOf(analysis, callee)) return memberOfBlock(analysis, callee, call);
  const argument = argumentsOf(callee).find(({ name }) => name === call.name);
  return (argument?.members ?? []).map((label) => ({ label, kind: "member" }));
}

/** A parameter of a block takes the members of the attributes that it is passed to; its default shows which. */
function memberOfBlock(analysis: Analysis, callee: string, call: OpenCall): Completion[] {
  const parameter = blockOf(analysis, callee)?.block.parameters.find(({ name }) => name.text === call.name);
  const standard = parameter?.default;
  if (standard?.kind !== "name") return [];
  const like = callableOps
    .flatMap((op) => argumentsOf(op))
    .find(({ members }) => members.includes(standard.name));
  return (like?.members ?? []).map((label) => ({ label, kind: "member" }));
}

function operandItems(analysis: Analysis, place: Place): Completion[] {
  const values = valuesAt(analysis, place);
  if (place.item === "rule") {
    const functions = place.part === "pattern" ? [] : functionItems(Object.keys(ruleFunctions));
    const shared: Completion[] =
      place.part === "when" && place.calls.length === 0 ? [{ label: "shared", kind: "keyword" }] : [];
    return [...values, ...functions, ...shared, ...opItems(), ...classItems(analysis, place)];
  }
  if (place.item === "const") return [...values, ...opItems()];
  if (place.statement === "param" && place.part === "value")
    return [...weightItems(), ...values, ...opItems()];
  return [...values, ...calleeItems(analysis, place)];
}

function weightItems(): Completion[] {
  return Object.keys(weightFunctions).map((label) => ({
    label,
    kind: "function",
    insert: label === "weight" ? 'weight("' : generators.includes(label) ? `${label}()` : label,
  }));
}

function functionItems(names: readonly string[]): Completion[] {
  return names.map((label) => {
    const fn = ownEntry(ruleFunctions, label);
    return {
      label,
      kind: "function",
      ...(fn && { detail: functionText(label, fn).slice(label.length) }),
    };
  });
}

function calleeItems(analysis: Analysis, place: Place): Completion[] {
  const isNet = place.item === "net" || place.item === "block";
  const names = analysis
    .tree()
    .ast.items.flatMap((one) =>
      one.kind === "block" ? [one.name.text] : one.kind === "import" ? one.names.map(({ text }) => text) : [],
    );
  const blocks = isNet ? names.flatMap((name) => blockOf(analysis, name) ?? []) : [];
  return [
    ...(place.expected === "callee" || !isNet ? [] : functionItems(functionNames)),
    ...blocks.map(({ block, text }): Completion => {
      const name = printName(block.name.text);
      const head = block.parameters.map(({ span }) => text.slice(span.start, span.end)).join(", ");
      const doc = block.doc?.split("\n")[0];
      return { label: name, kind: "block", detail: `(${head})${doc === undefined ? "" : `  ${doc}`}` };
    }),
    ...opItems(),
  ];
}

function opItems(): Completion[] {
  return callableOps.map((label) => ({
    label: printName(label),
    kind: "op",
    detail: `(${opOf(label)
      .operands.map(({ name }) => name)
      .join(", ")}, …)`,
  }));
}

function classItems(analysis: Analysis, { item, part }: Place): Completion[] {
  return item === "rule" && part !== "where" && part !== "replacement" ? classNames(analysis) : [];
}

/** The classes of the file, then those of the language. */
function classNames(analysis: Analysis): Completion[] {
  const own = analysis.tree().ast.items.filter((item) => item.kind === "class");
  return [...own.map(({ name }) => printName(name.text)), ...opClasses].map((label) => ({
    label,
    kind: "class",
    detail: "class of ops",
  }));
}

function valuesAt(analysis: Analysis, place: Place): Completion[] {
  const values = analysis.has("values") ? analysis.values().values : undefined;
  const isBlock = ({ kind, name }: Definition): boolean =>
    kind === "import" && analysis.imports().get(name)?.item.kind === "block";
  const visible = namesAt(analysis, place).filter((one) => !isBlock(one));
  return visible.map(({ name, kind, span }) => {
    const detail = valueText(values?.get(span.start));
    return {
      label: printName(name),
      kind: kind === "constant" || kind === "import" ? "constant" : "value",
      ...(detail !== "" && { detail }),
    };
  });
}

/** The names that the cursor sees. */
function namesAt(analysis: Analysis, place: Place): Definition[] {
  const { start } = place;
  const item = itemAt(analysis, start);
  const isWhole = item?.span.start === place.itemStart;
  return place.item === "rule" && !isWhole
    ? namesOfRule(analysis, place)
    : visibleAt(analysis.names(), item, start);
}

/** The names of a rule that is not complete yet: its text up to the cursor is completed in the shortest way. */
function namesOfRule({ text, file }: Analysis, { itemStart, start, part, closers }: Place): Definition[] {
  const begun = text.slice(itemStart, start);
  const rest = part === "pattern" ? " => 0" : part === "where" && /[,e]\s*$/.test(begun) ? " = 0" : "";
  const { partial } = parse(`${begun} 0${closers}${rest}`, file);
  return visibleAt(namesOf(partial), partial.items[0], begun.length);
}

/** The item at an offset. While its last statement is written, the item ends before the cursor. */
function itemAt(analysis: Analysis, offset: number): Item | undefined {
  const { items } = analysis.tree().ast;
  const item = items.findLast(({ span }) => span.start <= offset);
  if (item?.kind !== "rules") return item;
  return item.rules.findLast(({ span }) => span.start <= offset) ?? item;
}

/** A block with the text of its file. */
export interface BlockInText {
  readonly block: BlockItem;
  readonly text: string;
}

/** The block of a name, of the file or imported. */
export function blockOf(analysis: Analysis, name: string): BlockInText | undefined {
  if (isOp(name)) return undefined;
  for (const item of analysis.tree().ast.items)
    if (item.kind === "block" && item.name.text === name) return { block: item, text: analysis.text };
  const imported = analysis.imports().get(name);
  return imported?.item.kind === "block" ? { block: imported.item, text: imported.text } : undefined;
}
