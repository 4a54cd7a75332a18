// What the language itself has, with its documentation as Markdown: ops, classes, functions of rules, attributes, members.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { AttributeValue } from "#ir/graph.js";
import { settings } from "#elaborate/pictures.js";
import type { AttributeKind } from "#ops/attributes.js";
import { isOp, isOpClass, opNames, opOf } from "#ops/index.js";
import { passes } from "#passes/index.js";
import { opMarkdown } from "#report/ops-doc.js";
import { chainFacts } from "#rewrite/fusion/condition.js";
import type { RuleFunction } from "#rewrite/rule/compile/functions.js";
import { ruleFunctions } from "#rewrite/rule/compile/functions.js";
import { planNumbers } from "#template/plan.js";
import { chainText, templateNames, templates } from "#template/templates.js";

/** Ops that a text may call: inputs and constants are statements. */
export const callableOps = opNames.filter((name) => name !== "input" && name !== "constant");

/** The names of the passes, at which sets of rules are placed. */
export const passNames: readonly string[] = [...new Set(passes.map(({ name }) => name))];

/** Something that stands before `=` in a call. */
export interface Argument {
  readonly name: string;
  /** Markdown, with the kind of the value and its default. */
  readonly doc: string;
  /** In one line: `a whole number, 1 by default`. */
  readonly detail: string;
  /** The literals that it takes, as they are written. */
  readonly members: readonly string[];
}

/** The named arguments of a callee that the language has: an op, `preprocess`, a template. */
export function argumentsOf(callee: string): readonly Argument[] {
  if (isOp(callee)) return opArguments(callee);
  if (callee === "preprocess")
    return Object.entries(settings).map(([name, kind]) => {
      const detail =
        typeof kind === "string"
          ? kind === "number"
            ? "a number"
            : "a number, or one for each channel"
          : kind.join(" or ");
      return { name, detail, doc: `**${name}**: ${detail}`, members: typeof kind === "string" ? [] : kind };
    });
  if (templateNames.some((name) => name === callee))
    return ["fusion", ...Object.keys(planNumbers)].map((name) => ({
      name,
      detail: name === "fusion" ? "the fusion that made the kernel" : "a number",
      doc: `**${name}**`,
      members: [],
    }));
  return [];
}

function opArguments(name: string): Argument[] {
  if (!isOp(name)) return [];
  const { attributes, layer } = opOf(name);
  const row = (key: string, kind: AttributeKind<AttributeValue>, isLayer: boolean): Argument => {
    const standard = kind.default === undefined ? "" : `, \`${kind.print(kind.default)}\` by default`;
    const note = isLayer ? " (layer form)" : "";
    return {
      name: key,
      detail: `${kind.expects}${standard}`.replaceAll("`", ""),
      doc: `**${key}**: ${kind.doc}${note}\n\n${kind.expects}${standard}`,
      members: [...(kind.members ?? []), ...(kind.texts ?? []).map((text) => JSON.stringify(text))],
    };
  };
  return [
    ...Object.entries(layer?.attributes ?? {}).map(([key, kind]) => row(key, kind, true)),
    ...Object.entries(attributes).map(([key, kind]) => row(key, kind, false)),
    {
      name: "name",
      detail: "a string",
      doc: "**name**: replaces the operator in the paths of the parameters",
      members: [],
    },
  ];
}

/** `at(list, number): number`. */
export function functionText(name: string, { parameters, variadic, result }: RuleFunction): string {
  return `${name}(${parameters.join(", ")}${variadic ? ", …" : ""}): ${result}`;
}

/** The Markdown about a word that the language itself has; undefined for other words. */
export function wordDoc(word: string): string | undefined {
  if (isOp(word)) return opMarkdown(word);
  if (isOpClass(word)) return classDoc(word);
  const fn = functionDoc(word);
  if (fn !== undefined) return fn;
  const fact = ownEntry(chainFacts, word);
  if (fact !== undefined) return `**${word}**: ${fact}`;
  const template = templateNames.find((name) => name === word);
  if (template) return `${codeBlock(chainText(template))}\n\n${templates[template].doc}`;
  return ownEntry(weightFunctions, word);
}

/** The Markdown about a function of rules. Its name may be that of an op elsewhere. */
export function functionDoc(word: string): string | undefined {
  const fn = ownEntry(ruleFunctions, word);
  return fn && `${codeBlock(functionText(word, fn))}\n\n${fn.doc}`;
}

function classDoc(name: string): string {
  const members = opNames.filter((op) => opOf(op).classes.some((one) => one === name));
  const list = members.map((op) => `\`${op}\``).join(", ");
  return `Class of ops **${name}**: ${list || "`conv2d` with a 1x1 window, stride 1, one group and no padding"}`;
}

/** What gives the values of a `param`. */
export const weightFunctions: Readonly<Record<string, string>> = {
  weight: '**weight("key")**: a tensor of the weight file, by its key',
  he_normal: "**he_normal(seed=…, fan_in=…)**: generated values, normally distributed after He",
  zeros: "**zeros()**: all 0",
  ones: "**ones()**: all 1",
  quarter: "**quarter()**: all 0.25",
};

/** Text as a block of code in Cleave's language. */
export function codeBlock(text: string): string {
  return `\`\`\`net\n${text}\n\`\`\``;
}
