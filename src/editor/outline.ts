// The structure of a file, for outlines and folding, and the shapes that editors show behind bindings.

import type { Item, Statement } from "#grammar/ast.js";
import { bodiesOf } from "#elaborate/returns.js";
import { matchBrackets } from "#grammar/tokens/brackets.js";
import { endOf } from "#grammar/tokens/line-ends.js";
import { lineIndex, lineStarts } from "#diagnostic/position.js";
import type { Analysis } from "./analysis.js";
import { valueText } from "./describe.js";
import type { DefinitionKind } from "./names/definition.js";

/** An item or a binding, with what is in it. */
export interface Outline {
  readonly name: string;
  readonly kind: DefinitionKind;
  /** All of it. */
  readonly start: number;
  readonly end: number;
  /** Its name. */
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly children: readonly Outline[];
}

export function outlineOf(analysis: Analysis): Outline[] {
  return analysis.tree().ast.items.flatMap((item) => (item.kind === "import" ? [] : [outlineOfItem(item)]));
}

function outlineOfItem(item: Exclude<Item, { kind: "import" }>): Outline {
  switch (item.kind) {
    case "net":
    case "block":
      return entry(item.name, item.kind, item, item.body.flatMap(outlineOfStatement));
    case "rules":
      return entry(item.name, "rule set", item, item.rules.map(outlineOfItem));
    case "class":
    case "rule":
      return entry(item.name, item.kind, item);
    case "fuse":
      return entry(item.name, "fusion", item);
    case "const":
      return entry(item.name, "constant", item);
    default:
      return item satisfies never;
  }
}

function outlineOfStatement(statement: Statement): Outline[] {
  switch (statement.kind) {
    case "input":
    case "param":
      return [entry(statement.name, statement.kind, statement)];
    case "const":
      return [entry(statement.name, "constant", statement)];
    case "bind":
      return [entry(statement.name, "value", statement)];
    case "output":
      return statement.outputs.flatMap(({ name, value }) =>
        value ? [entry(name, "value", { span: { ...name.span, end: value.span.end } })] : [],
      );
    case "kernel":
      return [entry(statement.name, "kernel", statement, statement.body.flatMap(outlineOfStatement))];
    case "unpack":
      return statement.targets.map(({ name }) => entry(name, "value", statement));
    case "repeat":
      return statement.body.flatMap(outlineOfStatement);
    case "if":
      return bodiesOf(statement).flatMap((body) => body.flatMap(outlineOfStatement));
    case "assert":
    case "weights":
    case "return":
      return [];
    default:
      return statement satisfies never;
  }
}

interface Located {
  readonly span: { readonly start: number; readonly end: number };
}

function entry(
  name: Located & { readonly text: string },
  kind: DefinitionKind,
  { span }: Located,
  children: readonly Outline[] = [],
): Outline {
  const { start, end } = span;
  return { name: name.text, kind, start, end, nameStart: name.span.start, nameEnd: name.span.end, children };
}

/** Lines, from 0, that an editor can fold: brackets over several lines, and comments over several lines. */
export interface Fold {
  readonly startLine: number;
  readonly endLine: number;
  readonly comment: boolean;
}

export function foldsOf(analysis: Analysis): Fold[] {
  const { tokens, comments } = analysis.tokens();
  const starts = lineStarts(analysis.text);
  const line = (offset: number): number => lineIndex(starts, offset);
  const folds: Fold[] = [];
  for (const [opener, closer] of matchBrackets(tokens)) {
    const [first, last] = [tokens[opener], tokens[closer]];
    if (opener > closer || !first || !last) continue;
    const startLine = line(first.startOffset);
    // The line of the closing bracket stays visible.
    const endLine = line(last.startOffset) - 1;
    if (endLine > startLine) folds.push({ startLine, endLine, comment: false });
  }
  let from: number | undefined;
  for (const [at, comment] of comments.entries()) {
    const own = line(comment.startOffset);
    if (starts[own] !== undefined && analysis.text.slice(starts[own], comment.startOffset).trim() !== "")
      continue;
    from ??= own;
    const next = comments[at + 1];
    const goesOn =
      next &&
      line(next.startOffset) === own + 1 &&
      /^\s*$/.test(analysis.text.slice(endOf(comment), next.startOffset));
    if (goesOn) continue;
    if (own > from) folds.push({ startLine: from, endLine: own, comment: true });
    from = undefined;
  }
  // An editor folds one range for each line: the outermost.
  const byLine = new Map<number, Fold>();
  for (const fold of folds) {
    const known = byLine.get(fold.startLine);
    if (!known || known.endLine < fold.endLine) byLine.set(fold.startLine, fold);
  }
  return [...byLine.values()].sort((a, b) => a.startLine - b.startLine);
}

/** A type to show behind a name. */
export interface Hint {
  readonly offset: number;
  readonly text: string;
}

/** The types of the bindings between two offsets, which the text does not state. */
export function hintsIn(analysis: Analysis, start: number, end: number): Hint[] {
  const { values } = analysis.values();
  return analysis.names().definitions.flatMap(({ kind, span }) => {
    if (span.end < start || span.start > end || (kind !== "value" && kind !== "parameter")) return [];
    const known = values.get(span.start);
    if (!known?.some.some(({ type }) => type)) return [];
    return [{ offset: span.end, text: `: ${valueText(known)}` }];
  });
}
