// Formatting: the edits that bring a text into the standard form, line by line, so that the cursor stays where it is.

import { diffArrays } from "diff";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { print } from "#grammar/printing/print.js";
import type { Analysis } from "./analysis.js";
import type { Edit } from "./rename.js";

/** The edits to the standard form, which `cleave fmt` writes; undefined if syntax errors prevent it. Line ends stay those of the text. */
export function formatEdits(analysis: Analysis): Edit[] | undefined {
  const { ast, diagnostics } = analysis.tree();
  if (hasErrors(diagnostics)) return undefined;
  const { text } = analysis;
  const lineEnd = /\r\n|\n|\r/.exec(text)?.[0] ?? "\n";
  const formatted = print(ast).replaceAll("\n", lineEnd);
  const edits: Edit[] = [];
  let at = 0;
  let open: { start: number; end: number; text: string } | undefined;
  for (const { added, removed, value } of diffArrays(linesOf(text), linesOf(formatted))) {
    const joined = value.join("");
    if (!added && !removed) {
      if (open) edits.push(open);
      open = undefined;
      at += joined.length;
      continue;
    }
    open ??= { start: at, end: at, text: "" };
    if (added) open.text += joined;
    else {
      at += joined.length;
      open.end = at;
    }
  }
  if (open) edits.push(open);
  return edits;
}

/** Lines with their ends. */
function linesOf(text: string): string[] {
  return text.match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? [];
}
