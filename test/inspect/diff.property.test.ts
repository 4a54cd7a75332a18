// Diffs of texts: both sides can be read off them, whatever the texts, and what is the same is found.

import fc from "fast-check";
import { expect, test } from "vitest";
import { diffText, printDiff } from "#inspect/diff.js";
import { scaled } from "../scale.js";

const text = fc
  .array(fc.constantFrom("a", "b", "c", "d", "e", "f = relu(a)", "g = relu(a)", ""), { maxLength: 30 })
  .map((lines) => lines.map((line) => `${line}\n`).join(""));

test("the lines of each side are those that are kept and its own", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diffText(before, after);
      const side = (own: "removed" | "added"): string =>
        lines
          .flatMap(({ kind, text: line }) => (kind === "same" || kind === own ? [`${line}\n`] : []))
          .join("");
      expect(side("removed")).toBe(before);
      expect(side("added")).toBe(after);
    }),
    { numRuns: scaled(100) },
  );
});

test("nothing changed is not a diff, and changes stand in context", () => {
  expect(printDiff(diffText("a\nb\n", "a\nb\n"))).toBe("");
  const before = Array.from({ length: 20 }, (_, at) => `line ${at}\n`).join("");
  const after = before.replace("line 3\n", "").replace("line 12\n", "line twelve\n");
  expect(printDiff(diffText(before, after), undefined, 1)).toBe(
    [
      "  …",
      "  line 2",
      "- line 3",
      "  line 4",
      "  …",
      "  line 11",
      "- line 12",
      "+ line twelve",
      "  line 13",
    ].join("\n"),
  );
});

test("20,000 lines that all change but one", () => {
  const lines = (suffix: string): string =>
    Array.from({ length: 20_000 }, (_, at) => (at === 10_000 ? "kept\n" : `line ${at}${suffix}\n`)).join("");
  const kinds = diffText(lines("a"), lines("b")).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "same")).toHaveLength(1);
  expect(kinds).toHaveLength(2 * 19_999 + 1);
});
