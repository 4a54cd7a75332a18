// The comments of a text, given out in reading order while the printer walks over the tree.

import { terminalText } from "#diagnostic/escape.js";
import type { Ast, Comment } from "../ast.js";
import { lineIndex } from "#diagnostic/position.js";

/** A cursor over comments: what has been taken is not given again, so that none is lost or printed twice. */
export interface Comments {
  /** All that begin before `offset`. */
  takeBefore(offset: number): Comment[];
  /** The next one, if it begins before `offset` and stands behind code on its line. */
  takeTrailing(offset: number): Comment | undefined;
  /** Whether any that was not taken begins before `offset`. */
  anyBefore(offset: number): boolean;
  /** Sets aside all that begin before `offset`, since there is no place for them where they are. */
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
