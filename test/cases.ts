// Runs test cases that are text: a name, an input, a line `=>`, and the expected text.

import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

/** One case of a file. */
export interface Case {
  readonly name: string;
  /** The text in braces at the end of the name's line, as in `# a name {"target": "js"}`; else empty. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Ends in one line end, unless it is empty. */
  readonly input: string;
  /** Without blank lines at both ends. */
  readonly expected: string;
  /** The line of the case's name in its file, from 1. */
  readonly line: number;
}

/**
 * Makes a vitest test of every case in `folder/file`. `run` returns the text that is compared with the expectation,
 * or throws. Blank lines around the texts, and white space at line ends, do not count.
 *
 *     # name of the case
 *     input
 *     =>
 *     expected output
 *
 * The first line of the file shows how names are marked: by `#`, or by `##` if the texts contain lines that begin
 * with `# `. With `UPDATE=1` in the environment, the results replace the expectations. A case without
 * an expectation fails, since it asserts nothing.
 */
export function cases(
  folder: string,
  file: string,
  run: (input: string, testCase: Case) => string | Promise<string>,
  timeout?: number,
): void {
  const path = join(folder, file);
  const all = parseCases(readFileSync(path, "utf8"), path);
  const updating = process.env["UPDATE"] === "1";
  const results = new Map<Case, string>();

  describe(basename(file), () => {
    for (const testCase of all) {
      test(
        testCase.name,
        async () => {
          const actual = trim(await run(testCase.input, testCase));
          results.set(testCase, actual);
          if (updating) {
            expect(actual, "the output is empty, so the case would assert nothing").not.toBe("");
            return;
          }
          expect(testCase.expected, `${path}:${testCase.line} expects nothing`).not.toBe("");
          expect(actual).toBe(testCase.expected);
        },
        timeout,
      );
    }
    afterAll(() => {
      if (updating) writeFileSync(path, printCases(all, results, markerOf(readFileSync(path, "utf8"))));
    });
  });
}

/** Reads the cases of a text; throws on a malformed one, naming its line in `path`. */
export function parseCases(text: string, path: string): Case[] {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const header = `${markerOf(text)} `;
  const starts = [...lines.keys()].filter((index) => lines[index]?.startsWith(header));
  if (starts.length === 0) throw new Error(`${path}: no case; one begins with a line "# name"`);

  const found = starts.map((start, k): Case => {
    const title = (lines[start] ?? "").slice(header.length).trim();
    const body = lines.slice(start + 1, starts[k + 1] ?? lines.length);
    const arrow = body.indexOf("=>");
    if (arrow < 0) throw new Error(`${path}:${start + 1}: the case has no line "=>"`);
    const input = trim(body.slice(0, arrow).join("\n"));
    const brace = title.search(/\{.*\}$/);
    return {
      name: brace < 0 ? title : title.slice(0, brace).trim(),
      options: brace < 0 ? {} : (JSON.parse(title.slice(brace)) as Record<string, unknown>),
      input: input === "" ? "" : `${input}\n`,
      expected: trim(body.slice(arrow + 1).join("\n")),
      line: start + 1,
    };
  });
  for (const [k, { name, line }] of found.entries()) {
    if (found.findIndex((other) => other.name === name) < k) {
      throw new Error(`${path}:${line}: a second case named "${name}"`);
    }
  }
  return found;
}

function printCases(all: readonly Case[], results: ReadonlyMap<Case, string>, marker: string): string {
  const texts = all.map((testCase) => {
    const options = Object.keys(testCase.options).length === 0 ? "" : ` ${JSON.stringify(testCase.options)}`;
    // A case that did not run (vitest -t) keeps its expectation.
    const expected = results.get(testCase) ?? testCase.expected;
    return `${marker} ${testCase.name}${options}\n${testCase.input}=>\n${expected}\n`;
  });
  return texts.join("\n");
}

function markerOf(text: string): string {
  return /^#+(?= )/.exec(text)?.[0] ?? "#";
}

/** Removes blank lines at both ends and white space at line ends. */
function trim(text: string): string {
  return text
    .replaceAll(/[ \t\r]+$/gm, "")
    .replace(/^\n+/, "")
    .replace(/\n+$/, "");
}
