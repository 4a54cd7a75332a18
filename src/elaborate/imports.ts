// Imports: reads the files that a file names, and what of them it sees.

import { parse } from "#grammar/reading/parse.js";
import type { Ast, ImportItem, Item, Name } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { meant, meantOr } from "#diagnostic/suggest.js";
import { checkItems } from "./check-items.js";
import type { FileScope } from "./expression-value.js";

/** Opens the files of `import` items. The compiler itself does not access the file system. */
export interface ImportFiles {
  /** The text at a path of the file `from`, with the name of its file in spans: a file that is imported twice has the same name. */
  open(path: string, from: string): Result<{ readonly file: string; readonly text: string }>;
}

/** A file with what its nets and blocks see. Its consts are evaluated after those of the files before it. */
interface LinkedFile {
  readonly ast: Ast;
  readonly scope: FileScope;
  /** The names that it imports, each with the scope of the file that defines it. */
  readonly imported: readonly { readonly name: Name; readonly from: FileScope }[];
}

/** Most files of a model. */
const fileLimit = 100;

/** The state of linking. */
interface Linking {
  readonly files: ImportFiles | undefined;
  /** Errors in items. */
  readonly diagnostics: Diagnostic[];
  /** Errors in `import` items, and syntax errors of imported files. Uses of what is missing for them are no errors. */
  readonly importErrors: Diagnostic[];
  /** By name, in the order in which their consts are evaluated: a file stands after those that it imports. */
  readonly linked: Map<string, LinkedFile>;
  /** The files whose imports are being read, outermost first. */
  readonly open: string[];
}

/** The files of a model, a file behind those that it imports; the model's own is the last. */
export interface LinkedFiles {
  readonly files: readonly LinkedFile[];
  /** Errors in `import` items, and syntax errors of imported files: they hide no errors of what is there. */
  readonly importErrors: readonly Diagnostic[];
}

/** Reads the imports of a file; errors in its items, and in those of imported files, are added to `diagnostics`. */
export function linkFiles(ast: Ast, files: ImportFiles | undefined, diagnostics: Diagnostic[]): LinkedFiles {
  const linking: Linking = { files, diagnostics, importErrors: [], linked: new Map(), open: [] };
  link(linking, ast);
  return { files: [...linking.linked.values()], importErrors: linking.importErrors };
}

function link(linking: Linking, ast: Ast): LinkedFile {
  const { diagnostics } = linking;
  for (const one of checkItems(ast)) diagnostics.push(one);
  const scope: FileScope = {
    blocks: new Map(),
    constants: new Map(),
    incomplete: new Set(ast.incomplete),
  };
  for (const item of ast.items)
    if (item.kind === "block" && !scope.incomplete.has(item.name.text))
      scope.blocks.set(item.name.text, { block: item, file: scope });
  linking.open.push(ast.file);
  const imported = ast.items.flatMap((item) =>
    item.kind === "import" ? importedNames(linking, ast, scope, item) : [],
  );
  linking.open.pop();
  const file: LinkedFile = { ast, scope, imported };
  linking.linked.set(ast.file, file);
  return file;
}

function importedNames(
  linking: Linking,
  ast: Ast,
  scope: FileScope,
  item: ImportItem,
): LinkedFile["imported"] {
  const source = openImport(linking, ast.file, item);
  if (!source) {
    // Their uses are no errors of their own.
    for (const { text } of item.names) scope.incomplete.add(text);
    return [];
  }
  return item.names.flatMap((name) => {
    const { text, span } = name;
    const own = source.ast.items.filter(isImportable).find((one) => one.name.text === text);
    if (!own) {
      if (!source.scope.incomplete.has(text)) linking.importErrors.push(notFound(source.ast, name));
      scope.incomplete.add(text);
      return [];
    }
    const other = ast.items.filter(isImportable).find((one) => one.name.text === text);
    const twice = ast.items
      .flatMap((one) => (one.kind === "import" ? one.names : []))
      .find((one) => one.text === text && one !== name && one.span.start < span.start);
    const first = other?.name ?? twice;
    if (first) {
      const others = [{ span: first.span, message: other ? "defined here" : "first here" }];
      const message = `\`${text}\` is imported, and ${other ? "defined in this file" : "imported before"}`;
      linking.importErrors.push(error("repeated-name", message, { span, others }));
      return [];
    }
    if (own.kind === "block" && source.scope.blocks.has(text))
      scope.blocks.set(text, { block: own, file: source.scope });
    if (source.scope.incomplete.has(text)) scope.incomplete.add(text);
    return [{ name, from: source.scope }];
  });
}

/** Whether other files can import an item. */
function isImportable(item: Item): item is Item & { kind: "block" | "const" } {
  return item.kind === "block" || item.kind === "const";
}

function notFound({ file, items }: Ast, { text, span }: Name): Diagnostic {
  const other = items
    .flatMap((item) => (item.kind === "import" ? [] : [item]))
    .find(({ name }) => name.text === text);
  const through = items.some((item) => item.kind === "import" && item.names.some((one) => one.text === text));
  const known = items.filter(isImportable).map(({ name }) => name.text);
  const list =
    known.length > 0 ? `it has ${known.slice(0, 10).join(", ")}` : "it has no blocks and no consts";
  return error("unknown-import", `${file} has no block or const \`${text}\``, {
    span,
    ...(other
      ? { help: [`it has a ${other.kind} of that name, but only blocks and consts can be imported`] }
      : through
        ? { help: ["it imports that name itself; import it from the file that defines it"] }
        : meantOr(meant(text, known, span, printName), list)),
  });
}

/** The file of an `import`; undefined after an error. */
function openImport(linking: Linking, from: string, { path }: ImportItem): LinkedFile | undefined {
  const { files, importErrors, linked, open } = linking;
  const report = (message: string, help: readonly string[]): undefined => {
    importErrors.push(error("wrong-import", message, { span: path.span, help }));
  };
  const shown = JSON.stringify(path.value);
  if (!files)
    return report(`${shown} cannot be opened here`, ["pass the option `imports`, which opens files"]);
  const opened = files.open(path.value, from);
  for (const one of opened.diagnostics) importErrors.push(one.span ? one : { ...one, span: path.span });
  if (!opened.value) return undefined;
  const { file, text } = opened.value;
  if (open.includes(file)) {
    const round = [...open.slice(open.indexOf(file)), file].map((one) => `\`${one}\``).join(" → ");
    return report(open.at(-1) === file ? `\`${file}\` imports itself` : `files import each other: ${round}`, [
      "put what they share into another file",
    ]);
  }
  const known = linked.get(file);
  if (known) return known;
  if (linked.size + open.length >= fileLimit)
    return report(`the model has more than ${fileLimit} files`, ["put several blocks into one file"]);
  const parsed = parse(text, file);
  for (const one of parsed.diagnostics) importErrors.push(one);
  return link(linking, parsed.partial);
}
