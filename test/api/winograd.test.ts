// Nets with transformed weights, loaded in every way: the results are the same, and the options have their effect.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { compile, load } from "../../src/index.js";
import type { Artifact, CompileOptions } from "../../src/index.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { writeArtifact } from "../../src/node/index.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-winograd-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (name: string) => `net ${name} {
  input x: f32[1, 24, 24, 16]
  y = conv2d(x, filters=32, kernel=3x3, padding=same) |> relu
  y = conv2d(y, filters=32, kernel=3x3, padding=same) |> relu
  output z = y |> global_avg_pool |> dense(units=10)
}
`;
const x = Float32Array.from({ length: 24 * 24 * 16 }, (_, at) => Math.sin(at));

function make(name: string, options: CompileOptions = {}): Artifact {
  return compile(text(name), options).value!;
}

async function resultOf(net: Net): Promise<number[]> {
  const { z } = await net.run({ x });
  net.dispose();
  return [...z!];
}

test("transformed weights come from bytes, a file or the module, on any number of threads", async () => {
  const artifact = make("from_bytes");
  expect(artifact.module).toMatch(/const staged = \[\[4608, 1\], \[9216, 1\]\]/);
  const expected = await resultOf(await load(artifact));
  const ways: [string, Artifact, LoadOptions][] = [
    ["two threads", make("on_threads"), { threads: 2, leastWork: 1 }],
    ["memory full of NaN", make("poisoned"), { poison: true }],
    ["embedded", make("embedded", { embedWeights: true }), {}],
    ["embedded, two threads", make("embedded_threads", { embedWeights: true }), { threads: 2, leastWork: 1 }],
  ];
  for (const [way, own, options] of ways)
    expect(await resultOf(await load(own, options)), way).toEqual(expected);

  expect(writeArtifact(make("from_file"), folder, []).diagnostics).toEqual([]);
  const module = (await import(pathToFileURL(join(folder, "from_file.mjs")).href)) as {
    load: (options?: LoadOptions) => Promise<Net>;
  };
  expect(await resultOf(await module.load())).toEqual(expected);
  expect(await resultOf(await module.load({ threads: 2, leastWork: 1 }))).toEqual(expected);
});

test("JavaScript: the same from bytes, a file and the module", async () => {
  const options = { target: "js", winogradMemory: 4 } as const;
  const artifact = make("js_bytes", options);
  expect(artifact.module).toMatch(/const staged = \[\[\d+, 1\]/);
  const expected = await resultOf(await load(artifact));
  expect(await resultOf(await load(make("js_poisoned", options), { poison: true }))).toEqual(expected);
  expect(await resultOf(await load(make("js_embedded", { ...options, embedWeights: true })))).toEqual(
    expected,
  );
  expect(writeArtifact(make("js_file", options), folder).diagnostics).toEqual([]);
  const module = (await import(pathToFileURL(join(folder, "js_file.mjs")).href)) as {
    load: (options?: LoadOptions) => Promise<Net>;
  };
  expect(await resultOf(await module.load())).toEqual(expected);
  const plain = await resultOf(await load(make("js_direct", { target: "js", winograd: false })));
  for (const [at, value] of plain.entries()) expect(expected[at]).toBeCloseTo(value, 4);
});

test("wrong weights are an error even after others were transformed", async () => {
  const artifact = make("wrong_weights");
  const weights = artifact.weights!.slice();
  weights[weights.length - 3] = (weights.at(-3) ?? 0) ^ 1;
  await expect(load(artifact, { weights, threads: 2, leastWork: 1 })).rejects.toThrow(/have hash/);
});

test("without Winograd's algorithm no setup runs, and results agree within rounding", async () => {
  const direct = make("direct", { winograd: false });
  expect(direct.module).toMatch(/prepared: 0,/);
  expect(make("no_room", { winogradMemory: 1 }).module).toMatch(/prepared: 0,/);
  const [a, b] = [await resultOf(await load(direct)), await resultOf(await load(make("tiled")))];
  for (const [at, value] of a.entries()) expect(b[at]).toBeCloseTo(value, 4);
});

test("a limit of memory below the weights is a TypeError", () => {
  expect(() => make("small", { winogradMemory: 0.9 })).toThrow(/1 or more, not 0.9/);
});
