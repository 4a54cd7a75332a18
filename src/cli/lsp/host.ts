// What the language server needs of Node: paths of documents, and the headers of the weight files that they name.

import { readdirSync, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Result } from "#diagnostic/diagnostic.js";
import type { ServerHost } from "#editor/server/server.js";
import type { WeightFile, WeightFiles } from "#ir/weights.js";
import { importFilesBeside, weightFilesBeside } from "#node/read-model.js";

export function nodeHost(): Omit<ServerHost, "checkRules"> {
  const opened = new Map<string, Opened>();
  return {
    fileOf,
    uriOf: (file) => (/^[a-z][a-z0-9+.-]+:/i.test(file) ? file : pathToFileURL(file).href),
    weightsOf: (uri) => (uri.startsWith("file:") ? cached(fileOf(uri), opened) : undefined),
    importsOf: (uri) => (uri.startsWith("file:") ? importFilesBeside(new Map(), []) : undefined),
    filesOf: (uri) => (uri.startsWith("file:") ? { list } : undefined),
    manual: pathToFileURL(join(import.meta.dirname, "../../../../docs/diagnostics.md")).href,
  };
}

/** Most entries of a folder that are listed. */
const mostEntries = 1000;

/** The entries of a folder beside a file, without hidden ones; none if it cannot be read. */
function list(folder: string, from: string): string[] {
  try {
    return readdirSync(isAbsolute(folder) ? folder : join(dirname(from), folder), { withFileTypes: true })
      .filter(({ name }) => !name.startsWith("."))
      .slice(0, mostEntries)
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .toSorted();
  } catch {
    return [];
  }
}

function fileOf(uri: string): string {
  try {
    return uri.startsWith("file:") ? fileURLToPath(uri) : uri;
  } catch {
    return uri; // a host, or an escape that is none
  }
}

/** A weight file with the state in which it was opened. */
interface Opened {
  readonly path: string;
  readonly state: string;
  readonly result: Result<WeightFile>;
}

/** Most weight files that are remembered. */
const most = 64;

/** Opens a file again only if it has changed: a document is elaborated at every pause. */
function cached(model: string, opened: Map<string, Opened>): WeightFiles {
  return {
    open: (name) => {
      const key = JSON.stringify([model, name]);
      const known = opened.get(key);
      if (known && stateOf(known.path) === known.state) return known.result;
      const paths: string[] = [];
      const result = weightFilesBeside(model, undefined, paths).open(name);
      const [path] = paths;
      if (opened.size >= most) opened.clear();
      if (path !== undefined) opened.set(key, { path, state: stateOf(path), result });
      return result;
    },
  };
}

function stateOf(path: string): string {
  try {
    const { mtimeMs, size } = statSync(path);
    return `${mtimeMs} ${size}`;
  } catch {
    return "missing";
  }
}
