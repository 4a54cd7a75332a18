// The state that `tree-builder.ts` and `operation.ts` share, and functions to read the concrete syntax tree.

import type { CstNode, IToken } from "chevrotain";
import { given } from "#diagnostic/given.js";
import { bug, type Diagnostic, type Span } from "#diagnostic/diagnostic.js";
import type { Expression, Statement } from "../ast.js";
import type { DocOf } from "./doc-comments.js";
import { endOf } from "../tokens/line-ends.js";

/** The state of building the tree of one file. */
export interface TreeContext {
  readonly file: string;
  readonly docOf: DocOf;
  /** Errors that the grammar does not detect, such as a wrong escape. */
  readonly diagnostics: Diagnostic[];
  /** How many `-` and `not` are open around the current expression. */
  prefixes: number;
  /** The statements built so far; inner statements come first. */
  readonly statements: Map<CstNode, Statement>;
  /** Expressions of lists, built before their statement is complete; each is taken once. */
  readonly expressions: Map<CstNode, Expression>;
}

/** The span of a node that contains at least one token. */
export function spanOf(b: TreeContext, { location }: CstNode): Span {
  const start = location?.startOffset ?? 0;
  return { file: b.file, start, end: (location?.endOffset ?? start - 1) + 1 };
}

/** The span of a node and its doc comment, if it has one. */
export function documented(b: TreeContext, node: CstNode): { readonly span: Span; readonly doc?: string } {
  const span = spanOf(b, node);
  return { ...given({ doc: b.docOf(span.start, span.end) }), span };
}

export function spanOfToken(b: TreeContext, token: IToken): Span {
  return { file: b.file, start: token.startOffset, end: endOf(token) };
}

/** The first of the parts of one kind; most kinds have only one. */
export function only<T>(parts: readonly T[] | undefined): T {
  return at(parts, 0);
}

/** A part that the grammar requires: lines with a fault never become part of the tree. */
export function at<T>(parts: readonly T[] | undefined, index: number): T {
  return parts?.[index] ?? bug("the concrete syntax tree lacks a part that the grammar requires");
}
