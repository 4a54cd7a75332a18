// The release script, on a repository of its own.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { release, releasedChangelog } from "../../src/release/release.js";

const date = "2026-02-03";
let folder = "";
const git = (...words: string[]): string => execFileSync("git", words, { cwd: folder, encoding: "utf8" });
const read = (path: string): string => readFileSync(join(folder, path), "utf8");
const write = (path: string, text: string): void => writeFileSync(join(folder, path), text);

const changelog = "# Changelog\n\n## Unreleased\n\nFaster:\n\n- Sums.\n\n## 0.1.0 (2026-01-02)\n\n- First.\n";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cleave-release-"));
  mkdirSync(join(folder, "src/compile"), { recursive: true });
  write("CHANGELOG.md", changelog);
  write(
    "package.json",
    '{\n  "name": "cleave",\n  "version": "0.1.0",\n  "engines": { "version": "9.9.9" }\n}\n',
  );
  const locked = { "": { name: "cleave", version: "0.1.0" }, "node_modules/diff": { version: "0.1.0" } };
  write(
    "package-lock.json",
    `${JSON.stringify({ name: "cleave", version: "0.1.0", packages: locked }, null, 2)}\n`,
  );
  write("src/compile/version.ts", '// The version.\n\nexport const version = "0.1.0";\n');
  git("init", "--quiet");
  for (const [key, value] of [
    ["user.name", "A"],
    ["user.email", "a@example.org"],
    ["commit.gpgsign", "false"],
    ["tag.gpgsign", "false"],
    ["core.hooksPath", "none"],
  ] as const)
    git("config", key, value);
  git("add", "--all");
  git("commit", "--quiet", "--message", "First");
  git("tag", "v0.1.0");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a release must not change where it is refused. */
const state = (): string =>
  `${git("log", "--format=%H %d")}${git("status", "--porcelain")}${read("CHANGELOG.md")}`;

test("a release sets the version in all files, commits and tags them", () => {
  expect(release({ folder, version: "0.2.0", date })).toHaveProperty("done");
  expect(read("CHANGELOG.md")).toBe(
    "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-02-03)\n\nFaster:\n\n- Sums.\n\n## 0.1.0 (2026-01-02)\n\n- First.\n",
  );
  expect(JSON.parse(read("package.json"))).toMatchObject({ version: "0.2.0", engines: { version: "9.9.9" } });
  const lock = JSON.parse(read("package-lock.json"));
  expect([lock.version, lock.packages[""].version, lock.packages["node_modules/diff"].version]).toEqual([
    "0.2.0",
    "0.2.0",
    "0.1.0",
  ]);
  expect(read("src/compile/version.ts")).toContain('export const version = "0.2.0";');
  expect(git("log", "--format=%s").split("\n")[0]).toBe("Version 0.2.0");
  expect(git("describe", "--exact-match").trim()).toBe("v0.2.0");
  expect(git("status", "--porcelain")).toBe("");
});

test("after a release there is nothing to release", () => {
  release({ folder, version: "0.2.0", date });
  expect(release({ folder, version: "0.3.0", date }).problems).toEqual([
    "CHANGELOG.md has no changes under `## Unreleased`",
  ]);
});

test("a dry run says the same and changes nothing", () => {
  const before = state();
  const dry = release({ folder, version: "0.2.0", date, dryRun: true });
  expect(state()).toBe(before);
  expect(release({ folder, version: "0.2.0", date })).toEqual(dry);
});

describe("a release is refused, and changes nothing", () => {
  test.each([
    ["0.2", "0.2 is not a version: it is X.Y.Z, three whole numbers"],
    ["v0.2.0", "v0.2.0 is not a version: it is X.Y.Z, three whole numbers"],
    ["0.02.0", "0.02.0 is not a version: it is X.Y.Z, three whole numbers"],
    ["0.1.0", "0.1.0 is released already: there is the tag v0.1.0"],
    ["0.0.9", "0.0.9 is not later than 0.1.0, which is released"],
  ])("as %s", (version, problem) => {
    const before = state();
    expect(release({ folder, version, date }).problems).toEqual([problem]);
    expect(state()).toBe(before);
  });

  test("with changes that are not committed", () => {
    write("new.txt", "");
    const before = state();
    expect(release({ folder, version: "0.2.0", date }).problems).toEqual([
      "the working tree has changes: commit or stash them",
    ]);
    expect(state()).toBe(before);
  });

  test("for all reasons at once", () => {
    write("CHANGELOG.md", "# Changelog\n");
    write("src/compile/version.ts", "export {};\n");
    expect(release({ folder, version: "0.0.1", date }).problems).toHaveLength(4);
  });

  test("where the commit fails", () => {
    mkdirSync(join(folder, "none"));
    writeFileSync(join(folder, "none/pre-commit"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    git("add", "--all");
    git("commit", "--quiet", "--no-verify", "--message", "A hook");
    const before = state();
    expect(release({ folder, version: "0.2.0", date }).problems?.[0]).toMatch(/^git commit failed: /);
    expect(state()).toBe(before);
  });
});

test.each([
  ["no section", "# Changelog\n\n## 0.1.0\n\n- First.\n"],
  ["an empty section", "# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- First.\n"],
  ["a section of headings", "# Changelog\n\n## Unreleased\n\n### Faster\n"],
  ["a heading of another name", "# Changelog\n\n## Unreleased ideas\n\n- First.\n"],
])("a changelog with %s has nothing to release", (_, text) => {
  expect(releasedChangelog(text, { version: "0.2.0", date })).toBeUndefined();
});

test("the changelog of this repository, and its other files, have the form that the script knows", () => {
  const root = join(import.meta.dirname, "../..");
  const { problems = [] } = release({ folder: root, version: "999.0.0", date, dryRun: true });
  // The tree of somebody who works has changes, and a release has just emptied the section.
  const may = [
    "the working tree has changes: commit or stash them",
    "CHANGELOG.md has no changes under `## Unreleased`",
  ];
  expect(problems.filter((problem) => !may.includes(problem))).toEqual([]);
});
