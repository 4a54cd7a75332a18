// Holds the direction of imports (ARCHITECTURE.md): every folder may import only what stands before it.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { init, parse } from "es-module-lexer";
import { beforeAll, expect, test } from "vitest";

/** For each folder, the private folders that it may import besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "src/diagnostic": [],
  "src/runtime": [],
  "src/tasks": ["runtime"],
  grammar: ["diagnostic"],
  "src/ir": ["diagnostic"],
  "src/ops": ["diagnostic", "ir"],
  "src/interpret": ["diagnostic", "ir", "ops"],
  "src/weights": ["diagnostic", "ir", "ops"],
  "src/onnx": ["ir"],
  "src/import": ["diagnostic", "ir", "onnx", "ops", "weights"],
  "src/export": ["diagnostic", "ir", "onnx", "ops"],
  "src/elaborate": ["diagnostic", "grammar", "ir", "ops", "template", "weights"],
  "src/build": ["diagnostic", "elaborate", "grammar", "ir", "ops"],
  "src/template": ["diagnostic", "ir", "ops"],
  "src/rewrite": ["diagnostic", "grammar", "ir", "ops", "template"],
  "src/schedule": ["diagnostic", "ir", "ops", "template"],
  "src/kernel": ["diagnostic", "ir", "ops", "schedule", "template"],
  "src/backend": ["diagnostic", "ir", "kernel", "runtime"],
  passes: ["diagnostic", "grammar", "ir", "ops", "rewrite", "schedule", "template", "weights"],
  "src/inspect": ["diagnostic", "grammar", "ir", "ops", "schedule", "template"],
  "src/report": [
    "diagnostic",
    "grammar",
    "ir",
    "ops",
    "rewrite",
    "schedule",
    "kernel",
    "inspect",
    "passes",
    "template",
  ],
};

/** Folders above the compiler proper, which may import everything; nothing below may import them. */
const top = [
  "compile",
  "editor",
  "measure",
  "calibrate",
  "gradient",
  "split",
  "quantize",
  "bisect",
  "film",
  "node",
  "generate",
  "release",
  "cli",
];

const root = join(import.meta.dirname, "../..");

beforeAll(() => init);

test.each(Object.keys(allowed))("%s imports only what stands before it", (folder) => {
  const own = folder.replace("src/", "");
  const may = new Set([...(allowed[folder] ?? []), own]);
  const files = sources(join(root, folder));
  expect(files.length).toBeGreaterThan(0);
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .map((specifier) => folderOf(file, specifier))
      .filter((target) => target !== undefined && !may.has(target))
      .map((target) => `${relative(root, file)} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

/** Rooms of a folder: for each, the others that it may import, beside what the folder itself holds, which all rooms share. */
const rooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "src/kernel": { ir: [], part: ["ir"], check: ["ir"], template: ["ir", "part"] },
  "src/elaborate": { call: [], warnings: [] },
  "src/calibrate": { algebra: [] },
  "src/gradient": { rules: [], distill: [] },
  "src/split": { layer: [], samples: [] },
  "src/cli": {
    output: [],
    session: ["output"],
    options: ["output", "session"],
    inputs: ["options", "output", "session"],
    model: ["inputs", "options", "output", "session"],
    split: ["inputs", "model", "options", "output", "session"],
    quantize: ["inputs", "model", "options", "output", "session", "split"],
    targets: ["inputs", "model", "options", "output", "quantize", "session", "split"],
    page: [],
    lsp: [],
    actions: [
      "inputs",
      "lsp",
      "model",
      "options",
      "output",
      "page",
      "quantize",
      "session",
      "split",
      "targets",
    ],
    commands: ["actions", "options", "session"],
  },
  "src/runtime": { wasm: [], wgsl: [] },
  "src/editor": { names: [], server: ["names"] },
  "src/rewrite/rule": { compile: [] },
  "src/rewrite": { rule: [], check: ["rule"], fusion: ["rule"], pipeline: ["rule"] },
  grammar: {
    tokens: [],
    errors: ["tokens"],
    printing: ["tokens"],
    reading: ["tokens", "errors", "printing"],
  },
};

test.each(
  Object.entries(rooms).flatMap(([folder, all]) => Object.keys(all).map((room) => [folder, room] as const)),
)("%s/%s imports no room above it", (folder, room) => {
  const all = rooms[folder]!;
  expect(
    readdirSync(join(root, folder), { withFileTypes: true }).filter((one) => one.isDirectory()),
  ).toHaveLength(Object.keys(all).length);
  const own = join(root, folder, room);
  const wrong = sources(own).flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => relative(join(root, folder), join(file, "..", specifier)).split("/"))
      .filter(([other = "", inside]) => inside !== undefined && other !== room && !all[room]!.includes(other))
      .map((path) => `${relative(root, file)} imports ${path.join("/")}`),
  );
  expect(wrong).toEqual([]);
});

/** What reads and writes files (ARCHITECTURE.md: the API does not touch files). */
const touchesFiles = /^src\/(node|generate|release|cli|weights\/file\.ts)/;

test("the rest runs in a browser: it imports nothing of Node", () => {
  const files = sources(join(root, "src")).filter((file) => !touchesFiles.test(relative(root, file)));
  expect(files.length).toBeGreaterThan(100);
  const wrong = files.filter((file) => importsOf(file).some((specifier) => specifier.startsWith("node:")));
  expect(wrong).toEqual([]);
});

test("the folders at the top are not in the table", () => {
  for (const folder of top) expect(Object.keys(allowed)).not.toContain(`src/${folder}`);
});

/** The private folder that a specifier names, or undefined for a package or a built-in module. */
function folderOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith("#")) return specifier.slice(1, specifier.indexOf("/"));
  if (!specifier.startsWith(".")) return undefined;
  const parts = relative(root, join(file, "..", specifier)).split("/");
  return (parts[0] === "src" ? parts[1] : parts[0]) ?? "";
}

function importsOf(file: string): string[] {
  const [imports] = parse(readFileSync(file, "utf8"));
  return imports.flatMap((entry) => (typeof entry.specifier === "string" ? [entry.specifier] : []));
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file));
}
