// The token types of the language, which `lexer.ts` finds in a text.

import { createToken, Lexer, type IToken, type TokenType } from "chevrotain";
import type { Unescaped } from "../quote.js";

// ── Names ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A name: a plain one, one in backticks, or a word that is a keyword in one place only. */
export const Identifier = createToken({ name: "Identifier", label: "name", pattern: Lexer.NA });

/** A name before the `=` of an argument or a parameter: any name, including keywords. */
export const ArgumentName = createToken({ name: "ArgumentName", label: "name", pattern: Lexer.NA });

/** A name such as `x`, `conv2d` or, in dumps, `x.2.d`. */
export const PlainName = createToken({
  name: "PlainName",
  label: "name",
  pattern: Lexer.NA,
  categories: [Identifier, ArgumentName],
});

/** A name in backticks, with the escapes of strings. Its payload is an `Unescaped`. */
export const QuotedName = createToken({
  name: "QuotedName",
  label: "name",
  pattern: Lexer.NA,
  categories: [Identifier, ArgumentName],
});

// ── Words ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A word that is a name only in backticks or before the `=` of an argument. */
function keyword(word: string, ...categories: TokenType[]): TokenType {
  return createToken({
    name: word[0]?.toUpperCase() + word.slice(1),
    label: `\`${word}\``,
    pattern: Lexer.NA,
    categories: [ArgumentName, ...categories],
  });
}

/** Words that begin an item of a file. */
export const ItemStart = createToken({ name: "ItemStart", pattern: Lexer.NA });

/** Words that begin a statement, except bindings. */
export const StatementStart = createToken({ name: "StatementStart", pattern: Lexer.NA });

/** `+`, `and`, … between two operands; the tree builder applies precedence. */
export const BinaryOperator = createToken({ name: "BinaryOperator", label: "operator", pattern: Lexer.NA });

export const Net = keyword("net", ItemStart);
export const Block = keyword("block", ItemStart);
export const Rule = keyword("rule", ItemStart);
export const Fuse = keyword("fuse", ItemStart);
export const Const = keyword("const", StatementStart);
export const Weights = keyword("weights", StatementStart);
export const Input = keyword("input", StatementStart);
export const Param = keyword("param", StatementStart);
export const Repeat = keyword("repeat", StatementStart);
export const Output = keyword("output", StatementStart);
export const Return = keyword("return", StatementStart);
export const If = keyword("if");
export const Else = keyword("else");
export const Where = keyword("where");
export const When = keyword("when");
const And = keyword("and", BinaryOperator);
const Or = keyword("or", BinaryOperator);
export const Not = keyword("not");

// These are keywords in one place each (`kernel k7 …`, `repeat 5 as i`, `rule approx(0.01) …`, `input x: f32[1, 8, 8, 3] preprocess(…)`,
// `output y labels(…)`, `class a = …`, `rules a before …`, `assert a == b`, `if c then a else b`, `import f from "blocks.net"`), names elsewhere.
export const Kernel = keyword("kernel", Identifier);
export const As = keyword("as", Identifier);
export const Approx = keyword("approx", Identifier);
export const Benefit = keyword("benefit", Identifier);
export const Class = keyword("class", Identifier);
export const Rules = keyword("rules", Identifier);
export const Before = keyword("before", Identifier);
export const After = keyword("after", Identifier);
export const Preprocess = keyword("preprocess", Identifier);
export const Labels = keyword("labels", Identifier);
export const Assert = keyword("assert", Identifier);
export const Then = keyword("then", Identifier);
export const Import = keyword("import", Identifier);
export const From = keyword("from", Identifier);

export const words: readonly TokenType[] = [
  [Net, Block, Rule, Fuse, Const, Weights, Input, Param, Repeat, Output, Return, If, Else],
  [Where, When, And, Or, Not, Kernel, As, Approx, Preprocess, Labels, Assert, Then, Import, From],
  [Benefit, Class, Rules, Before, After],
].flat();

/** The words that are names only in backticks. */
export const reservedWords: ReadonlySet<string> = new Set(
  words.filter((word) => !word.CATEGORIES?.includes(Identifier)).map(wordOf),
);

/** The words that begin items and statements, for "did you mean". */
export const itemWords = words
  .filter((word) => word.CATEGORIES?.includes(ItemStart))
  .concat(Const, Import, Class, Rules)
  .map(wordOf);
export const statementWords = words
  .filter((word) => word.CATEGORIES?.includes(StatementStart))
  .concat(If, Kernel, Assert)
  .map(wordOf);

/** All keywords, including those that are keywords in one place only. */
export const allWords = words.map(wordOf);

/** The text of a token type that has only one. */
export function wordOf(word: TokenType): string {
  return word.LABEL?.slice(1, -1) ?? word.name;
}

// ── Literals ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** `3x3`, `1x1x2`. */
export const SizeToken = createToken({ name: "SizeToken", label: "size", pattern: Lexer.NA });

export const NumberToken = createToken({
  name: "NumberToken",
  label: "number",
  pattern: Lexer.NA,
});

/** A string in double quotes; its payload is an `Unescaped`. */
export const StringToken = createToken({
  name: "StringToken",
  label: "string",
  pattern: Lexer.NA,
});

// ── Punctuation ────────────────────────────────────────────────────────────────────────────────────────────────────

function punctuation(name: string, text: string, ...categories: TokenType[]): TokenType {
  return createToken({ name, label: `\`${text}\``, pattern: Lexer.NA, categories });
}

export const Pipe = punctuation("Pipe", "|>");
export const FatArrow = punctuation("FatArrow", "=>");
export const Arrow = punctuation("Arrow", "->");
const EqualEqual = punctuation("EqualEqual", "==", BinaryOperator);
const NotEqual = punctuation("NotEqual", "!=", BinaryOperator);
const LessEqual = punctuation("LessEqual", "<=", BinaryOperator);
const GreaterEqual = punctuation("GreaterEqual", ">=", BinaryOperator);
const Less = punctuation("Less", "<", BinaryOperator);
const Greater = punctuation("Greater", ">", BinaryOperator);
export const Equal = punctuation("Equal", "=");
export const Plus = punctuation("Plus", "+", BinaryOperator);
export const Minus = punctuation("Minus", "-", BinaryOperator);
export const Star = punctuation("Star", "*", BinaryOperator);
export const Slash = punctuation("Slash", "/", BinaryOperator);
const Percent = punctuation("Percent", "%", BinaryOperator);
export const Bar = punctuation("Bar", "|", BinaryOperator);
export const Question = punctuation("Question", "?");
export const DotDot = punctuation("DotDot", "..");
export const Comma = punctuation("Comma", ",");
export const Colon = punctuation("Colon", ":");
export const OpenParen = punctuation("OpenParen", "(");
export const CloseParen = punctuation("CloseParen", ")");
export const OpenBracket = punctuation("OpenBracket", "[");
export const CloseBracket = punctuation("CloseBracket", "]");
export const OpenBrace = punctuation("OpenBrace", "{");
export const CloseBrace = punctuation("CloseBrace", "}");

// ── Lines and what is not a token of the language ─────────────────────────────────────────────────────────────────────

/** A line end in the text; `line-ends.ts` turns those that end a statement into `Newline`s and drops the others. */
export const LineEnd = createToken({ name: "LineEnd", pattern: Lexer.NA });

/** The end of a statement. */
export const Newline = createToken({ name: "Newline", label: "line end", pattern: Lexer.NA });

/** Not part of the grammar: the parser stops at it, and `foreign-tokens.ts` has the message about it. */
export const Wrong = createToken({ name: "Wrong", pattern: Lexer.NA });

/** Digits with something after them that is neither a number nor a size: `3x`, `5px`, `1.`, `.5`. */
export const WrongNumber = createToken({
  name: "WrongNumber",
  pattern: Lexer.NA,
  categories: [Wrong],
});

/** A quote that is not closed on its line, and the rest of the line. */
export const UnclosedQuote = createToken({
  name: "UnclosedQuote",
  pattern: Lexer.NA,
  categories: [Wrong],
});

/** Braces inside brackets, as one token. */
export const WrongBraces = createToken({ name: "WrongBraces", pattern: Lexer.NA, categories: [Wrong] });

/** A brace that neither begins nor ends a body. */
export const StrayBrace = createToken({ name: "StrayBrace", pattern: Lexer.NA, categories: [Wrong] });

/** Where the `{` of a body is missing; an empty `{` follows, so that the body is read. */
export const MissingBrace = createToken({ name: "MissingBrace", pattern: Lexer.NA, categories: [Wrong] });

/** Brackets nested deeper than `maxNesting`, as one token. */
export const TooDeep = createToken({ name: "TooDeep", pattern: Lexer.NA, categories: [Wrong] });

/** Characters that cannot begin a token. */
export const WrongCharacter = createToken({
  name: "WrongCharacter",
  pattern: Lexer.NA,
  categories: [Wrong],
});

/** Not part of the grammar: the printer inserts comments again. */
export const CommentToken = createToken({ name: "Comment", pattern: Lexer.NA });

/** The signs of the language. */
export const punctuations: readonly TokenType[] = [
  [Pipe, FatArrow, Arrow, EqualEqual, NotEqual, LessEqual, GreaterEqual, Less, Greater, Equal],
  [Plus, Minus, Star, Slash, Percent, Bar, Question, DotDot, Comma, Colon],
  [OpenParen, CloseParen, OpenBracket, CloseBracket, OpenBrace, CloseBrace],
].flat();

/** All tokens and their categories. */
export const allTokens: TokenType[] = [
  [LineEnd, CommentToken],
  words,
  [PlainName, QuotedName, SizeToken, NumberToken, StringToken],
  punctuations,
  [Identifier, ArgumentName, ItemStart, StatementStart, BinaryOperator],
  [
    Newline,
    Wrong,
    WrongNumber,
    UnclosedQuote,
    WrongBraces,
    StrayBrace,
    MissingBrace,
    TooDeep,
    WrongCharacter,
  ],
].flat();

/** Whether a token is of a type or of a category. */
export function is(token: IToken | undefined, type: TokenType): boolean {
  if (token === undefined) return false;
  return token.tokenType === type || (token.tokenType.CATEGORIES?.includes(type) ?? false);
}

/** The value of a string or a name in backticks; for other tokens their text. */
export function unescaped(token: IToken): Unescaped {
  return (token.payload as Unescaped | undefined) ?? { value: token.image, problems: [] };
}
