// The messages about syntax errors: what was expected, where, and what the user probably meant.

import { EOF, type IToken, type TokenType } from "chevrotain";
import type { DiagnosticCode } from "#diagnostic/codes.js";
import { error, type Diagnostic, type Fix, type Label } from "#diagnostic/diagnostic.js";
import { meant, writeInstead } from "#diagnostic/suggest.js";
import { isCloser } from "../tokens/brackets.js";
import type { Fault } from "./fault.js";
import { startsOperand } from "../tokens/line-ends.js";
import {
  afterPrevious,
  enclosingBody,
  endsAt,
  placeOf,
  contextOf,
  shown,
  spanAt,
  type FaultContext,
} from "./fault-context.js";
import * as t from "../tokens/tokens.js";
import { explainWrong } from "./foreign-tokens.js";
import { foreignWords, importForm } from "./foreign-words.js";

/** The parts of a message besides its place. */
interface Wording {
  readonly code?: DiagnosticCode;
  readonly message: string;
  /** The token to point at, if it is not the one where the parser stopped. */
  readonly at?: IToken;
  readonly others?: readonly Label[];
  readonly help?: readonly string[];
  readonly fixes?: readonly Fix[];
}

/** One error for each wrong statement, in order. */
export function explain(faults: readonly Fault[], tokens: readonly IToken[], file: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  let reported: IToken | undefined;
  let outside = false;
  for (const fault of faults) {
    // Nested bodies that are not closed all lack their `}` at the same token.
    if (fault.found === reported) continue;
    reported = fault.found;
    const context = contextOf(fault, tokens, file);
    const diagnostic = explainOne(context);
    // Statements outside a body usually come in a row, and have one cause.
    const again = outside && diagnostic.code === outsideCode;
    outside = diagnostic.code === outsideCode;
    if (!again) diagnostics.push(diagnostic);
  }
  return diagnostics;
}

const outsideCode = "outside-body";

function explainOne(context: FaultContext): Diagnostic {
  const { found, tokens, index, file } = context;
  if (found.tokenType === t.MissingBrace) {
    const { message, ...details } = noToken({ ...context, rule: "body" }, t.OpenBrace.name);
    return error("syntax", message, { span: placeOf(context), label: "the line ends here", ...details });
  }
  if (t.is(found, t.Wrong)) return explainWrong(found, tokens[index - 1], file);
  // A statement does not begin with a name alone, but the wrong part may be the token after the name, like the letter in `café`.
  const next = tokens[index + 1];
  if (context.rule === "statement" && next !== undefined && t.is(next, t.Wrong))
    return explainWrong(next, found, file);
  const { code = "syntax", message, at = found, ...details } = wordingOf(context);
  const place = { ...context, found: at };
  const label = endsAt(place) ? { label: `the ${at.tokenType === EOF ? "file" : "line"} ends here` } : {};
  return error(code, message, { span: placeOf(place), ...label, ...details });
}

function wordingOf(context: FaultContext): Wording {
  const { rule, expected } = context;
  if (rule === "item" && expected === undefined) return noItem(context);
  if (rule === "statement" && expected === undefined) return noStatement(context);
  switch (expected) {
    case undefined:
      return noExpression(context);
    case t.Newline.name:
      return unended(context);
    case t.Identifier.name:
      return noName(context);
    case t.CloseParen.name:
    case t.CloseBracket.name:
      return unclosed(context, expected === t.CloseParen.name ? "`)`" : "`]`");
    case t.CloseBrace.name:
      return unclosedBody(context);
    default:
      return noToken(context, expected);
  }
}

// ── Beginnings ─────────────────────────────────────────────────────────────────────────────────────────────────────

const itemList = "`net`, `block`, `rule`, `rules`, `class`, `fuse`, `const` or `import`";

function noItem(context: FaultContext): Wording {
  const { found, tokens, index } = context;
  if (isCloser(found)) return closesNothing(found);
  const beginsStatement = t.is(found, t.StatementStart) || found.tokenType === t.Kernel;
  if (beginsStatement || t.is(tokens[index + 1], t.Equal)) {
    return {
      code: outsideCode,
      message: "a statement must be in the braces of a `net` or a `block`",
      help: [`outside braces, a file has only ${itemList}`],
    };
  }
  const foreign = foreignWords.get(found.image);
  if (foreign !== undefined) return foreignWord(found, foreign);
  const near = t.is(found, t.Identifier) ? meant(found.image, t.itemWords, placeOf(context)) : {};
  return { message: `expected ${itemList}, but found ${shown(found)}`, ...near };
}

function noStatement(context: FaultContext): Wording {
  const { found, tokens, index } = context;
  if (isCloser(found)) return closesNothing(found);
  if (found.tokenType === t.Kernel) return noName({ ...context, rule: "kernelStatement" });
  if (found.tokenType === t.Else)
    return {
      message: "`else` has no `if`",
      help: ["it follows the `}` of an `if`: `if c { … } else { … }`"],
    };
  if (t.is(found, t.ItemStart) && !t.is(tokens[index + 1], t.Equal)) {
    const help = [`${shown(found)} must be outside all braces of the file`];
    return { message: `${shown(found)} cannot be inside a body`, help };
  }
  if (t.reservedWords.has(found.image)) return keywordAsName(context);
  const next = tokens[index + 1];
  if (t.is(found, t.Identifier) && next !== undefined)
    return noBinding({ ...context, found: next, index: index + 1 });
  const help = startsOperand(found) ? ["give the value a name: `y = …`"] : [];
  return { message: `a statement cannot begin with ${shown(found)}`, help };
}

/** A statement that began with a name, which should be a binding. */
function noBinding(context: FaultContext): Wording {
  const { found, first } = context;
  if (first.tokenType === t.Assert && found.tokenType !== t.Equal)
    return { message: "`assert` needs a condition", help: ["as in `assert channels(x) == 8`"] };
  const foreign = foreignWords.get(first.image);
  if (foreign !== undefined && found.tokenType !== t.Comma) return foreignWord(first, foreign);
  if (found.tokenType === t.OpenParen || found.tokenType === t.Pipe) {
    const value = found.tokenType === t.OpenParen ? `${first.image}(…)` : `${first.image} |> …`;
    return { message: `the value of \`${value}\` needs a name`, help: [`as in \`y = ${value}\``] };
  }
  const near = meant(first.image, t.statementWords, placeOf({ ...context, found: first }));
  if (near.help || t.is(found, t.Identifier) || found.tokenType === t.StringToken) {
    return {
      code: "unknown-statement",
      message: `a statement cannot begin with ${shown(first)}`,
      at: first,
      ...near,
    };
  }
  // `x += y` of other languages.
  const isUpdate = t.is(found, t.BinaryOperator) && t.is(context.tokens[context.index + 1], t.Equal);
  const help = isUpdate ? [`write \`${first.image} = ${first.image} ${found.image} …\``] : [];
  return { message: `expected \`=\` after ${shown(first)}`, at: found, help };
}

// ── Parts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function noExpression(context: FaultContext): Wording {
  const { rule, found, tokens, index, previous } = context;
  if (t.reservedWords.has(found.image)) return keywordAsName(context);
  if (rule === "call") {
    return {
      message: `expected an op or a block${afterPrevious(context)}`,
      help: ["as in `x |> relu` or `x |> conv2d(filters=8)`"],
    };
  }
  if (found.tokenType === t.Slash && t.is(tokens[index - 1], t.Slash)) {
    return { message: "expected an expression after `/`", help: ["a comment begins with `#`"] };
  }
  if (found.tokenType === t.Star && t.is(tokens[index - 1], t.Star)) {
    return { message: "expected an expression after `*`", help: ["a power is written `pow(x, 2)`"] };
  }
  if (context.first.tokenType === t.Import && previous === context.first) {
    return { message: nameless["importItem"] ?? "", help: [importForm] };
  }
  if (
    context.first.tokenType === t.Rules &&
    (previous.tokenType === t.Before || previous.tokenType === t.After)
  ) {
    const place = `rules mine ${previous.image} canonicalize { … }`;
    return { message: `${quoted(previous)} needs the name of a pass`, help: [`as in \`${place}\``] };
  }
  if (rule === "fuseItem") return noName({ ...context, rule: "fuseLink" });
  if (found.tokenType === t.Else || found.image === "then") return misplacedElse(context);
  if (previous.tokenType === t.Output) return noName({ ...context, rule: "outputValue" });
  return { message: `expected an expression${afterPrevious(context)}` };
}

/** The message about a missing name, by grammar rule. */
const nameless: Readonly<Record<string, string>> = {
  netItem: "`net` needs a name",
  importItem: "`import` needs the names of blocks or consts",
  blockItem: "`block` needs a name",
  classItem: "`class` needs a name",
  classMember: "a class needs the names of its ops",
  ruleItem: "`rule` needs a name",
  ruleSetItem: "`rules` needs a name",
  fuseItem: "`fuse` needs a name",
  constItem: "`const` needs a name",
  inputStatement: "`input` needs a name",
  paramStatement: "`param` needs a name",
  outputStatement: "`output` needs the name of a value",
  outputValue: "`output` needs the name of a value",
  repeatStatement: "`as` needs a name for the index",
  kernelStatement: "`kernel` needs a name, and the template of the kernel",
  whereBinding: "`where` needs a name",
  parameter: "a parameter needs a name",
  argument: "`..` needs a name for the rest of the attributes",
  type: "expected a type, as in `f32[1, 224, 224, 3]`",
  target: "a binding needs a name",
};

function noName(context: FaultContext): Wording {
  const { rule, found, first, previous } = context;
  if (rule === "call" && first.tokenType === t.If && previous.tokenType === t.Colon)
    return { message: "expected `{` instead of `:` to begin the body", at: previous, help: [ifForm] };
  if (t.reservedWords.has(found.image)) return keywordAsName(context);
  if (rule === "fuseLink") return { message: `expected an op or an op class${afterPrevious(context)}` };
  const message = nameless[rule] ?? `expected a name${afterPrevious(context)}`;
  const help = found.tokenType === t.StringToken ? ["write a name without quotes, or in backticks"] : [];
  return { message, help };
}

/** Examples of the statement or item, by grammar rule and expected token. */
const examples: Readonly<Record<string, string>> = {
  [`importItem ${t.From.name}`]: '`import conv_bn, width from "blocks.net"`',
  [`inputStatement ${t.Colon.name}`]: "`input image: f32[1, 224, 224, 3]`",
  [`paramStatement ${t.Colon.name}`]: "`param w: f32[3, 3, 3, 32]`",
  [`type ${t.OpenBracket.name}`]: "`f32[1, 224, 224, 3]`; a scalar is `f32[]`",
  [`ruleItem ${t.Colon.name}`]: "`rule add_zero: x + 0 => x`",
  [`ruleItem ${t.FatArrow.name}`]: "`rule add_zero: x + 0 => x`",
  [`classItem ${t.Equal.name}`]: "`class act = relu | relu6`",
  [`ruleSetItem ${t.OpenBrace.name}`]: "`rules mine before canonicalize { … }`",
  [`fuseItem ${t.Colon.name}`]: "`fuse separable: depthwise -> elementwise* -> pointwise`",
};

function noToken(context: FaultContext, expected: string): Wording {
  const { rule, previous, found } = context;
  if (rule === "bindStatement") return noBinding(context);
  if (rule === "parameters") {
    const help = ["as in `block f(x, filters, stride=1) { … }`"];
    return { message: `expected the parameters of the block${afterPrevious(context)}`, help };
  }
  if (rule === "ruleItem" && expected === t.Colon.name && previous.tokenType === t.Approx) {
    if (found.tokenType === t.OpenParen)
      return {
        message: "`approx` comes before `benefit`",
        help: ["as in `rule approx(0.01) benefit(2) name: …`"],
      };
    const help = [`as in \`rule approx(0.01) ${found.image}: …\``];
    return { message: "`rule approx` needs its tolerance in parentheses", help };
  }
  // `c ? a : b` of other languages.
  if (rule === "call" && previous.tokenType === t.Question)
    return { ...misplacedElse({ ...context, found: previous, index: context.index - 1 }), at: previous };
  if (rule === "ruleItem" && expected === t.Colon.name && previous.tokenType === t.Benefit) {
    const help = [`as in \`rule benefit(2) ${found.image}: …\``];
    return { message: "`rule benefit` needs its number in parentheses", help };
  }
  // `x: y` looks like the binder of a rule.
  const colon = context.tokens[context.index - 2];
  if (rule === "arguments" && context.first.tokenType === t.If && colon?.tokenType === t.Colon)
    return { message: "expected `{` instead of `:` to begin the body", at: colon, help: [ifForm] };
  if (rule === "body") {
    const help = context.first.tokenType === t.If || previous.tokenType === t.Else ? [ifForm] : [];
    return { message: `expected \`{\`${afterPrevious(context)} to begin the body`, help };
  }
  if (rule === "conditional") {
    const word = expected === t.Then.name ? "then" : "else";
    return { message: `expected \`${word}\`${afterPrevious(context)}`, help: [conditionalForm] };
  }
  if (expected === t.StringToken.name && rule === "importItem")
    return {
      message: "`from` needs the name of a file in quotes",
      help: ['as in `import f from "blocks.net"`'],
    };
  if (expected === t.StringToken.name) {
    return {
      message: "`weights` needs the name of a file in quotes",
      help: ['as in `weights "model.safetensors"`'],
    };
  }
  if (rule === "importItem" && previous.tokenType === t.From) return noName(context);
  const type = typeNamed(expected);
  const example = examples[`${rule} ${expected}`];
  const message = `expected ${type?.LABEL ?? expected}${afterPrevious(context)}`;
  return { message, help: example === undefined ? [] : [`as in ${example}`] };
}

// ── Ends ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The message for a token that follows a complete statement on its line. */
function unended(context: FaultContext): Wording {
  const { found, tokens, index, first, afterPipe } = context;
  const before = tokens[index - 1];
  if (isCloser(found)) return closesNothing(found);
  const foreign = foreignWords.get(found.image);
  if (t.is(before, t.CloseBrace) && foreign !== undefined) return foreignWord(found, foreign);
  if (t.is(before, t.CloseBrace)) return { message: "expected a line end after `}`" };
  if (t.is(found, t.BinaryOperator) && afterPipe) {
    const help = ["`|>` binds loosest: put the pipe in parentheses, as in `(x |> relu) + y`"];
    return { message: `${shown(found)} cannot follow a pipe`, help };
  }
  if (first.tokenType === t.Output && !t.is(found, t.Identifier)) {
    return {
      message: `${shown(found)} cannot follow the name of an output`,
      help: ["give the expression a name: `output y = a + b`"],
    };
  }
  if (found.tokenType === t.Where) {
    const help =
      first.tokenType === t.Rule ? ["write one `where`, before `when`; separate its bindings by `,`"] : [];
    return { message: "`where` is not allowed here", help };
  }
  if (found.tokenType === t.If || found.tokenType === t.Question || found.tokenType === t.Else)
    return misplacedElse(context);
  if (t.is(found, t.Identifier) && found.tokenType !== t.QuotedName) {
    const near = meant(found.image, ["when", "where", "and", "or", "as", "not"], placeOf(context));
    if (near.help) return { message: `${shown(found)} cannot follow ${quoted(before)}`, ...near };
  }
  if (t.is(found, t.StatementStart) || t.is(found, t.ItemStart) || t.is(tokens[index + 1], t.Equal)) {
    return {
      message: `expected a line end before ${shown(found)}`,
      help: ["begin each statement on a new line"],
    };
  }
  if (startsOperand(found)) return { message: `expected an operator or a line end after ${quoted(before)}` };
  return { message: `${shown(found)} cannot follow ${quoted(before)}` };
}

function unclosed(context: FaultContext, closer: string): Wording {
  const { found, tokens, index, opener } = context;
  const before = tokens[index - 1];
  const what = bracketed(context);
  const others = opener === undefined ? [] : [{ span: spanAt(context, opener), message: "opened here" }];
  if (t.reservedWords.has(found.image) && !t.is(found, t.StatementStart) && !t.is(found, t.ItemStart)) {
    if (t.is(before, t.Comma) || index - 1 === opener) return keywordAsName(context);
  }
  if (isCloser(found)) {
    return {
      code: "unclosed",
      message: `expected ${closer} to close ${what}, but found ${shown(found)}`,
      others,
    };
  }
  if (!endsAt(context) && !startsOperand(found) && (t.is(before, t.Comma) || index - 1 === opener)) {
    return { message: `expected an expression${afterPrevious(context)}` };
  }
  if (startsOperand(found) || t.reservedWords.has(found.image)) {
    return { message: `expected \`,\` or ${closer} after ${quoted(before)} in ${what}`, others };
  }
  if (endsAt(context) || found.tokenType === t.OpenBrace) {
    const text = closer.slice(1, -1);
    const fixes = endsAt(context) ? [{ title: `Insert ${closer}`, span: placeOf(context), text }] : [];
    return { code: "unclosed", message: `expected ${closer} to close ${what}`, others, fixes };
  }
  return { message: `${shown(found)} cannot follow ${quoted(before)} in ${what}`, others };
}

/** The call, list or type to which the open bracket belongs. */
function bracketed({ tokens, opener, rule }: FaultContext): string {
  const owner = opener === undefined ? undefined : tokens[opener - 1];
  switch (rule) {
    case "arguments":
      return `the arguments of ${quoted(owner)}`;
    case "parameters":
      return `the parameters of ${quoted(owner)}`;
    case "type":
      return `the shape after ${quoted(owner)}`;
    case "list":
      return "the list";
    case "index":
      return `the index after ${quoted(owner)}`;
    case "tolerance":
      return "the tolerance";
    case "benefit":
      return "the benefit";
    default:
      return "the parenthesis";
  }
}

function unclosedBody(context: FaultContext): Wording {
  const body = enclosingBody(context);
  const others = body === undefined ? [] : [{ span: spanAt(context, body.brace), message: "opened here" }];
  const what = body === undefined ? "the body" : `the body of \`${body.header}\``;
  return { code: "unclosed", message: `expected \`}\` to close ${what}`, others };
}

const ifForm = "a statement is written `if c { … } else if d { … } else { … }`";
const conditionalForm = "a value that depends on a condition is written `if c then a else b`";

/** A word or sign of a condition where an expression has ended: `a if c else b`, `c ? a : b`. */
function misplacedElse({ found, tokens, index, first }: FaultContext): Wording {
  const form = first.tokenType === t.If && found.tokenType === t.Else ? ifForm : conditionalForm;
  return { message: `${shown(found)} cannot follow ${quoted(tokens[index - 1])}`, help: [form] };
}

function foreignWord(at: IToken, instead: string): Wording {
  return {
    code: "unknown-statement",
    message: `${shown(at)} is not a word of the language`,
    at,
    help: [instead],
  };
}

function closesNothing(token: IToken): Wording {
  return { code: "unmatched", message: `${shown(token)} does not close anything` };
}

function keywordAsName(context: FaultContext): Wording {
  const { image } = context.found;
  return {
    code: "keyword-as-name",
    message: `\`${image}\` is a keyword, so it cannot be a name here`,
    ...writeInstead(`\`${image}\``, placeOf(context), `in backticks it is a name: \`${image}\``),
  };
}

function quoted(token: IToken | undefined): string {
  return token === undefined ? "the beginning" : shown(token);
}

function typeNamed(name: string): TokenType | undefined {
  return t.allTokens.find((type) => type.name === name);
}
