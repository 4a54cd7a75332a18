// Lines may be broken wherever the language reference says so, with comments and blank lines between; elsewhere a line end ends the statement.

import type { IToken } from "chevrotain";
import { expect, test } from "vitest";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { parse } from "#grammar/reading/parse.js";
import { endOf, placeStatementEnds } from "#grammar/tokens/line-ends.js";
import { tokenize } from "#grammar/tokens/lexer.js";
import * as t from "#grammar/tokens/tokens.js";
import { blocks, model, rules } from "./all-syntax.js";
import { dump } from "./dump.js";

/** `then` is a keyword here, and a name in other places. */
const names = `class odd = relu | then
import a, then from "b.net"
const x = if then == 1 then then else [then, if f(then) then 2 else then][0]
const y = then
block then(then, from=then) {
  then = then |> relu
  from, then = then(then)
  z: f32[then] = then + (if [then][0] > 1 then then else from)
  return then
}
`;

/** What may stand between two tokens of a statement that goes on. */
const breaks = ["\n", "\n\n", "  # comment\n", "\n# comment\n", "  ## documented\n\n  # comment\n", "\r\n"];

/** The words and signs before which, and behind which, a statement continues outside brackets. */
const before = [
  "|>",
  "=>",
  "->",
  "when",
  "where",
  "then",
  "+",
  "*",
  "/",
  "%",
  ">=",
  ">",
  "==",
  "!=",
  "<",
  "and",
  "or",
  "|",
];
const behind = [...before, "=", ",", ":", "if", "else", "not", "-"];

/** The offsets between two tokens where a line may be broken. */
function breakable(text: string): number[] {
  const { tokens } = tokenize(text);
  const keywords = new Set(
    placeStatementEnds(tokens, text).tokens.flatMap(({ tokenType, startOffset }) =>
      tokenType === t.Then ? [startOffset] : [],
    ),
  );
  const isOne = ({ image, startOffset }: IToken, words: readonly string[]): boolean =>
    words.includes(image) && (image !== "then" || keywords.has(startOffset));
  const offsets: number[] = [];
  const open: string[] = [];
  let isFusion = false;
  for (const [index, token] of tokens.entries()) {
    const { image, tokenType } = token;
    const next = tokens[index + 1];
    if (tokenType === t.Fuse) isFusion = true;
    if (tokenType === t.When || tokenType === t.LineEnd) isFusion = false;
    if (["(", "[", "{"].includes(image)) open.push(image);
    if ([")", "]", "}"].includes(image)) open.pop();
    if (!next || tokenType === t.LineEnd || next.tokenType === t.LineEnd) continue;
    const inBrackets = open.length > 0 && open.at(-1) !== "{";
    // A name before `=` begins a binding, and the signs behind a link of a fusion are no operators.
    const binds = tokens[index + 2]?.tokenType === t.Equal && image !== "," && image !== "where";
    const continues = isOne(next, before) || (isOne(token, behind) && !binds);
    const isRepeat = isFusion && [token, next].some((one) => ["*", "+", "?"].includes(one.image));
    if (inBrackets || (continues && !isRepeat)) offsets.push(endOf(token));
  }
  return offsets;
}

test.each([
  ["blocks", blocks],
  ["model", model],
  ["rules", rules],
  ["names", names],
])("%s", (_, text) => {
  const { value, diagnostics } = parse(text, "a.net");
  expect(diagnostics).toEqual([]);
  const whole = dump(value!.items);
  const wrong: string[] = [];
  for (const offset of breakable(text))
    for (const broken of breaks) {
      const changed = `${text.slice(0, offset)}${broken}          ${text.slice(offset)}`;
      const { partial, diagnostics: found } = parse(changed, "a.net");
      const what = hasErrors(found)
        ? found[0]!.message
        : dump(partial.items) === whole
          ? undefined
          : "another tree";
      if (what !== undefined)
        wrong.push(
          `${JSON.stringify(text.slice(offset - 15, offset))} ${JSON.stringify(broken)} ${JSON.stringify(text.slice(offset, offset + 15))}: ${what}`,
        );
    }
  expect(wrong).toEqual([]);
});
