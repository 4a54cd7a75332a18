// Lays out items and statements, and the blank lines and comments between them.

import type { Span } from "#diagnostic/diagnostic.js";
import type {
  BindStatement,
  BlockItem,
  Comment,
  Expression,
  FuseItem,
  IfStatement,
  Item,
  OutputStatement,
  RuleItem,
  RuleSetItem,
  Statement,
} from "../ast.js";
import type { Comments } from "./comments.js";
import { concat, group, hardLine, ifBroken, indent, line, type Doc } from "./layout.js";
import {
  callDoc,
  bracketDoc,
  expressionDoc,
  fillDocs,
  leading,
  trailing,
  typeDoc,
} from "./print-expression.js";
import { printBoundName, printName, printPassName } from "./print-name.js";
import { quote } from "../quote.js";

/** The items of a file and all remaining comments. */
export function itemsDoc(c: Comments, items: readonly Item[]): Doc {
  return rowsDoc(c, items, Infinity, itemDoc, areApart(c));
}

/** Whether two items need a blank line between them. If not, the blank lines of the text are kept. */
function areApart(c: Comments): (before: Item, after: Item) => boolean {
  return (before, after) => {
    if (hasBody(before) || hasBody(after)) return true;
    const written = c.line(0) !== undefined;
    return !written && !(before.kind === after.kind && before.kind !== "rule");
  };
}

function hasBody({ kind }: Item): boolean {
  return kind === "net" || kind === "block" || kind === "rules";
}

function itemDoc(c: Comments, item: Item): Doc {
  switch (item.kind) {
    case "import": {
      const names = item.names.map(({ text }) => printName(text));
      return concat("import ", separated(names, ", "), ` from ${quote(item.path.value, '"')}`);
    }
    case "const":
      return concat(`const ${printBoundName(item.name)} = `, expressionDoc(c, item.value));
    case "net":
      return bodyDoc(c, `net ${printName(item.name.text)}`, item.body, item.span);
    case "block":
      return bodyDoc(c, blockHead(c, item), item.body, item.span);
    case "class": {
      const slots = item.members.map((member) => ({
        span: member.span,
        before: "| ",
        doc: () => printName(member.text),
      }));
      const [first = "", ...others] = fillDocs(c, slots, "", 0);
      return concat(`class ${printBoundName(item.name)} = `, first, indent(others));
    }
    case "rule":
      return ruleDoc(c, item);
    case "rules":
      return rowsInBraces(c, ruleSetHead(item), item.rules, item.span, ruleDoc);
    case "fuse":
      return fuseDoc(c, item);
    default:
      return item satisfies never;
  }
}

function statementDoc(c: Comments, s: Statement): Doc {
  switch (s.kind) {
    case "weights":
      return `weights ${quote(s.path.value, '"')}`;
    case "input":
      return concat(
        `input ${printBoundName(s.name)}: `,
        typeDoc(c, s.type),
        s.preprocess ? concat(" ", callDoc(c, s.preprocess, true)) : "",
      );
    case "param": {
      const type = concat(`param ${printBoundName(s.name)}: `, typeDoc(c, s.type));
      return s.value === undefined ? type : concat(type, " = ", expressionDoc(c, s.value));
    }
    case "const":
      return itemDoc(c, s);
    case "bind":
      return concat(targetDoc(c, s), " = ", expressionDoc(c, s.value));
    case "unpack": {
      const targets = s.targets.map((target) => targetDoc(c, target));
      return concat(separated(targets, ", "), " = ", expressionDoc(c, s.value));
    }
    case "if":
      return ifDoc(c, s);
    case "assert": {
      const message = s.message ? concat(", ", expressionDoc(c, s.message)) : "";
      return concat("assert ", expressionDoc(c, s.condition), message);
    }
    case "repeat": {
      const index = s.index === undefined ? "" : ` as ${printBoundName(s.index)}`;
      return bodyDoc(c, concat("repeat ", expressionDoc(c, s.count), index), s.body, s.span);
    }
    case "kernel": {
      const plan = callDoc(c, s.plan, s.plan.arguments.length > 0);
      return bodyDoc(c, concat(`kernel ${printName(s.name.text)} `, plan), s.body, s.span);
    }
    case "output":
      return outputDoc(c, s);
    case "return":
      return concat(
        "return ",
        separated(
          s.values.map((value) => expressionDoc(c, value)),
          ", ",
        ),
      );
    default:
      return s satisfies never;
  }
}

// ── Items ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function blockHead(c: Comments, { name, parameters, parametersSpan, span }: BlockItem): Doc {
  const slots = parameters.map((parameter) => ({
    span: parameter.span,
    doc: () => {
      const own = printBoundName(parameter.name);
      return parameter.default === undefined ? own : concat(`${own}=`, expressionDoc(c, parameter.default));
    },
  }));
  return concat(
    `block ${printName(name.text)}`,
    bracketDoc(c, "(", slots, ")", parametersSpan?.end ?? span.start),
  );
}

function ruleSetHead({ name, place }: RuleSetItem): string {
  return `rules ${printName(name.text)}${place ? ` ${place.side} ${printPassName(place.pass.text)}` : ""}`;
}

/** A rule on one line, or each of its parts on a separate line. */
function ruleDoc(c: Comments, item: RuleItem): Doc {
  const { name, approx, benefit, patterns, replacements, where, when } = item;
  const tolerance = approx === undefined ? "" : concat("approx(", expressionDoc(c, approx), ") ");
  const order = benefit === undefined ? "" : concat("benefit(", expressionDoc(c, benefit), ") ");
  const terms = (list: readonly Expression[], sign: string): RulePart[] =>
    list.map((value, k) => ({
      start: value.span.start,
      before: k === 0 ? sign : ifBroken(" ".repeat(sign.length)),
      value,
      after: k < list.length - 1 ? "," : "",
    }));
  const parts = [
    ...terms(patterns, ""),
    ...terms(replacements, "=> "),
    ...where.map((binding, k) => ({
      start: binding.span.start,
      before: concat(k === 0 ? "where " : ifBroken("      "), `${printBoundName(binding.name)} = `),
      value: binding.value,
      after: k < where.length - 1 ? "," : "",
    })),
    ...(when === undefined ? [] : [{ start: when.span.start, before: "when ", value: when }]),
  ];
  const comment = trailing(c, patterns[0]?.span.start ?? 0);
  const docs = parts.map(({ start, before, value, after = "" }: RulePart, k) => {
    const next = parts[k + 1];
    const comments = leading(c, start);
    const doc = concat(line, comments, before, expressionDoc(c, value), after);
    return next === undefined ? doc : concat(doc, trailing(c, next.start));
  });
  return group("rule ", tolerance, order, `${printName(name.text)}:`, comment, indent(docs));
}

interface RulePart {
  readonly start: number;
  readonly before: Doc;
  readonly value: Expression;
  readonly after?: string;
}

function fuseDoc(c: Comments, { name, links, when }: FuseItem): Doc {
  const slots = links.map((link) => ({
    span: link.span,
    before: "-> ",
    doc: (): Doc => `${printName(link.name.text)}${link.repeat === "one" ? "" : link.repeat}`,
  }));
  if (when !== undefined) slots.push({ span: when.span, before: "when ", doc: () => expressionDoc(c, when) });
  const [first = "", ...others] = fillDocs(c, slots, "", 0);
  return concat(`fuse ${printName(name.text)}: `, first, indent(others));
}

function outputDoc(c: Comments, { outputs }: OutputStatement): Doc {
  const slots = outputs.map(({ name, labels, value }) => ({
    span: { ...name.span, end: (value ?? labels ?? name).span.end },
    doc: () =>
      concat(
        printBoundName(name),
        labels ? concat(" ", callDoc(c, labels, true)) : "",
        value === undefined ? "" : concat(" = ", expressionDoc(c, value)),
      ),
  }));
  const [first = "", ...others] = fillDocs(c, slots, ",", 0);
  return concat("output ", first, indent(others));
}

/** `x`, or `x: f32[1, 8]`. */
function targetDoc(c: Comments, { name, type }: Pick<BindStatement, "name" | "type">): Doc {
  return type ? concat(`${printBoundName(name)}: `, typeDoc(c, type)) : printBoundName(name);
}

/** Parts that are usually short, without line breaks between them. */
function separated(docs: readonly Doc[], separator: string): Doc {
  return concat(docs.flatMap((doc, index) => (index === 0 ? [doc] : [separator, doc])));
}

/** `if c { … } else if d { … } else { … }`; on one line if it was there, has one statement in each body, and fits. */
function ifDoc(c: Comments, { branches, otherwise, span }: IfStatement): Doc {
  const bodies = [...branches.map(({ body }) => body), ...(otherwise ? [otherwise] : [])];
  const inline = bodies.every(({ statements }) => statements.length === 1) && isOneLine(c, span);
  const docs = bodies.map(({ statements, span: own }, index): Doc => {
    const condition = branches[index]?.condition;
    const words = index === 0 ? "if " : condition ? " else if " : " else";
    const head = concat(words, condition ? expressionDoc(c, condition) : "");
    const [only] = statements;
    return inline && only
      ? inlineBody(head, statementDoc(c, only))
      : brokenBody(c, head, statements, own.end - 1, statementDoc);
  });
  return inline ? group(docs) : concat(docs);
}

// ── Rows ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Statements in braces: one per line. A single one is on the line of its braces if it was there and fits. */
function bodyDoc(c: Comments, head: Doc, body: readonly Statement[], span: Span): Doc {
  return rowsInBraces(c, head, body, span, statementDoc);
}

/** The same for statements, or for the rules of a set. */
function rowsInBraces<T extends Item | Statement>(
  c: Comments,
  head: Doc,
  body: readonly T[],
  span: Span,
  docOf: (c: Comments, element: T) => Doc,
): Doc {
  const [only, ...others] = body;
  const inline = only !== undefined && others.length === 0 && isOneLine(c, span);
  return inline ? group(inlineBody(head, docOf(c, only))) : brokenBody(c, head, body, span.end - 1, docOf);
}

/** Whether the text has a part on one line, without a comment in it. */
function isOneLine(c: Comments, { start, end }: Span): boolean {
  const first = c.line(start);
  return first !== undefined && first === c.line(end - 1) && !c.anyBefore(end - 1);
}

function inlineBody(head: Doc, element: Doc): Doc {
  return concat(head, " {", indent(line, element), line, "}");
}

/** A body whose rows are on lines of their own; `end` is the offset of its `}`. */
function brokenBody<T extends Item | Statement>(
  c: Comments,
  head: Doc,
  body: readonly T[],
  end: number,
  docOf: (c: Comments, element: T) => Doc,
): Doc {
  if (body.length === 0 && !c.anyBefore(end)) return concat(head, " {}");
  const comment = trailing(c, body[0]?.span.start ?? end);
  const rows = body.length === 0 && !c.anyBefore(end) ? "" : indent(hardLine, rowsDoc(c, body, end, docOf));
  return concat(head, " {", comment, rows, hardLine, "}");
}

/** A comment, a statement or an item; `blank` says that a blank line precedes it. */
interface Row {
  readonly doc: Doc;
  readonly lastLine: number | undefined;
  blank: boolean;
}

/**
 * Statements or items, one per line, with the comments between them and up to the offset `end`. A blank line is printed
 * where the text has at least one, and where `apart` requires one.
 */
function rowsDoc<T extends Item | Statement>(
  c: Comments,
  elements: readonly T[],
  end: number,
  docOf: (c: Comments, element: T) => Doc,
  apart: (before: T, after: T) => boolean = () => false,
): Doc {
  const rows: Row[] = [];
  const add = (doc: Doc, start: number, stop: number): void => {
    const first = c.line(start);
    const before = rows.at(-1)?.lastLine;
    const blank = first !== undefined && before !== undefined && first > before + 1;
    rows.push({ doc, lastLine: c.line(stop), blank });
  };
  const addComments = (comments: readonly Comment[]): void => {
    for (const { text, span } of comments) add(text, span.start, span.end);
  };

  for (const [index, element] of elements.entries()) {
    const { start, end: stop } = element.span;
    const first = rows.length;
    addComments(c.takeBefore(start));
    const doc = docOf(c, element);
    c.hoist(stop);
    // Comments that cannot be printed in the statement are printed before it.
    for (const { text } of c.takeHoisted()) add(text, start, start);
    add(concat(doc, trailing(c, elements[index + 1]?.span.start ?? end)), start, stop);

    const before = elements[index - 1];
    const head = rows[first];
    // If a blank line separates the comments, they belong to different elements, and no second one is needed.
    if (before !== undefined && head !== undefined && apart(before, element)) {
      head.blank ||= !rows.slice(first).some(({ blank }) => blank);
    }
  }
  addComments(c.takeBefore(end));

  return concat(
    rows.flatMap(({ doc, blank }, index) => {
      if (index === 0) return [doc];
      return blank ? [hardLine, hardLine, doc] : [hardLine, doc];
    }),
  );
}
