// The items that a file imports, as they stand in their own files.

import type { BlockItem, ConstItem, ImportItem } from "#grammar/ast.js";
import { parse } from "#grammar/reading/parse.js";
import type { Ast } from "#grammar/ast.js";
import type { ImportFiles } from "#elaborate/imports.js";

/** An item in the text of another file. */
export interface Imported {
  readonly item: BlockItem | ConstItem;
  readonly file: string;
  readonly text: string;
}

/** The imported items by name, those that a file imports from another one too. Files and names that are not there are left out. */
export function importedItems(
  { file, items }: Ast,
  files: ImportFiles | undefined,
): ReadonlyMap<string, Imported> {
  const found = new Map<string, Imported>();
  const read = new Map<string, Opened | undefined>();
  for (const item of items) {
    if (item.kind !== "import") continue;
    for (const { text: name } of item.names) {
      const source = open(files, item, file, read);
      const imported = source && itemIn(source, name, files, read, depthLimit);
      if (imported) found.set(name, imported);
    }
  }
  return found;
}

/** What a file has for others, and its text. */
export interface Importable {
  readonly items: readonly (BlockItem | ConstItem)[];
  readonly text: string;
}

/** The blocks and consts of a file; undefined if it cannot be opened. */
export function importable(
  path: string,
  from: string,
  files: ImportFiles | undefined,
): Importable | undefined {
  const { value } = files?.open(path, from) ?? {};
  if (!value) return undefined;
  const { items } = parse(value.text, value.file).partial;
  return { items: items.filter((item) => item.kind === "block" || item.kind === "const"), text: value.text };
}

interface Opened {
  readonly ast: Ast;
  readonly text: string;
}

/** Most files on the way from a name to its item. */
const depthLimit = 16;

function open(
  files: ImportFiles | undefined,
  { path }: ImportItem,
  from: string,
  read: Map<string, Opened | undefined>,
): Opened | undefined {
  const key = JSON.stringify([from, path.value]);
  if (read.has(key)) return read.get(key);
  const { value } = files?.open(path.value, from) ?? {};
  const opened = value && { ast: parse(value.text, value.file).partial, text: value.text };
  read.set(key, opened);
  return opened;
}

function itemIn(
  { ast, text }: Opened,
  name: string,
  files: ImportFiles | undefined,
  read: Map<string, Opened | undefined>,
  depth: number,
): Imported | undefined {
  for (const item of ast.items) {
    if ((item.kind === "block" || item.kind === "const") && item.name.text === name)
      return { item, file: ast.file, text };
    if (item.kind !== "import" || depth === 0 || !item.names.some((one) => one.text === name)) continue;
    const source = open(files, item, ast.file, read);
    return source && itemIn(source, name, files, read, depth - 1);
  }
  return undefined;
}
