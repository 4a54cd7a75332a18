// One wrong bracket gives one message, wherever it stands: what other lines belong to does not change.

import { expect, test } from "vitest";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { parse } from "#grammar/reading/parse.js";
import { tokenize } from "#grammar/tokens/lexer.js";
import { allWords, punctuations, wordOf } from "#grammar/tokens/tokens.js";
import { scaled } from "../scale.js";
import { blocks, model, rules } from "./all-syntax.js";

const texts = [blocks, model, rules];
const brackets = ["(", ")", "[", "]", "{", "}"];

interface Mistake {
  /** For whoever reads the list of a failure. */
  readonly what: string;
  readonly text: string;
}

/** All texts with one bracket inserted, removed, or exchanged for another. */
function mistakesIn(text: string): Mistake[] {
  return tokenize(text).tokens.flatMap(({ image, startOffset }): Mistake[] => {
    const end = startOffset + image.length;
    const line = text.slice(0, startOffset).split("\n").length;
    const made = (what: string, from: number, to: number, by: string): Mistake => ({
      what: `line ${line}: ${what}`,
      text: `${text.slice(0, from)}${by}${text.slice(to)}`,
    });
    const inserted = brackets.map((one) => made(`${one} before ${image}`, startOffset, startOffset, one));
    if (!brackets.includes(image)) return inserted;
    const others = brackets.filter((one) => one !== image);
    return [
      ...inserted,
      made(`without ${image}`, startOffset, end, ""),
      ...others.map((one) => made(`${one} for ${image}`, startOffset, end, one)),
    ];
  });
}

test("the texts are right, and have all words and signs", () => {
  for (const text of texts) expect(hasErrors(parse(text, "a.net").diagnostics)).toBe(false);
  const seen = new Set(texts.flatMap((text) => tokenize(text).tokens.map(({ image }) => image)));
  expect([...allWords, ...punctuations.map(wordOf)].filter((one) => !seen.has(one))).toEqual([]);
});

test("one bracket that is wrong, missing or too much is one message, seldom two, and hardly ever more", () => {
  const all = texts.flatMap(mistakesIn);
  const every = Math.max(1, Math.round(all.length / scaled(1200)));
  const tried = all.filter((_, at) => at % every === 0);
  const mistakes = tried.map(({ what, text }) => {
    const { diagnostics } = parse(text, "a.net");
    return { what, messages: diagnostics.map(({ message }) => message) };
  });
  const share = (least: number): number =>
    mistakes.filter(({ messages }) => messages.length >= least).length / mistakes.length;
  // Brackets around an expression are no mistake.
  expect(share(1)).toBeGreaterThan(0.99);
  expect(share(2)).toBeLessThan(0.04);
  expect(share(3)).toBeLessThan(0.005);
  expect(mistakes.filter(({ messages }) => messages.length > 4)).toEqual([]);
});
