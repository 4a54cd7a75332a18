// The worker that completes words and says what they mean: the functions of the language server, over the text of the editor.

import type { Analysis } from "#editor/analysis.js";
import { analyze } from "#editor/analysis.js";
import type { Completion, Completions } from "#editor/completion.js";
import { completionDoc, completionsAt } from "#editor/completion.js";
import type { Hover } from "#editor/hover.js";
import { hoverAt } from "#editor/hover.js";

/** A question about a place of a text. */
export interface Question {
  readonly id: number;
  readonly text: string;
  readonly at: number;
  /** The completion whose documentation is wanted; or all completions, or what the word means. */
  readonly wants: "completions" | "hover" | Completion;
}

/** The answer to a question; `doc` is Markdown. */
export interface Answer {
  readonly id: number;
  readonly completions?: Completions;
  readonly hover?: Hover | undefined;
  readonly doc?: string | undefined;
}

let analysis: Analysis | undefined;

globalThis.addEventListener("message", ({ data: { id, text, at, wants } }: MessageEvent<Question>) => {
  if (analysis?.text !== text) analysis = analyze(text, "model.net", analysis && { previous: analysis });
  const answer: Answer =
    wants === "completions"
      ? { id, completions: completionsAt(analysis, at) }
      : wants === "hover"
        ? { id, hover: hoverAt(analysis, at) }
        : { id, doc: completionDoc(analysis, at, wants) };
  globalThis.postMessage(answer);
});
