// Quick fixes: the names that a message suggests, as edits.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { printArgumentName, printName } from "#grammar/printing/print-name.js";
import { endOf } from "#grammar/tokens/line-ends.js";
import { unescaped } from "#grammar/tokens/tokens.js";
import type { Analysis } from "./analysis.js";
import type { Edit } from "./rename.js";

export interface Fix {
  readonly title: string;
  readonly edit: Edit;
}

/**
 * The replacements that a diagnostic suggests by "did you mean". The place of the message may contain more than the wrong name, such as
 * an argument with its value; the wrong name is the first word in it that the message quotes.
 */
export function fixesOf(analysis: Analysis, { code, message, span, help = [] }: Diagnostic): Fix[] {
  const advice = help.find((line) => line.startsWith("did you mean "));
  if (!span || advice === undefined) return [];
  const quoted = new Set(inBackticks(message));
  const wrong = analysis
    .tokens()
    .tokens.find(
      (token) =>
        token.startOffset >= span.start && endOf(token) <= span.end && quoted.has(unescaped(token).value),
    );
  if (!wrong) return [];
  // A misspelt keyword is replaced by a keyword, which is not printed as a name.
  const isKeyword = code === "unknown-statement" || code === "syntax";
  const isArgument = /^\s*=(?![=>])/.test(analysis.text.slice(endOf(wrong), endOf(wrong) + 80));
  return inBackticks(advice).map((name) => ({
    title: `Replace by \`${name}\``,
    edit: {
      start: wrong.startOffset,
      end: endOf(wrong),
      text: isKeyword ? name : isArgument ? printArgumentName(name) : printName(name),
    },
  }));
}

function inBackticks(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}
