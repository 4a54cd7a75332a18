// Modules as CommonJS and as classic scripts: they find their weights beside them, for one target and for several.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Script } from "node:vm";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { inFormat } from "#backend/format.js";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import type { Net } from "#runtime/types.js";
import { writeAuto, writeModule } from "../../src/node/index.js";
import { moduleOf } from "../schedule/module-of.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-format-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllGlobals());

const net = moduleOf("net small {\n  input x: f32[1, 6]\n  output y = dense(x, units=3) |> tanh\n}\n");
const x = Float32Array.of(1, -2, 3, 0.5, 0, -1);
const expected = interpret(net, new Map([["x", { shape: [1, 6], data: Float64Array.from(x) }]])).get(
  "y",
)!.data;

interface Loads {
  readonly load: (options?: object) => Promise<Net>;
}

async function expectNet({ load: loads }: Loads): Promise<void> {
  const loaded = await loads();
  const { y } = await loaded.run({ x });
  expect(y).toHaveLength(3);
  for (const [at, value] of expected.entries()) expect(y![at]).toBeCloseTo(value, 6);
  loaded.dispose();
}

/** Runs a script as a page does that reads it from its file. */
function runScript(path: string): Loads {
  vi.stubGlobal("cleave", undefined);
  vi.stubGlobal("document", { currentScript: { src: pathToFileURL(path).href } });
  vi.stubGlobal("location", { href: "file:///elsewhere/" });
  new Script(readFileSync(path, "utf8")).runInThisContext();
  return (globalThis as unknown as { cleave: Record<string, Loads> }).cleave["small"]!;
}

test.each(["js", "wasm"] as const)("%s as CommonJS and as a script", async (target) => {
  const { module } = optimize(net, { target }).value!;
  const [cjs, iife] = [join(folder, `${target}-cjs`), join(folder, `${target}-iife`)];
  writeModule(module, cjs, { target, format: "cjs" });
  expect(readdirSync(cjs).toSorted()).toEqual(["small.cjs", "small.d.cts", "small.packed.safetensors"]);
  await expectNet(createRequire(join(cjs, "x.js"))("./small.cjs") as Loads);
  writeModule(module, iife, { target, format: "iife" });
  expect(readdirSync(iife).toSorted()).toEqual(["small.d.ts", "small.js", "small.packed.safetensors"]);
  await expectNet(runScript(join(iife, "small.js")));
});

test("several targets as CommonJS and as a script", async () => {
  const modules = (["wasm", "js"] as const).map((target) => ({
    target,
    module: optimize(net, { target }).value!.module,
  }));
  const home = join(folder, "auto");
  expect(writeAuto(modules, home, { format: "cjs" }).diagnostics).toEqual([]);
  await expectNet(createRequire(join(home, "x.js"))("./small.cjs") as Loads);
  expect(writeAuto(modules, home, { format: "iife" }).diagnostics).toEqual([]);
  await expectNet(runScript(join(home, "small.js")));
});

test("declarations of scripts are those of a global, where several nets meet", () => {
  const home = join(folder, "types");
  const other = moduleOf("net other {\n  input x: f32[1, 6]\n  output y = tanh(x)\n}\n");
  for (const module of [net, other]) writeModule(module, home, { format: "iife" });
  const auto = (["wasm", "js"] as const).map((target) => ({
    target,
    module: { ...net, graph: { ...net.graph, name: "both" } },
  }));
  writeAuto(auto, home, { format: "iife" });
  const uses = `/// <reference path="./small.d.ts" />
/// <reference path="./other.d.ts" />
/// <reference path="./both.d.ts" />
import type { Net } from "./small.js";
export const first: Promise<Net> = cleave.small.load({ threads: 1 });
export const name: Promise<string> = cleave.both.load({ target: "js" }).then((net) => net.target.name);
export const y: Promise<Float32Array> = cleave.other.load().then((net) => net.runSync({ x: new Float32Array(6) }).y);
// @ts-expect-error: it is no module
import { load } from "./small.js";
// @ts-expect-error: there is no such net
void cleave.large.load();
export { load };
`;
  writeFileSync(join(home, "uses.ts"), uses);
  const tsc = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
  const flags =
    "--noEmit --strict --target es2023 --module esnext --moduleResolution bundler --lib es2023,dom";
  const checked = spawnSync(process.execPath, [tsc, ...flags.split(" "), "uses.ts"], {
    cwd: home,
    encoding: "utf8",
  });
  expect(checked.stdout + checked.stderr).toBe("");
});

test("texts of a model are not changed, also where they look like code", () => {
  const text = JSON.stringify('new URL("./x", import.meta.url)\nexport function load(');
  const module = `const label = ${text};\nexport function load() {\n  return new URL("./a", import.meta.url);\n}\n`;
  const changed = inFormat(module, "n", "cjs");
  expect(changed).toContain(`const label = ${text};`);
  expect(changed).toContain('return new URL("./a", here);');
  expect(changed).not.toMatch(/^export /m);
  // A name is a key, whatever it is.
  expect(inFormat(module, "a-b", "iife")).toContain('(globalThis.cleave ??= {})["a-b"] = ');
});

test("`load` takes ES modules only", async () => {
  const artifact = emit(optimize(net).value!.module, { format: "iife" });
  await expect(load(artifact)).rejects.toThrow("load takes an artifact with an ES module");
});
