// Hover and signature help: what the word at an offset means, and what the call around it takes.

import { printName } from "#grammar/printing/print-name.js";
import { unescaped } from "#grammar/tokens/tokens.js";
import { isOp, opOf } from "#ops/index.js";
import { ownEntry } from "#diagnostic/own-entry.js";
import { ruleFunctions } from "#rewrite/rule/compile/functions.js";
import type { Analysis } from "./analysis.js";
import { forValues } from "./analysis.js";
import { blockOf, parametersOf } from "./completion.js";
import { describeDefinition } from "./describe.js";
import { meantBy, nameAt } from "./names/names.js";
import type { OpenCall, Place } from "./place.js";
import { placeAt } from "./place.js";
import { argumentsOf, codeBlock, functionDoc, functionText, wordDoc } from "./vocabulary.js";

export interface Hover {
  readonly start: number;
  readonly end: number;
  /** Markdown. */
  readonly text: string;
}

/** What the word at an offset means; undefined where nothing is known. */
export function hoverAt(current: Analysis, at: number): Hover | undefined {
  const { analysis, shift } = forValues(current, at);
  const found = hoverIn(analysis, at + shift);
  return found && { ...found, start: found.start - shift, end: found.end - shift };
}

function hoverIn(analysis: Analysis, offset: number): Hover | undefined {
  const name = nameAt(analysis.names(), offset);
  if (name) {
    const texts = new Set(meantBy(name).map((one) => describeDefinition(analysis, one)));
    return { start: name.span.start, end: name.span.end, text: [...texts].join("\n\n---\n\n") };
  }
  const place = placeAt(analysis, offset);
  const text = place?.word && textAt(analysis, place);
  return place && text !== undefined && text !== ""
    ? { start: place.start, end: place.end, text }
    : undefined;
}

function textAt(analysis: Analysis, place: Place): string | undefined {
  const { word, expected, calls } = place;
  const call = calls.at(-1);
  if (!word) return undefined;
  const image = unescaped(word).value;
  if (expected === "string") return call?.callee.image === "weight" ? weightText(analysis, image) : undefined;
  if (expected === "argument" && call && isArgumentName(analysis, place.end)) {
    return argumentsOf(unescaped(call.callee).value).find(({ name }) => name === image)?.doc;
  }
  if (call?.name !== undefined) {
    const argument = argumentsOf(unescaped(call.callee).value).find(({ name }) => name === call.name);
    if (argument?.members.includes(image)) return argument.doc;
  }
  if (!["operand", "argument", "callee", "link", "fact", "template"].includes(expected)) return undefined;
  return place.item === "rule" && place.part !== "pattern"
    ? (functionDoc(image) ?? wordDoc(image))
    : wordDoc(image);
}

/** Whether `=` follows, so that the word before it is the name of an argument. */
function isArgumentName({ text }: Analysis, end: number): boolean {
  return /^\s*=(?![=>])/.test(text.slice(end, end + 80));
}

function weightText(analysis: Analysis, key: string): string | undefined {
  for (const { file, entries } of analysis.values().weights) {
    const entry = entries.get(key);
    if (entry)
      return codeBlock(
        `${printName(file)}: ${(entry.dtype ?? "f32").toLowerCase()}[${entry.shape.join(", ")}]`,
      );
  }
  return undefined;
}

/** The call around an offset, for an editor that shows it while arguments are written. */
export interface Signature {
  readonly label: string;
  readonly doc?: string;
  readonly parameters: readonly { readonly label: string; readonly doc?: string }[];
  /** Index of the parameter at the offset; absent if it is none of them. */
  readonly active?: number;
}

export function signatureAt(analysis: Analysis, offset: number): Signature | undefined {
  const place = placeAt(analysis, offset);
  const call = place?.calls.at(-1);
  if (!place || !call) return undefined;
  const name = unescaped(call.callee).value;
  const called = place.item === "rule" ? undefined : blockOf(analysis, name);
  if (called) {
    const { block, text } = called;
    const { doc } = block;
    const parameters = parametersOf(called).map((one, at) => {
      const span = block.parameters[at]?.span;
      const label = span ? text.slice(span.start, span.end) : one.name;
      return { name: one.name, label, ...(one.detail !== "" && { doc: one.detail }) };
    });
    return signature(name, parameters, call, doc);
  }
  const fn = place.item === "rule" ? ownEntry(ruleFunctions, name) : undefined;
  if (fn) return { label: functionText(name, fn), doc: fn.doc, parameters: [] };
  const operands = isOp(name)
    ? opOf(name).operands.map(({ name: label, doc }) => ({ name: label, label, doc }))
    : [];
  const own = argumentsOf(name).map(({ name: key, doc }) => ({ name: key, label: `${key}=…`, doc }));
  return operands.length + own.length === 0
    ? undefined
    : signature(name, [...operands, ...own], call, undefined);
}

function signature(
  name: string,
  parameters: readonly { readonly name: string; readonly label: string; readonly doc?: string }[],
  call: OpenCall,
  doc: string | undefined,
): Signature {
  const position = call.position + (call.piped ? 1 : 0);
  const named = parameters.findIndex((one) => one.name === call.name);
  const active = call.name === undefined ? position : named;
  return {
    label: `${printName(name)}(${parameters.map(({ label }) => label).join(", ")})`,
    ...(doc !== undefined && { doc }),
    parameters: parameters.map(({ label, doc: about }) => ({
      label,
      ...(about !== undefined && { doc: about }),
    })),
    ...(active >= 0 && active < parameters.length && { active }),
  };
}
