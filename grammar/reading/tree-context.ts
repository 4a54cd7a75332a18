// What `build.ts` and `operation.ts` share: where they report to, and how they read the concrete syntax tree.

import type { CstNode, IToken } from "chevrotain";
import { bug, type Diagnostic, type Span } from "#diagnostic/diagnostic.js";
import type { Expression, Statement } from "../ast.js";
import { endOf } from "../tokens/line-ends.js";

/** The state of building the tree of one file. */
export interface TreeContext {
  readonly file: string;
  /** Mistakes that the grammar does not see, as a faulty escape. */
  readonly diagnostics: Diagnostic[];
  /** How many `-` and `not` are open around what is being built. */
  prefixes: number;
  /** What was built of the statements so far; those inside others come first. */
  readonly statements: Map<CstNode, Statement>;
  /** What was built of lists whose statement is not yet read; each is taken once. */
  readonly expressions: Map<CstNode, Expression>;
}

/** The span of a node that holds a token at least. */
export function spanOf(b: TreeContext, { location }: CstNode): Span {
  const start = location?.startOffset ?? 0;
  return { file: b.file, start, end: (location?.endOffset ?? start - 1) + 1 };
}

export function spanOfToken(b: TreeContext, token: IToken): Span {
  return { file: b.file, start: token.startOffset, end: endOf(token) };
}

/** The first of the parts of one kind; of most there is one. */
export function only<T>(parts: readonly T[] | undefined): T {
  return at(parts, 0);
}

/** A part that the grammar says is there: lines with a fault never become part of the tree. */
export function at<T>(parts: readonly T[] | undefined, index: number): T {
  return parts?.[index] ?? bug("the concrete syntax tree lacks a part that the grammar requires");
}
