// Texts with a mark at the cursor, and files that stand beside them, for the cases of the editor.

import { expect } from "vitest";
import type { Analysis } from "#editor/analysis.js";
import { analyze } from "#editor/analysis.js";
import { openWeightBytes } from "#weights/safetensors.js";
import { writeSafetensors } from "#weights/write-safetensors.js";

/** The cursor in the text of a case. */
const mark = "▮";

export interface Marked {
  readonly analysis: Analysis;
  readonly offset: number;
}

/** The text without its mark, and the offset of the mark. */
export function marked(input: string): Marked {
  const offset = input.indexOf(mark);
  expect(offset, "the case has no cursor").toBeGreaterThanOrEqual(0);
  const text = input.replace(mark, "");
  return { analysis: analyzed(text), offset };
}

/** What stands in the folder of the text, and in the folder `more` beside it. */
const folders: Readonly<Record<string, readonly string[]>> = {
  "": ["blocks.net", "case.net", 'odd"name.net', "notes.md", "stem.safetensors", "teacher.onnx", "more/"],
  "more/": ["layers.net", "more.safetensors"],
};

/** A text whose weight files all have the same two tensors, and no others. */
export function analyzed(text: string): Analysis {
  return analyze(text, "case.net", {
    weights: { open: (name) => openWeightBytes(weightBytes, name) },
    files: { list: (folder) => folders[folder] ?? [] },
    imports: {
      open: (path) =>
        path === "blocks.net"
          ? { value: { file: path, text: blocks }, diagnostics: [] }
          : { diagnostics: [] },
    },
  });
}

/** The file that texts may import. */
const blocks = `## Halves width and height.
block half(x, filters, stride=2) {
  return conv2d(x, filters=filters, kernel=3x3, stride=stride, padding=same)
}
const width = 8
block wrong(x) {
  return nothing(x)
}
`;

const tensor = (name: string, shape: number[]) => ({
  name,
  shape,
  values: () => new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

const weightBytes = Buffer.concat([
  ...writeSafetensors([tensor("stem.conv2d.kernel", [3, 3, 3, 4]), tensor('odd "key"', [4])]),
]);

/** A text with places of it between `«` and `»`. */
export function showPlaces(
  text: string,
  places: readonly { readonly start: number; readonly end: number }[],
): string {
  let shown = text;
  for (const { start, end } of places.toSorted((a, b) => b.start - a.start))
    shown = `${shown.slice(0, start)}«${shown.slice(start, end)}»${shown.slice(end)}`;
  return shown;
}
