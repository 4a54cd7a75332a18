// Text cases of reading, errors and printing.

import { describe, expect, test } from "vitest";
import { render } from "#diagnostic/render.js";
import type { BlockItem, Item, NetItem } from "#grammar/ast.js";
import { parse } from "#grammar/reading/parse.js";
import { print } from "#grammar/printing/print.js";
import { cases } from "../cases.js";
import { dump } from "./dump.js";

const file = "case.net";

function errorsOf(text: string): string {
  return render(parse(text, file).diagnostics, new Map([[file, text]]), { color: false });
}

describe("the tree of a text, with all parentheses", () => {
  cases(import.meta.dirname, "tree.txt", (input) => {
    expect(errorsOf(input)).toBe("");
    return dump(parse(input, file).partial.items);
  });
});

describe("errors", () => {
  for (const name of ["errors.txt", "recovery.txt"]) cases(import.meta.dirname, name, errorsOf);
});

describe("the printed form, which prints as itself", () => {
  cases(import.meta.dirname, "print.txt", (input) => {
    expect(errorsOf(input)).toBe("");
    const text = print(parse(input, file).partial);
    expect(print(parse(text, file).partial)).toBe(text);
    return text;
  });
});

test("a text with errors has no value, but a tree of its correct parts", () => {
  const { value, partial } = parse("net a {\n  x = = 3\n  y = 4\n}\n", file);
  expect(value).toBeUndefined();
  expect(dump(partial.items)).toBe("net a\n  y = 4");
});

test("doc comments belong to what follows them, or to what they follow", () => {
  const text = `## Not the const's, since a line is between.

## Channels
##   of the stem.
const width = 16  ## in all
# A comment.
## A block.
block f(
  ## what is scaled
  x,
  y=1,  ## behind the comma
  z, w  ## of the last one only
) { return x }
### No doc comment, with three.
net n {
  ## The image.
  input a: f32[1, 8]
  param b: f32[8]  ##
  ##Without a blank.
  const k = 2
  output a
}
`;
  const { partial, diagnostics } = parse(text, file);
  expect(diagnostics).toEqual([]);
  const [width, f, n] = partial.items as [Item, BlockItem, NetItem];
  expect(width).toMatchObject({ doc: "Channels\n  of the stem.\nin all" });
  expect(f.doc).toBe("A block.");
  expect(f.parameters.map(({ doc }) => doc)).toEqual([
    "what is scaled",
    "behind the comma",
    undefined,
    "of the last one only",
  ]);
  expect(n.doc).toBeUndefined();
  const docs = n.body.map((statement) => ("doc" in statement ? statement.doc : undefined));
  expect(docs).toEqual(["The image.", "", "Without a blank.", undefined]);
  const printed = print(partial);
  expect(print(parse(printed, file).partial)).toBe(printed);
  expect(printed).toContain("## Channels\n##   of the stem.\nconst width = 16  ## in all");
});

test("line ends of Windows are line ends, also behind comments", () => {
  const text =
    "# on top\nnet n { # of a net\n  input x: f32[1]\n\n  # of a line\n  output y = relu(x) # behind\n}\n";
  const [one, other] = [text, text.replaceAll("\n", "\r\n")].map((own) => parse(own, "n.net"));
  expect(other!.diagnostics).toEqual([]);
  expect(other!.partial.comments.map((comment) => comment.text)).toEqual(
    one!.partial.comments.map((comment) => comment.text),
  );
  expect(print(other!.partial)).toBe(print(one!.partial));
});
