// A long file: each version is parsed and elaborated once, and completion does not wait for either.

import { expect, test } from "vitest";
import type { Analysis, Stage } from "#editor/analysis.js";
import { analyze, diagnosticsOf } from "#editor/analysis.js";
import { completionsAt } from "#editor/completion.js";
import { hoverAt, signatureAt } from "#editor/hover.js";
import { hintsIn, outlineOf } from "#editor/outline.js";
import { createDocuments } from "#editor/server/documents.js";
import { TextDocument } from "vscode-languageserver-textdocument";
import { scaled } from "../scale.js";

/** A net with so many lines. */
function longNet(lines: number): string {
  const layers = Array.from(
    { length: lines },
    (_, at) =>
      `  x${at % 7} = conv2d(${at === 0 ? "image" : `x${(at - 1) % 7}`}, filters=8, kernel=3x3, padding=same) |> relu\n`,
  );
  return `net long {\n  input image: f32[1, 8, 8, 3]\n${layers.join("")}  output y = relu(x0)\n}\n`;
}

const lines = scaled(2000);
const text = longNet(lines);
const at = (part: string): number => text.indexOf(part) + part.length;

function staged(previous?: Analysis, changed = text): { analysis: Analysis; stages: Stage[] } {
  const stages: Stage[] = [];
  const options = { onStage: (stage: Stage) => void stages.push(stage), ...(previous && { previous }) };
  return { analysis: analyze(changed, "long.net", options), stages };
}

test("all questions about a version compute each stage once", () => {
  const { analysis, stages } = staged();
  diagnosticsOf(analysis);
  for (let offset = 0; offset < text.length; offset += Math.ceil(text.length / 50)) {
    hoverAt(analysis, offset);
    completionsAt(analysis, offset);
    signatureAt(analysis, offset);
  }
  outlineOf(analysis);
  hintsIn(analysis, 0, text.length);
  expect(stages.toSorted()).toEqual(["names", "tokens", "tree", "values"]);
});

test("while a line is written, completion reads only its tokens, and hover the values of the version before", () => {
  const before = staged().analysis;
  before.names();
  before.values();
  const place = at("filters=8, kernel=3x3, padding=same) |> relu\n  x1 = conv2d(");
  const changed = `${text.slice(0, place)}x0 + ${text.slice(place)}`;
  const { analysis, stages } = staged(before, changed);
  const { items } = completionsAt(analysis, place + "x0 + ".length);
  expect(items.filter(({ kind }) => kind === "value").map(({ label }) => label)).toEqual(["image", "x0"]);
  expect(stages).toEqual(["tokens"]);
  const hover = hoverAt(analysis, changed.lastIndexOf("relu(x0)") + "relu(x".length);
  expect(hover).toMatchObject({ text: expect.stringContaining("x0: f32[1, 8, 8, 8]") });
  expect(changed.slice(hover!.start, hover!.end)).toBe("x0");
  expect(stages).toEqual(["tokens"]);
});

test("after a change of other lines, completion parses the version", () => {
  const before = staged().analysis;
  before.names();
  const changed = text.replace("  x1 =", "  other = image\n  x1 =");
  const { analysis, stages } = staged(before, changed);
  const { items } = completionsAt(analysis, changed.indexOf("x1 = conv2d(") + "x1 = conv2d(".length);
  expect(items.map(({ label }) => label)).toContain("other");
  expect(stages).toEqual(["tokens", "tree", "names"]);
});

test("a version of a document has one analysis, and the analyses before it are forgotten", () => {
  const documents = createDocuments({
    fileOf: (uri) => uri,
    optionsOf: () => ({}),
    publish: () => {},
    failed: (cause) => {
      throw cause;
    },
  });
  let document = TextDocument.create("a:b", "cleave", 1, "net a {}\n");
  let analysis = documents.analysisOf(document);
  for (let version = 2; version < 5; version++) {
    expect(documents.analysisOf(document)).toBe(analysis);
    analysis.names();
    analysis.values();
    document = TextDocument.update(document, [{ text: `net a {}${"\n".repeat(version)}` }], version);
    analysis = documents.analysisOf(document);
    expect(analysis.previous?.text.length).toBe(analysis.text.length - 1);
    expect(analysis.previous?.previous).toBeUndefined();
  }
  documents.closed(document.uri);
});
