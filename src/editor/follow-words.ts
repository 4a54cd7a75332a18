// The keywords that may stand behind what is written: `then` behind a condition, `from` behind the names of an import.

import type { IToken } from "chevrotain";
import * as t from "#grammar/tokens/tokens.js";
import type { ItemWord, Part } from "./place.js";

interface Surroundings {
  readonly item: ItemWord;
  readonly part: Part;
  readonly isInCall: boolean;
}

/** The keywords that may follow the tokens of a statement that is being written. */
export function wordsBehind(tokens: readonly IToken[], surroundings: Surroundings): readonly string[] {
  const conditional = openConditional(tokens);
  if (conditional !== undefined) return conditional === "then" ? ["then", "and", "or"] : ["else"];
  return surroundings.isInCall ? [] : wordsOf(tokens, surroundings);
}

/** Whether `else` may stand behind the first `count` tokens: they end in a body of an `if` that has a condition. */
export function mayElse(tokens: readonly IToken[], count: number): boolean {
  let index = count - 1;
  if (tokens[index]?.tokenType === t.Newline) index--;
  if (tokens[index]?.tokenType !== t.CloseBrace) return false;
  for (let depth = 0; index >= 0; index--) {
    const type = tokens[index]?.tokenType;
    if (type === t.CloseBrace) depth++;
    else if (type === t.OpenBrace && --depth === 0) break;
  }
  const start = statementStart(tokens, index);
  const isElse = tokens[start]?.tokenType === t.Else;
  return tokens[isElse ? start + 1 : start]?.tokenType === t.If;
}

/** Index of the first token of the statement that contains the token at `index`. */
export function statementStart(tokens: readonly IToken[], index: number): number {
  let start = index;
  while (start > 0 && !endsStatement(tokens[start - 1])) start--;
  return Math.max(start, 0);
}

/** Whether a token ends a statement: the parts of `if a { … } else { … }` count as statements. */
export function endsStatement(token: IToken | undefined): boolean {
  const type = token?.tokenType;
  return type === t.Newline || type === t.OpenBrace || type === t.CloseBrace;
}

function wordsOf(tokens: readonly IToken[], { item, part }: Surroundings): readonly string[] {
  const first = tokens[0]?.tokenType;
  const last = tokens.at(-1)?.tokenType;
  if (item === "import") return part === "name" && tokens.length > 1 ? ["from"] : [];
  if (item === "rule" && part === "name") return last === t.Rule ? ["approx", "benefit"] : [];
  if (item === "rule" && part === "replacement") return ["where", "when"];
  if (item === "rule" && part === "where") return ["when"];
  if (item === "fuse" && part === "links") return ["when"];
  if (part === "when" || first === t.If || first === t.Else || first === t.Assert) return ["and", "or"];
  if (first === t.Repeat) return part === "value" ? ["as"] : [];
  if (first === t.Input) return part === "type" && last === t.CloseBracket ? ["preprocess"] : [];
  return first === t.Output && part === "name" && tokens.length > 1 ? ["labels"] : [];
}

/** The word that a conditional value lacks next, in the brackets that are open. */
function openConditional(tokens: readonly IToken[]): "then" | "else" | undefined {
  const lacking: ("then" | "else")[][] = [[]];
  for (const [index, { tokenType: type }] of tokens.entries()) {
    const innermost = lacking.at(-1) ?? [];
    // The `if` of a statement has no `then`.
    const isStatement = index === 0 || (index === 1 && tokens[0]?.tokenType === t.Else);
    if (type === t.OpenParen || type === t.OpenBracket) lacking.push([]);
    else if ((type === t.CloseParen || type === t.CloseBracket) && lacking.length > 1) lacking.pop();
    else if (type === t.If && !isStatement) innermost.push("then");
    else if (type === t.Then && innermost.at(-1) === "then") innermost.splice(-1, 1, "else");
    else if (type === t.Else && innermost.at(-1) === "else") innermost.pop();
  }
  return lacking.at(-1)?.at(-1);
}
