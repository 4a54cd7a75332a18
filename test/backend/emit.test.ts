// Emitted modules as files: they import nothing, evaluate nothing, and find their weights.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { init, parse } from "es-module-lexer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emitJs } from "#backend/js/emit.js";
import { emitWasm } from "#backend/wasm/emit.js";
import type { Artifact } from "#backend/artifact.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { runtimeTexts } from "#runtime/text.js";
import { headerLength, parseHeader } from "#weights/safetensors.js";
import { writeArtifact } from "../../src/node/index.js";
import { smallProgram } from "./programs.js";
import { at, float, kernel, load, store } from "./kernels.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-emit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => init);

const version = "1.2.3";
const emitted = emitJs(smallProgram(), { version });
const embedded = emitJs(smallProgram({ name: "embedded" }), { version, embedWeights: true });
for (const artifact of [emitted, embedded]) write(artifact);

function write(artifact: Artifact): string {
  const path = join(folder, `${artifact.name}.mjs`);
  writeFileSync(path, artifact.module);
  writeFileSync(join(folder, `${artifact.name}.d.ts`), artifact.types);
  if (artifact.weights) writeFileSync(join(folder, `${artifact.name}.packed.safetensors`), artifact.weights);
  return path;
}

/** Runs a script in a separate Node and returns its standard output. */
function node(script: string, ...flags: string[]): string {
  return execFileSync(process.execPath, [...flags, "--input-type=module", "-e", script], {
    encoding: "utf8",
    cwd: folder,
  });
}

const urlOf = (name: string): string => pathToFileURL(join(folder, name)).href;

test("a module imports nothing and exports load alone", () => {
  for (const { module } of [emitted, embedded]) {
    const [imports, exports] = parse(module);
    // `import.meta` is listed too: it has no specifier.
    expect(imports.filter((one) => one.specifier !== null && one.specifier !== undefined)).toEqual([]);
    expect(exports).toMatchObject([{ type: "direct", name: "load" }]);
  }
});

test("a module and the whole runtime evaluate no text", () => {
  for (const text of [emitted.module, ...Object.values(runtimeTexts)]) {
    expect(text).not.toMatch(/(?<!-)\beval\b|\bFunction\s*\(|\bimport\s*\(/);
  }
});

test.each(["small", "embedded"])("%s runs where code from strings is forbidden", (name) => {
  const script = `
    const { load } = await import(${JSON.stringify(urlOf(`${name}.mjs`))});
    const net = await load();
    console.log(JSON.stringify([...(await net.run({ x: Float32Array.of(1, 2, 3, 4) })).y]));`;
  expect(node(script, "--disallow-code-generation-from-strings").trim()).toBe("[12,24,36,48]");
});

test("a module runs in a worker", async () => {
  const script = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(urlOf("small.mjs"))})
      .then(({ load }) => load())
      .then((net) => parentPort.postMessage(net.runSync({ x: new Float32Array(4) }).y));`;
  const worker = new Worker(script, { eval: true });
  const message = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  expect([...(message as Float32Array)]).toEqual([10, 20, 30, 40]);
});

describe("the packed file", () => {
  test("is safetensors with one tensor, its hash and version", () => {
    const bytes = emitted.weights!;
    const length = headerLength(bytes.subarray(0, 8), bytes.length, "f").value!;
    const header = parseHeader(bytes.subarray(8, 8 + length), bytes.length, "f").value!;
    expect((8 + length) % 64).toBe(0);
    expect([...header.tensors.keys()]).toEqual(["packed"]);
    expect(header.tensors.get("packed")).toMatchObject({ dtype: "F32", shape: [5] });
    expect(Object.fromEntries(header.metadata)).toEqual({
      format: "cleave",
      net: "small",
      version,
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    const data = new Float32Array(bytes.slice(8 + length).buffer);
    expect([...data]).toEqual([10, 20, 30, 40, -1.5]);
  });

  test("of four lanes puts each weight at a multiple of them", () => {
    const weights = [
      { name: "a", elements: 3, pack: () => [Float32Array.of(1, 2, 3)] },
      { name: "b", elements: 1, pack: () => [Float32Array.of(4)] },
    ];
    const { weights: bytes } = emitJs(smallProgram({ lanes: 4, weights }), { version });
    expect([...new Float32Array(bytes!.slice(-32).buffer)]).toEqual([1, 2, 3, 0, 4, 0, 0, 0]);
  });

  test("is packed one entry at a time", () => {
    let open = 0;
    const order: string[] = [];
    const weights = ["a", "b", "c"].map((name) => ({
      name,
      elements: 1,
      pack: () => {
        open += 1;
        order.push(name);
        return [Float32Array.of(open)];
      },
    }));
    emitJs(smallProgram({ weights }), { version });
    expect(order).toEqual(["a", "b", "c"]);
  });
});

test("a net without weights has no packed file and needs none", async () => {
  const program: KernelProgram = {
    ...smallProgram({ name: "bare" }),
    kernels: [
      {
        ...kernel([store(at("y"), undefined, { ...load(at("x"), undefined) })]),
        parameters: [
          { name: "x", space: "arena", access: "read", extent: 1 },
          { name: "y", space: "arena", access: "write", extent: 1 },
        ],
      },
    ],
    launches: [{ kernel: 0, memories: [0, 0], offsets: [0, 4], label: "copy", nodes: ["y"], macs: 0 }],
    weights: [],
  };
  const artifact = emitJs(program, { version });
  expect(artifact.weights).toBeUndefined();
  const { load: loadNet } = await import(pathToFileURL(write(artifact)).href);
  const net = await loadNet();
  expect(net.runSync({ x: Float32Array.of(5, 0, 0, 0) }).y[0]).toBe(5);
});

test("names that are odd stay strings, and cannot end a comment or a literal", async () => {
  const odd = 'a"b`c${d}\n*/ \u2028e';
  const program = smallProgram({
    name: odd,
    inputs: [{ name: odd, arena: 0, shape: [1, 4], offset: 0 }],
    outputs: [{ name: "__proto__", arena: 0, shape: [1, 4], offset: 4 }],
    launches: [{ kernel: 0, memories: [0, 0, 0], offsets: [0, 0, 4], label: odd, nodes: [odd], macs: 4 }],
  });
  const artifact = emitJs(program, { version, embedWeights: true, lineOf: () => odd, summary: odd });
  expect(artifact.name).toMatch(/^[\w.-]+$/);
  const { load: loadNet } = await import(pathToFileURL(write(artifact)).href);
  const net = await loadNet();
  const outputs = net.runSync({ [odd]: new Float32Array(4) });
  expect(Object.keys(outputs)).toEqual(["__proto__"]);
  expect([...Object.values(outputs as Record<string, Float32Array>)[0]!]).toEqual([10, 20, 30, 40]);
});

test("kernels named like parts of the runtime keep out of their way", async () => {
  const program = smallProgram({ name: "names" });
  const kernels = ["load", "createNet", "launches", "Float32Array"].map((name) => ({
    ...program.kernels[0]!,
    name,
  }));
  const launches = kernels.map((_, index) => ({ ...program.launches[0]!, kernel: index }));
  const artifact = emitJs({ ...program, kernels, launches }, { version, embedWeights: true });
  const { load: loadNet } = await import(pathToFileURL(write(artifact)).href);
  const net = await loadNet();
  expect([...net.runSync({ x: new Float32Array(4) }).y]).toEqual([10, 20, 30, 40]);
});

test("the header names the net, the version and what became of it; kernels show the user's lines", () => {
  const { module } = emitJs(smallProgram(), {
    version,
    summary: "2 ops in 1 kernels",
    lineOf: (node) => (node === "y" ? "small.net:3: output y = x + w" : undefined),
  });
  expect(module).toMatch(/^\/\/ The net small, compiled by Cleave 1\.2\.3/);
  expect(module).toContain("// 2 ops in 1 kernels");
  expect(module).toContain("// affine: h → y\n// small.net:3: output y = x + w\nfunction affine(");
});

test.each([
  ["js", emitJs, `// @ts-expect-error this target has no threads\n    await load({ threads: 2 });`],
  [
    "wasm",
    emitWasm,
    `await load({ threads: 2, simd: "relaxed" });
    const threads: number = net.threads;
    // @ts-expect-error there are two binaries
    await load({ simd: "wide" });`,
  ],
] as const)("the declarations of %s fit a program that uses the module", (target, emit, own) => {
  const name = `typed_${target}`;
  const program = smallProgram({ name, batch: "N", lanes: target === "js" ? 1 : 4 });
  expect(writeArtifact(emit(program, { version }), folder).diagnostics).toEqual([]);
  const uses = `
    import { load } from "./${name}.mjs";
    import type { Inputs, Net, Outputs } from "./${name}.mjs";
    const net: Net = await load({ weights: new URL("file:///x") });
    ${own}
    const inputs: Inputs = { x: new Float32Array(8) };
    const { y }: Outputs = await net.run(inputs, { into: { y: new Float32Array(8) } });
    const first: number | undefined = net.runSync(inputs).y[0];
    // @ts-expect-error there is no input z
    net.runSync({ z: new Float32Array(1) });
    // @ts-expect-error inputs are Float32Array
    net.runSync({ x: [1, 2] });
    net.dispose();
    export { first, y };`;
  writeFileSync(join(folder, "uses.mts"), uses);
  const tsc = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
  const types = readFileSync(join(folder, `${name}.d.ts`), "utf8");
  const flags = ["--noEmit", "--strict", "--target", "es2023", "--module", "nodenext", "--lib", "es2023,dom"];
  const checked = spawnSync(process.execPath, [tsc, ...flags, "uses.mts"], { cwd: folder, encoding: "utf8" });
  expect(checked.stdout).toBe("");
  expect(checked.status).toBe(0);
  expect(types).toContain("/** f32[N, 4] */\n  readonly x: Float32Array;");
});

test("constants print as JavaScript has them", async () => {
  const values = [Infinity, -Infinity, Number.NaN, -0, 0.1, 1e-40, 3e38];
  const program: KernelProgram = {
    ...smallProgram({ name: "constants", arenas: [{ kind: "scalars", elements: 32 }] }),
    kernels: [
      {
        ...kernel(values.map((value, k) => store(at("y"), undefined, float(value), k))),
        parameters: [{ name: "y", space: "arena", access: "write", extent: values.length }],
      },
    ],
    launches: [{ kernel: 0, memories: [0], offsets: [8], label: "constants", nodes: ["y"], macs: 0 }],
    outputs: [{ name: "y", arena: 0, shape: [values.length], offset: 8 }],
  };
  const { load: loadNet } = await import(
    pathToFileURL(write(emitJs(program, { version, embedWeights: true }))).href
  );
  const { y } = (await loadNet()).runSync({ x: new Float32Array(4) });
  expect([...y]).toEqual(values.map(Math.fround));
});
