// A compiled net in a folder, and programs that use it as a web developer writes them.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect } from "vitest";
import { compile } from "#compile/compile.js";
import type { CompileOptions } from "#compile/compile.js";
import { interpret } from "#interpret/interpret.js";
import { writeArtifact } from "../../src/node/index.js";
import { moduleOf } from "../schedule/module-of.js";

const home = import.meta.dirname;

/** Whether the packages of this folder are installed; without them, tests say so and are skipped, but not in CI. */
export const isInstalled = existsSync(join(home, "packages/node_modules/webpack"));

if (!isInstalled) {
  const message = "The bundlers are not installed: `npm ci --prefix test/bundlers/packages` installs them.";
  if (process.env["CI"]) throw new Error(message);
  console.warn(`\n*** SKIPPED *** ${message}\n`);
}

/** Imports of the packages of this folder. */
export const require = createRequire(join(home, "packages/package.json"));

const net = moduleOf(
  "net small {\n  input x: f32[1, 16, 16, 4]\n  h = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu\n  output y = dense(global_avg_pool(h), units=3)\n}\n",
);

const values = Float32Array.from({ length: 1024 }, (_, at) => (at % 7) / 7);

/** What the interpreter gives for the inputs of `program`. */
const expected = [
  ...interpret(net, new Map([["x", { shape: [1, 16, 16, 4], data: Float64Array.from(values) }]])).get("y")!
    .data,
];

/** Expects the numbers that a page printed to be those of the interpreter. */
export function expectResult(y: readonly number[]): void {
  expect(y).toHaveLength(3);
  for (const [at, value] of expected.entries()) expect(y[at]).toBeCloseTo(value, 5);
}

/** Writes the net's module and weights into a folder. */
export function writeNet(folder: string, options: CompileOptions = {}): void {
  const { value } = compile(net, options);
  expect(writeArtifact(value!, folder).diagnostics).toEqual([]);
}

/** A function `inPage(options)` that loads the net from `from`, runs it, and returns the result and what was told on the way. */
export const program = (from: string): string => `
import { load } from ${JSON.stringify(from)};
globalThis.inPage = async (options = {}) => {
  let loaded = 0;
  const net = await load({ ...options, onProgress: (progress) => { loaded = progress.loaded; } });
  const x = Float32Array.from({ length: 1024 }, (_, at) => (at % 7) / 7);
  const { y } = await net.run({ x });
  const { threads } = net;
  net.dispose();
  return { y: [...y], loaded, threads };
};
`;

/** What \`inPage\` returns. */
export interface Ran {
  readonly y: readonly number[];
  readonly loaded: number;
  readonly threads: number;
}

export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** A reader for `serve`: the files of a folder, and its index.html for the folder itself. */
export function filesOf(folder: string): (path: string) => Uint8Array | undefined {
  return (path) => {
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    return existsSync(file) && statSync(file).isFile() ? readFileSync(file) : undefined;
  };
}

export const page = (script: string): string =>
  `<!doctype html><link rel="icon" href="data:,"><title>net</title>${script}`;
