// Compares the printer and the reader on random trees, with and without comments.

import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { print } from "#grammar/printing/print.js";
import { tokenize } from "#grammar/tokens/lexer.js";
import { scaled } from "../scale.js";
import { arbitraryAst } from "./arbitrary.js";
import { dump } from "./dump.js";

const runs = { numRuns: scaled(400) };

function read(text: string): ReturnType<typeof parse> {
  const result = parse(text, "random.net");
  expect(
    result.diagnostics.map(({ message, span }) => `${message} at ${text.slice(span?.start).slice(0, 40)}`),
  ).toEqual([]);
  return result;
}

test("a printed tree reads as the same tree, and prints as the same text", () => {
  fc.assert(
    fc.property(arbitraryAst, (ast) => {
      const text = print(ast);
      const { partial } = read(text);
      expect(dump(partial.items)).toBe(dump(ast.items));
      expect(print(partial)).toBe(text);
    }),
    runs,
  );
});

test("lines are no longer than 100 columns where they can be broken", () => {
  fc.assert(
    fc.property(arbitraryAst, (ast) => {
      // A long name or string cannot be broken, so a line with one may be too long.
      const breaks = (line: string): boolean =>
        tokenize(line).tokens.every(({ image }) => image.length <= 20);
      const long = print(ast)
        .split("\n")
        .filter((line) => line.length > 100);
      expect(long.filter(breaks)).toEqual([]);
    }),
    runs,
  );
});

test("comments are kept, each once, wherever a line may end", () => {
  fc.assert(
    fc.property(
      arbitraryAst,
      fc.array(fc.tuple(fc.nat(), fc.boolean(), fc.boolean()), { maxLength: 12 }),
      (ast, places) => {
        const plain = print(ast);
        const text = withComments(plain, places);
        const { partial } = read(text);
        expect(dump(partial.items)).toBe(dump(ast.items));
        const once = print(partial);
        const again = read(once).partial;
        expect(texts(again.comments)).toEqual(texts(partial.comments));
        expect(dump(again.items)).toBe(dump(ast.items));
        expect(print(again)).toBe(once);
      },
    ),
    runs,
  );
});

function texts(comments: readonly { readonly text: string }[]): string[] {
  return comments.map(({ text }) => text).sort();
}

/** Puts numbered comments at line ends and, in brackets, after any token; some on their own lines, some after a blank line. */
function withComments(text: string, places: readonly (readonly [number, boolean, boolean])[]): string {
  const offsets: number[] = [0];
  let brackets = 0;
  const open: number[] = [];
  for (const { image, startOffset, tokenType } of tokenize(text).tokens) {
    if (image === "(" || image === "[") brackets++;
    if (image === ")" || image === "]") brackets--;
    if (image === "{") {
      open.push(brackets);
      brackets = 0;
    }
    if (image === "}") brackets = open.pop() ?? 0;
    if (tokenType.name === "LineEnd") offsets.push(startOffset);
    else if (brackets > 0) offsets.push(startOffset + image.length);
  }
  const chosen = places
    .map(([place, own, blank]) => ({ offset: offsets[place % offsets.length] ?? 0, own, blank }))
    .sort((a, b) => b.offset - a.offset);
  return chosen.reduce((all, { offset, own, blank }, index) => {
    const comment = `${blank ? "\n" : ""}${own ? "\n" : " "}# comment ${index}`;
    const end = all[offset] === "\n" ? "" : "\n";
    return `${all.slice(0, offset)}${comment}${end}${all.slice(offset)}`;
  }, text);
}
