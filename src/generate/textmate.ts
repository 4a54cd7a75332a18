// Makes grammar/cleave.tmLanguage.json, by which editors and websites colour the language, from the tables of the compiler.

import type { TokenType } from "chevrotain";
import * as t from "#grammar/tokens/tokens.js";
import { namedNumbers } from "#elaborate/literals.js";
import { settings } from "#elaborate/pictures.js";
import { functionNames } from "#elaborate/functions.js";
import { dtypes } from "#ir/type.js";
import { generators } from "#ir/weights.js";
import { literalNames, opClasses, opNames } from "#ops/index.js";
import { ruleFunctions } from "#rewrite/rule/compile/functions.js";

/** The regular expression of a name, plain or in backticks. */
const name = "[A-Za-z_]\\w*(?:\\.\\w+)*|`(?:\\\\.|[^`\\\\])*`";

/**
 * Where a word is a keyword that is a name elsewhere, as regular expressions with the word as their group. An editor reads lines one by one and
 * without a parser, so these are the usual places.
 */
const places: Readonly<Record<string, string>> = {
  kernel: "^\\s*(kernel)(?=\\s+[A-Za-z_`])",
  import: "^\\s*(import)(?=\\s+[A-Za-z_`])",
  from: '(?<=\\s)(from)(?=\\s*")',
  assert: "^\\s*(assert)(?=\\s+[^=,:\\s])",
  then: "(?<=\\s)(then)(?=\\s+[^=,:\\s])",
  preprocess: "(?<=\\] )(preprocess)(?=\\s*\\()",
  labels: '(?<=\\s)(labels)(?=\\s*\\(")',
  as: "(?<=\\s)(as)(?=\\s+[A-Za-z_`][^=]*\\{)",
  approx: "(?<=rule\\s)(approx)(?=\\s*\\()",
  benefit: "(?<=(?:rule|\\))\\s)(benefit)(?=\\s*\\()",
  class: "^\\s*(class)(?=\\s+[A-Za-z_`])",
  rules: "^\\s*(rules)(?=\\s+[A-Za-z_`])",
  before: "(?<=\\s)(before)(?=\\s+[A-Za-z_`][\\w`-]*\\s*\\{)",
  after: "(?<=\\s)(after)(?=\\s+[A-Za-z_`][\\w`-]*\\s*\\{)",
};

/** The grammar as JSON text. Throws if a word of the language that is a name elsewhere has no place in `places`. */
export function textMateGrammar(): string {
  const isName = (word: TokenType): boolean => word.CATEGORIES?.includes(t.Identifier) ?? false;
  const isLogical = (word: TokenType): boolean =>
    word === t.Not || (word.CATEGORIES?.includes(t.BinaryOperator) ?? false);
  const declares = (word: TokenType): boolean =>
    (word.CATEGORIES?.includes(t.ItemStart) ?? false) || word === t.Const || word === t.Param;
  const reserved = t.words.filter((word) => !isName(word));
  const control = reserved.filter((word) => !isLogical(word) && !declares(word));
  const elsewhere = t.words.filter(isName).map((word) => {
    const place = places[t.wordOf(word)];
    if (place === undefined)
      throw new Error(`the word ${t.wordOf(word)} has no place in the TextMate grammar`);
    return place;
  });
  const members = Object.entries(settings).flatMap(([key, kind]) =>
    typeof kind === "string" ? [] : [{ key, kind }],
  );
  const callees = [
    ...opNames,
    ...opClasses,
    ...functionNames,
    ...Object.keys(ruleFunctions),
    "weight",
  ].concat(generators);
  const grammar = {
    $schema: "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
    name: "Cleave",
    scopeName: "source.cleave",
    fileTypes: ["net"],
    patterns: [
      "comment",
      "declarations",
      "pictures",
      "named-argument",
      "keywords",
      "call",
      "literals",
      "types",
      "names",
      "operators",
      "punctuation",
    ].map((part) => ({ include: `#${part}` })),
    repository: {
      comment: {
        patterns: [
          { match: "##(?!#).*$", name: "comment.line.documentation.cleave" },
          { match: "#.*$", name: "comment.line.number-sign.cleave" },
        ],
      },
      declarations: {
        patterns: [
          ...t.words
            .filter((word) => word.CATEGORIES?.includes(t.ItemStart) && word !== t.Rule)
            .map((word) => ({
              match: `^\\s*(${t.wordOf(word)})\\s+(${name})`,
              captures: captures("keyword.declaration", "entity.name.function"),
            })),
          {
            match: `^\\s*(rules)\\s+(${name})(?:\\s+(before|after)\\s+([A-Za-z_\`][\\w\`-]*))?(?=\\s*\\{)`,
            captures: captures(
              "keyword.declaration",
              "entity.name.function",
              "keyword.other",
              "support.function",
            ),
          },
          {
            match: `^(class)\\s+(${name})(?=\\s*=)`,
            captures: captures("keyword.declaration", "entity.name.type"),
          },
        ],
      },
      pictures: {
        comment: "The members of `preprocess` are names elsewhere.",
        patterns: members.map(({ key, kind }) => ({
          match: `(?<=[(,])\\s*(${key})\\s*(=)\\s*(${kind.join("|")})(?![\\w.])`,
          captures: captures("variable.parameter", "keyword.operator.assignment", "constant.language"),
        })),
      },
      "named-argument": {
        comment:
          "Before the `=` of an argument a keyword is a name like any other; a binding is at the beginning of its line.",
        match: "(?<=[(,])\\s*([A-Za-z_]\\w*(?:\\.\\w+)*)\\s*(=)(?![=>])",
        captures: captures("variable.parameter", "keyword.operator.assignment"),
      },
      keywords: {
        patterns: [
          scoped(wholeWord(reserved.filter(declares).map(t.wordOf)), "keyword.declaration"),
          scoped(wholeWord(control.map(t.wordOf)), "keyword.control"),
          scoped(wholeWord(reserved.filter(isLogical).map(t.wordOf)), "keyword.operator.logical"),
          scoped(elsewhere.join("|"), "keyword.control"),
        ],
      },
      literals: {
        patterns: [
          {
            begin: '"',
            end: '"|$',
            name: "string.quoted.double.cleave",
            patterns: [{ include: "#escape" }],
          },
          scoped("(?<![\\w.])\\d+(?:x\\d+)+(?![\\w.])", "constant.numeric.size"),
          scoped("(?<![\\w.])\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?(?![\\w])", "constant.numeric"),
          scoped(wholeWord([...literalNames, ...namedNumbers.keys()]), "constant.language"),
        ],
      },
      escape: scoped('\\\\(?:[nrt\\\\"`]|u\\{[0-9a-fA-F]{1,6}\\})', "constant.character.escape"),
      types: {
        match: `(?<=:)\\s*(${dtypes.join("|")})(?=\\s*\\[)`,
        captures: captures("storage.type"),
      },
      call: {
        patterns: [
          scoped(`${wholeWord([...new Set(callees)])}(?=\\()`, "support.function"),
          { match: `(?<=\\|>)\\s*${wholeWord([...opNames])}`, captures: captures("support.function") },
          scoped("[A-Za-z_]\\w*(?:\\.\\w+)*(?=\\()", "entity.name.function"),
          { match: "(?<=\\|>)\\s*([A-Za-z_]\\w*(?:\\.\\w+)*)", captures: captures("entity.name.function") },
        ],
      },
      names: {
        patterns: [
          {
            begin: "`",
            end: "`|$",
            name: "variable.other.quoted.cleave",
            patterns: [{ include: "#escape" }],
          },
          {
            match: "(?<![\\w)`])(\\.\\.)([A-Za-z_]\\w*)",
            captures: captures("keyword.operator.rest", "variable.parameter"),
          },
          scoped("[A-Za-z_]\\w*(?:\\.\\w+)*", "variable.other"),
        ],
      },
      operators: scoped("\\|>|=>|->|==|!=|<=|>=|\\.\\.|[-+*/%<>=?|]", "keyword.operator"),
      punctuation: scoped("[(){}\\[\\],:]", "punctuation"),
    },
  };
  return `${JSON.stringify(grammar, undefined, 2)}\n`;
}

/** One of the words, with nothing before or behind it that would make it a part of another name. */
function wholeWord(list: readonly string[]): string {
  return `(?<![\\w.])(${list.join("|")})(?![\\w.])`;
}

function scoped(match: string, scope: string): { readonly match: string; readonly name: string } {
  return { match, name: `${scope}.cleave` };
}

function captures(...scopes: readonly string[]): Readonly<Record<string, { readonly name: string }>> {
  return Object.fromEntries(scopes.map((scope, at) => [String(at + 1), { name: `${scope}.cleave` }]));
}
