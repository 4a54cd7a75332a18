// `npm run release -- X.Y.Z`: gives the unreleased changes of CHANGELOG.md a version and today's date, sets it everywhere, commits and tags.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface ReleaseOptions {
  /** The root of the repository. */
  readonly folder: string;
  readonly version: string;
  /** Of the release, as in 2026-11-29. */
  readonly date: string;
  /** Says what would change, and changes nothing. */
  readonly dryRun?: boolean;
}

/** What is wrong, or what was done (would be done, in a dry run), line by line. */
export type Released =
  | { readonly problems: readonly string[] }
  | { readonly problems?: never; readonly done: readonly string[] };

/** A file that has the version in it: what it becomes, or undefined if it has another form than is known. */
interface Versioned {
  readonly path: string;
  readonly next: (text: string, release: ReleaseOptions) => string | undefined;
}

/** All files that a release changes. */
const files: readonly Versioned[] = [
  { path: "CHANGELOG.md", next: releasedChangelog },
  { path: "package.json", next: (text, { version }) => replaced(text, /(^ {2}"version": ")[^"]+/m, version) },
  {
    // Once for the package, and once for it as the root of its own tree.
    path: "package-lock.json",
    next: (text, { version }) => {
      const outer = replaced(text, /(^ {2}"version": ")[^"]+/m, version);
      return outer && replaced(outer, /(^ {4}"": \{[^}]*?"version": ")[^"]+/m, version);
    },
  },
  {
    path: "src/compile/version.ts",
    next: (text, { version }) => replaced(text, /(^export const version = ")[^"]+/m, version),
  },
];

/** Releases a version, or says everything that is in the way of it. */
export function release(options: ReleaseOptions): Released {
  const { folder, version, dryRun = false } = options;
  const git = (...words: string[]): string => execFileSync("git", words, { cwd: folder, encoding: "utf8" });
  const texts = files.map(({ path }) => readFileSync(join(folder, path), "utf8"));
  const changed = files.map(({ next }, at) => next(texts[at] ?? "", options));
  const tag = `v${version}`;
  const problems = [
    ...wrongVersion(version, git("tag", "--list", "v*").split("\n")),
    ...(git("status", "--porcelain").trim() === ""
      ? []
      : ["the working tree has changes: commit or stash them"]),
    ...files.flatMap(({ path }, at) =>
      changed[at] === undefined
        ? [
            path === "CHANGELOG.md"
              ? "CHANGELOG.md has no changes under `## Unreleased`"
              : `${path} has no version where it should be`,
          ]
        : [],
    ),
  ];
  if (problems.length > 0) return { problems };
  const done = [...files.map(({ path }) => `${path}: version ${version}`), `a commit and the tag ${tag}`];
  if (dryRun) return { done };
  try {
    for (const [at, { path }] of files.entries()) writeFileSync(join(folder, path), changed[at] ?? "");
    git("commit", "--quiet", "--all", "--message", `Version ${version}`);
  } catch (cause) {
    for (const [at, { path }] of files.entries()) writeFileSync(join(folder, path), texts[at] ?? "");
    // Git, or a hook of it, has said why.
    return { problems: [`git commit failed: ${cause instanceof Error ? cause.message.split("\n")[0] : ""}`] };
  }
  git("tag", "--annotate", tag, "--message", `Version ${version}`);
  return { done };
}

/** The changes get a heading of their own, and an empty section for those to come is left. */
export function releasedChangelog(
  text: string,
  { version, date }: Pick<ReleaseOptions, "version" | "date">,
): string | undefined {
  const heading = "## Unreleased\n";
  const at = text.startsWith(heading) ? 0 : text.indexOf(`\n${heading}`) + 1;
  if (!text.startsWith(heading, at)) return undefined;
  const from = at + heading.length;
  const next = text.indexOf("\n## ", from);
  const changes = text.slice(from, next < 0 ? undefined : next);
  if (!/^[-*] \S/m.test(changes)) return undefined;
  return `${text.slice(0, from)}\n## ${version} (${date})\n${text.slice(from)}`;
}

function wrongVersion(version: string, tags: readonly string[]): string[] {
  const wanted = numbersOf(version);
  if (!wanted) return [`${version || "no version"} is not a version: it is X.Y.Z, three whole numbers`];
  const released = tags.map((tag) => tag.replace(/^v/, "")).filter((one) => numbersOf(one));
  if (released.includes(version)) return [`${version} is released already: there is the tag v${version}`];
  const later = released.find((one) => isLater(numbersOf(one) ?? [], wanted));
  return later === undefined ? [] : [`${version} is not later than ${later}, which is released`];
}

/** The numbers of X.Y.Z, without leading zeros (https://semver.org, 2). */
function numbersOf(version: string): number[] | undefined {
  return /^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(version) ? version.split(".").map(Number) : undefined;
}

function isLater(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((number, index) => number !== b[index]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}

/** The text with what follows the pattern's first group replaced. */
function replaced(text: string, pattern: RegExp, version: string): string | undefined {
  return pattern.test(text) ? text.replace(pattern, (_, before: string) => `${before}${version}`) : undefined;
}

if (process.argv[1] === import.meta.filename) {
  const words = process.argv.slice(2);
  const dryRun = words.includes("--dry-run");
  const [version = "", ...more] = words.filter((word) => word !== "--dry-run");
  const date = new Date().toISOString().slice(0, 10);
  const folder = join(import.meta.dirname, "../..");
  if (version === "" || version.startsWith("-") || more.length > 0) {
    process.stderr.write("usage: npm run release -- X.Y.Z [--dry-run]\n");
    process.exitCode = 2;
  } else {
    const { problems, done = [] } = { done: undefined, ...release({ folder, version, date, dryRun }) };
    if (problems) {
      process.stderr.write(problems.map((problem) => `error: ${problem}\n`).join(""));
      process.exitCode = 1;
    } else {
      process.stdout.write(`${dryRun ? "would change" : "changed"}\n  ${done.join("\n  ")}\n`);
      if (!dryRun) process.stdout.write("now: git push --follow-tags && npm publish\n");
    }
  }
}
