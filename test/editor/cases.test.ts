// What the editor's functions answer, as texts with a mark at the cursor.

import { diagnosticsOf } from "#editor/analysis.js";
import { completionDoc, completionsAt } from "#editor/completion.js";
import { formatEdits } from "#editor/format.js";
import { hoverAt, signatureAt } from "#editor/hover.js";
import { family, meantBy, nameAt } from "#editor/names/names.js";
import type { Outline } from "#editor/outline.js";
import { foldsOf, hintsIn, outlineOf } from "#editor/outline.js";
import { applyEdits, renameAt } from "#editor/rename.js";
import { colouredTokens } from "#editor/semantic.js";
import { cases } from "../cases.js";
import { analyzed, marked, showPlaces } from "./marked.js";

const folder = import.meta.dirname;

/** Most completions that a case shows. */
const shownCompletions = 14;

// Option `only`: kinds of completions; `doc`: the label of the one whose documentation is shown too.
cases(folder, "completion.txt", (input, { options }) => {
  const { analysis, offset } = marked(input);
  const { start, end, items } = completionsAt(analysis, offset);
  const only = options["only"] as string[] | undefined;
  const kept = items.filter(({ kind }) => !only || only.includes(kind));
  const rows = kept
    .slice(0, shownCompletions)
    .map(({ label, kind, detail = "", insert }) =>
      `${label}  ${kind}  ${detail}${insert === undefined || insert.trimEnd() === label ? "" : `  → ${insert}`}`.trimEnd(),
    );
  const rest = kept.length > rows.length ? [`… ${kept.length - rows.length} more`] : [];
  const documented = items.find(({ label }) => label === options["doc"]);
  const doc = documented ? ["", completionDoc(analysis, offset, documented) ?? "no documentation"] : [];
  return [`replaces «${analysis.text.slice(start, end)}»`, ...rows, ...rest, ...doc].join("\n");
});

cases(folder, "hover.txt", (input) => {
  const { analysis, offset } = marked(input);
  const hover = hoverAt(analysis, offset);
  if (!hover) return "nothing";
  return `«${analysis.text.slice(hover.start, hover.end)}»\n${hover.text}`;
});

cases(folder, "signature.txt", (input) => {
  const { analysis, offset } = marked(input);
  const found = signatureAt(analysis, offset);
  if (!found) return "nothing";
  const { label, doc, parameters, active } = found;
  const parameter = active === undefined ? undefined : parameters[active];
  return [
    label,
    ...(doc === undefined ? [] : [doc]),
    parameter ? `at ${parameter.label}: ${parameter.doc ?? ""}` : "at none",
  ].join("\n");
});

// Definitions are shown as the places of the text; with the option `uses`, all uses too.
cases(folder, "names.txt", (input, { options }) => {
  const { analysis, offset } = marked(input);
  const found = nameAt(analysis.names(), offset);
  if (!found) return "nothing";
  const { definitions, references } = family(analysis.names(), meantBy(found));
  return showPlaces(
    analysis.text,
    (options["uses"] ? [...definitions, ...references] : meantBy(found)).map(({ span }) => span),
  );
});

cases(folder, "rename.txt", (input, { options }) => {
  const { analysis, offset } = marked(input);
  const renamed = renameAt(analysis, offset, options["to"] as string);
  return "problem" in renamed ? renamed.problem : applyEdits(analysis.text, renamed.edits);
});

cases(folder, "fixes.txt", (input) => {
  const analysis = analyzed(input);
  return diagnosticsOf(analysis)
    .flatMap((one) => [
      one.message,
      ...(one.fixes ?? []).map(({ title, span, text }) => {
        const fixed = applyEdits(input, [{ ...span, text }]);
        const line = fixed.slice(0, span.start).split("\n").length - 1;
        return `  ${title}: ${fixed.split("\n")[line]?.trim()}`;
      }),
    ])
    .join("\n");
});

cases(folder, "structure.txt", (input) => {
  const analysis = analyzed(input);
  const shown = ({ name, kind, children }: Outline): string[] => [
    `${kind} ${name}`,
    ...children.flatMap((one) => shown(one).map((line) => `  ${line}`)),
  ];
  const hints = hintsIn(analysis, 0, input.length).toReversed();
  let hinted = input;
  for (const { offset, text } of hints) hinted = `${hinted.slice(0, offset)}«${text}»${hinted.slice(offset)}`;
  return [
    ...outlineOf(analysis).flatMap(shown),
    "",
    ...foldsOf(analysis).map(
      ({ startLine, endLine, comment }) =>
        `folds ${startLine + 1}-${endLine + 1}${comment ? " comment" : ""}`,
    ),
    "",
    hinted,
    ...colouredTokens(analysis).map(({ start, end, type, builtIn, declares, constant }) =>
      [
        input.slice(start, end),
        type,
        ...(declares ? ["declares"] : []),
        ...(constant ? ["constant"] : []),
        ...(builtIn ? ["built-in"] : []),
      ].join(" "),
    ),
  ].join("\n");
});

cases(folder, "format.txt", (input) => {
  const edits = formatEdits(analyzed(input));
  if (!edits) return "not formatted";
  return [
    ...edits.map(({ start, end }) => `replaces ${JSON.stringify(input.slice(start, end))}`),
    applyEdits(input, edits),
  ].join("\n");
});
