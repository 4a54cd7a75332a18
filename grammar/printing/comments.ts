// A cursor over the comments of a text, from which the printer takes comments in reading order.

import { terminalText } from "#diagnostic/escape.js";
import type { Ast, Comment } from "../ast.js";
import { lineIndex } from "#diagnostic/position.js";

/** A cursor over comments: each comment is taken once, so none is lost or printed twice. */
export interface Comments {
  /** All comments that begin before `offset`. */
  takeBefore(offset: number): Comment[];
  /** The next comment, if it begins before `offset` and follows code on its line. */
  takeTrailing(offset: number): Comment | undefined;
  /** Whether a comment that was not taken begins before `offset`. */
  anyBefore(offset: number): boolean;
  /** Sets aside all comments that begin before `offset`, because they cannot be printed where they are. */
  hoist(offset: number): void;
  /** The comments that were set aside since the last call. */
  takeHoisted(): Comment[];
  /** Index of the line of an offset; undefined if the tree has no text. */
  line(offset: number): number | undefined;
}

export function commentsOf({
  comments: written,
  lineStarts,
}: Pick<Ast, "comments" | "lineStarts">): Comments {
  // Strings and names are printed with escapes, but a comment has none.
  const comments = written.map((comment) => ({ ...comment, text: terminalText(comment.text) }));
  let next = 0;
  let hoisted: Comment[] = [];
  const anyBefore = (offset: number): boolean => (comments[next]?.span.start ?? Infinity) < offset;
  const takeBefore = (offset: number): Comment[] => {
    const first = next;
    while (anyBefore(offset)) next++;
    return comments.slice(first, next);
  };
  return {
    anyBefore,
    takeBefore,
    takeTrailing: (offset) =>
      anyBefore(offset) && comments[next]?.ownLine === false ? comments[next++] : undefined,
    hoist: (offset) => {
      hoisted = [...hoisted, ...takeBefore(offset)];
    },
    takeHoisted: () => {
      const taken = hoisted;
      hoisted = [];
      return taken;
    },
    line: (offset) => (lineStarts === undefined ? undefined : lineIndex(lineStarts, offset)),
  };
}
