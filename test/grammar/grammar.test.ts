// Text cases of reading, errors and printing.

import { describe, expect, test } from "vitest";
import { render } from "#diagnostic/render.js";
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
