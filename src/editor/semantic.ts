// What each name of a text is, for editors that colour names by their meaning.

import { endOf } from "#grammar/tokens/line-ends.js";
import * as t from "#grammar/tokens/tokens.js";
import { isReserved } from "#elaborate/literals.js";
import { isOp, isOpClass } from "#ops/index.js";
import type { Analysis } from "./analysis.js";
import type { DefinitionKind } from "./names/definition.js";
import { meantBy } from "./names/names.js";

/** The types of tokens, by their names in the Language Server Protocol. */
export const tokenTypes = [
  "function",
  "class",
  "variable",
  "parameter",
  "property",
  "enumMember",
  "type",
  "namespace",
] as const;

type TokenType = (typeof tokenTypes)[number];

export interface ColouredToken {
  readonly start: number;
  readonly end: number;
  readonly type: TokenType;
  /** Whether the language itself has the name. */
  readonly builtIn: boolean;
  /** Whether the name is bound here. */
  readonly declares: boolean;
  readonly constant: boolean;
}

const types: Readonly<Record<DefinitionKind, TokenType>> = {
  net: "namespace",
  block: "function",
  import: "function",
  constant: "variable",
  parameter: "parameter",
  input: "variable",
  param: "variable",
  value: "variable",
  index: "variable",
  dimension: "type",
  kernel: "namespace",
  rule: "namespace",
  "rule set": "namespace",
  class: "class",
  fusion: "namespace",
  variable: "variable",
  operator: "function",
  rest: "variable",
};

/** The names of a text, in its order. Keywords, literals and comments are left to the TextMate grammar. */
export function colouredTokens(analysis: Analysis): ColouredToken[] {
  const { definitions, references } = analysis.names();
  const names = new Map([...definitions, ...references].map((one) => [one.span.start, one]));
  const { tokens } = analysis.tokens();
  return tokens.flatMap((token, at): ColouredToken[] => {
    if (!t.is(token, t.ArgumentName)) return [];
    const start = token.startOffset;
    const common = { start, end: endOf(token), builtIn: false, declares: false, constant: false };
    const name = names.get(start);
    if (name) {
      const [definition] = meantBy(name);
      const isArgument = "role" in name && name.role === "argument";
      return [
        {
          ...common,
          type: isArgument ? "property" : types[definition?.kind ?? "value"],
          declares: !("role" in name),
          constant: definition?.kind === "constant",
        },
      ];
    }
    const { image } = token;
    const next = tokens[at + 1];
    const previous = tokens[at - 1];
    if (
      next?.tokenType === t.Equal &&
      (previous?.tokenType === t.OpenParen || previous?.tokenType === t.Comma)
    )
      return [{ ...common, type: "property" }];
    if (!t.is(token, t.Identifier)) return [];
    if (isOp(image)) return [{ ...common, type: "function", builtIn: true }];
    if (isOpClass(image)) return [{ ...common, type: "class", builtIn: true }];
    if (isReserved({ text: image })) return [{ ...common, type: "enumMember", builtIn: true }];
    return next?.tokenType === t.OpenParen ? [{ ...common, type: "function", builtIn: true }] : [];
  });
}
