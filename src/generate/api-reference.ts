// Makes docs/api-reference.md: every export of the package with its declaration and doc comment, in the sections of the entry files.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The entries of the package, with the files that list their exports. */
const entries = [
  { name: "cleave", file: "src/index.ts" },
  { name: "cleave/node", file: "src/node/index.ts" },
  { name: "cleave/tasks", file: "src/tasks/index.ts" },
] as const;

const head = `# The exports of the package

<!-- Made from the entry files in src and the doc comments of what they export, by \`npm run generate\`. -->

This page has the declaration and the documentation of every export; \`docs/api.md\` explains how they work together, with examples. The
types ship with the package, so an editor shows the same.

A **stable** export changes only in a way that keeps programs working, or with a new major version (before 1.0, a new minor version, with a line in
CHANGELOG.md that says what to do). An **experimental** export may change with any minor version. What is not on this page is not part of the API,
also if a path into the package reaches it. New options, new fields of results, new codes of diagnostics and new ops are not breaking changes.
`;

/** A section of an entry file: \`// # title (stability)\`. */
interface Section {
  readonly title: string;
  readonly stability: string;
  readonly exports: Export[];
}

interface Export {
  readonly name: string;
  readonly declaration: Declaration;
}

/** A declaration in a source file. */
interface Declaration {
  readonly file: string;
  readonly name: string;
  readonly doc: string;
  /** The text without bodies; several of an overloaded function. */
  readonly texts: readonly string[];
  /** The interfaces that it extends, which are part of what it says. */
  readonly bases: readonly string[];
}

/** The text of the page. Throws if an export is in no section or has no doc comment. */
export async function apiReference(): Promise<string> {
  const read = await createReader();
  const all = entries.map(({ name, file }) => ({ name, sections: sectionsOf(read, file) }));
  const links = linksOf(all.flatMap(({ sections }) => sections));
  const parts = [head, contents(all, links)];
  for (const { name, sections } of all) {
    for (const { title, stability, exports } of sections) {
      parts.push(`## ${title}\n\n\`${name}\`, ${stability}\n`);
      for (const one of exports) parts.push(partOf(one, links, read));
    }
  }
  return `${parts.join("\n").trimEnd()}\n`;
}

/** The links to exports by name. Of equal anchors, as of `Net` and `net`, the second gets a number. */
type Links = ReadonlyMap<string, string>;

function linksOf(sections: readonly Section[]): Links {
  const taken = new Map<string, number>();
  const anchor = (heading: string): string => {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-");
    const count = taken.get(slug) ?? 0;
    taken.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  };
  anchor("The exports of the package");
  return new Map(
    sections.flatMap(({ title, exports }) => {
      anchor(title);
      return exports.map(({ name }) => [name, `[\`${name}\`](#${anchor(name)})`] as const);
    }),
  );
}

function contents(
  all: readonly { readonly name: string; readonly sections: readonly Section[] }[],
  links: Links,
): string {
  const rows = all.flatMap(({ name, sections }) =>
    sections.map(({ title, stability, exports }) => {
      const list = exports.map((one) => links.get(one.name)).join(" ");
      return `| ${title} | \`${name}\` | ${stability} | ${list} |`;
    }),
  );
  return ["| section | import from | stability | exports |", "| --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}

function partOf({ name, declaration }: Export, links: Links, read: Read): string {
  const { doc, texts } = declaration;
  const bases = basesOf(declaration, links, read);
  const code = [...texts, ...bases].map((text) =>
    text.replaceAll(new RegExp(`\\b${declaration.name}\\b`, "g"), name),
  );
  const words = new Set(code.join("\n").match(/\b\w+\b/g));
  const uses = [...words]
    .filter((word) => word !== name && links.has(word) && /^[A-Z]/.test(word))
    .toSorted();
  return [
    `### ${name}\n`,
    `${doc}\n`,
    ["```ts", ...code, "```\n"].join("\n"),
    ...(uses.length > 0 ? [`With ${uses.map((use) => links.get(use)).join(" ")}\n`] : []),
  ].join("\n");
}

/** The texts of the interfaces behind \`extends\` that are not exports themselves. */
function basesOf({ file, bases }: Declaration, links: Links, read: Read): string[] {
  return bases
    .filter((base) => !links.has(base))
    .flatMap((base) => {
      const found = read(file).find(base);
      return found ? [...found.texts, ...basesOf(found, links, read)] : [];
    });
}

function sectionsOf(read: Read, file: string): Section[] {
  const { text, statements } = read(file);
  const heads = [...text.matchAll(/^\/\/ # (.+) \((stable|experimental)\)$/gm)].map((match) => ({
    at: match.index,
    section: { title: match[1] ?? "", stability: match[2] ?? "", exports: [] as Export[] },
  }));
  for (const statement of statements) {
    if (statement.type !== "ExportNamedDeclaration" || !statement.source) continue;
    const section = heads.findLast(({ at }) => at < statement.start)?.section;
    if (!section)
      throw new Error(`${file}: an export stands before the first section, \`// # title (stable)\``);
    for (const { local, exported } of statement.specifiers ?? []) {
      const declaration = read(resolve(file, statement.source.value)).find(local.name);
      if (!declaration) throw new Error(`${file}: ${local.name} is not declared where it is exported from`);
      if (declaration.doc === "")
        throw new Error(`${declaration.file}: ${local.name} is exported without a doc comment`);
      section.exports.push({ name: exported.name, declaration });
    }
  }
  return heads.map(({ section }) => section);
}

/** The parts of a syntax tree that this file reads. */
interface Tree {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly source?: { readonly value: string } | null;
  readonly specifiers?: readonly {
    readonly local: { readonly name: string };
    readonly exported: { readonly name: string };
  }[];
  readonly declaration?: Tree | null;
  readonly declarations?: readonly (Tree & { readonly id: Id; readonly init?: Tree | null })[];
  readonly id?: Id | null;
  readonly body?: Tree | null;
  readonly extends?: readonly { readonly expression: { readonly name?: string } }[];
}

interface Id {
  readonly name: string;
  readonly end: number;
  readonly typeAnnotation?: Tree | null;
}

/** A source file: its statements, and its declarations by name, also those that it exports from others. */
interface Source {
  readonly text: string;
  readonly statements: readonly Tree[];
  find(name: string): Declaration | undefined;
}

type Read = (file: string) => Source;

async function createReader(): Promise<Read> {
  // Only this generator needs the parser, which takes a while to load.
  const { parseAst } = await import("vite");
  const known = new Map<string, Source>();
  const read: Read = (file) => {
    let source = known.get(file);
    if (!source) {
      const text = readFileSync(join(root, file), "utf8");
      const { body } = parseAst(text, { lang: "ts", astType: "ts" }) as unknown as {
        readonly body: readonly Tree[];
      };
      source = { text, statements: body, find: (name) => find(read, file, text, body, name) };
      known.set(file, source);
    }
    return source;
  };
  return read;
}

function find(
  read: Read,
  file: string,
  text: string,
  body: readonly Tree[],
  name: string,
): Declaration | undefined {
  const own = body.filter((statement) => declares(statement.declaration ?? statement, name));
  const [first] = own;
  if (first) {
    const trees = own.map((statement) => statement.declaration ?? statement);
    // The implementation of an overloaded function is not part of its type.
    const shown = trees.length > 1 ? trees.filter(({ type }) => type === "TSDeclareFunction") : trees;
    return {
      file,
      name,
      doc: docBefore(text, first.start),
      texts: shown.map((tree) => declarationText(text, tree, name)),
      bases: shown.flatMap((tree) => (tree.extends ?? []).flatMap(({ expression }) => expression.name ?? [])),
    };
  }
  for (const { type, source, specifiers = [] } of body) {
    if ((type !== "ExportNamedDeclaration" && type !== "ImportDeclaration") || !source) continue;
    // An import has the name under which the file knows it as `local`, an export as `exported`.
    const found = specifiers.find(
      (one) => (type === "ImportDeclaration" ? one.local : one.exported).name === name,
    );
    const path = found && resolve(file, source.value);
    const other = found && ("imported" in found ? (found.imported as { name: string }) : found.local).name;
    if (path !== undefined && existsSync(join(root, path)) && other !== undefined)
      return read(path).find(other);
  }
  return undefined;
}

function declares({ id, declarations }: Tree, name: string): boolean {
  return id?.name === name || (declarations ?? []).some((one) => one.id.name === name);
}

function declarationText(text: string, tree: Tree, name: string): string {
  const variable = tree.declarations?.find((one) => one.id.name === name);
  if (variable) {
    const type = variable.id.typeAnnotation;
    return `const ${name}${type ? text.slice(type.start, type.end) : ` = ${text.slice(variable.init?.start, variable.end)}`};`;
  }
  if (tree.type === "FunctionDeclaration")
    return `${text
      .slice(tree.start, tree.body?.start)
      .replace(/^async /, "")
      .trimEnd()};`;
  return text.slice(tree.start, tree.end);
}

/** The doc comment that ends where a statement begins, without its stars. */
function docBefore(text: string, end: number): string {
  // A comment for the linter may stand between.
  const before = text.slice(0, end).replace(/(?:\s*\/\/[^\n]*)*\s*$/, "");
  const start = before.endsWith("*/") ? before.lastIndexOf("/**") : -1;
  if (start < 0) return "";
  return before
    .slice(start + 3, -2)
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .filter((line) => !line.startsWith("@"))
    .join("\n")
    .trim();
}

/** The file of an import, from the root of the repository. */
function resolve(from: string, specifier: string): string {
  const [, folder = "", rest = ""] = /^#(\w+)\/(.*)\.js$/.exec(specifier) ?? [];
  if (folder !== "")
    return `${folder === "grammar" || folder === "passes" ? folder : `src/${folder}`}/${rest}.ts`;
  return join(dirname(from), specifier.replace(/\.js$/, ".ts"));
}
