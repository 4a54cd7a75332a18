// Modules for several targets: all targets compute the same, the module takes the first that can run, and says why.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { compile } from "#compile/compile.js";
import type { ForTarget } from "#compile/emit-auto.js";
import { beforeTarget, emitAuto } from "#compile/emit-auto.js";
import { load as loadArtifact } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import type { TargetName } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { writeAutoSteps } from "#node/write-module.js";
import { drawInput } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import type { ChosenTarget } from "#runtime/auto.js";
import type { Net } from "#runtime/types.js";
import { randomModule } from "../random-graph.js";
import { scaled } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-auto-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllGlobals());

type AutoNet = Net & { readonly target: ChosenTarget };
interface AutoModule {
  readonly load: (options?: object) => Promise<AutoNet>;
}

const all = ["wgsl", "wasm", "js"] as const;

function modulesOf(module: Module, targets: readonly TargetName[] = all): ForTarget[] {
  return targets.map((target) => ({ target, module: optimize(module, { target }).value!.module }));
}

let count = 0;

/** Writes a module for several targets, and imports it from its file. */
async function written(
  modules: readonly ForTarget[],
  options: Parameters<typeof writeAutoSteps>[2] = { order: "given" },
): Promise<AutoModule> {
  const own = join(folder, String(count++));
  const { value, diagnostics } = runToEnd(writeAutoSteps(modules, own, options));
  expect(diagnostics).toEqual([]);
  const path = value!.files.find(({ path: file }) => file.endsWith(".mjs"))!.path;
  return (await import(pathToFileURL(path).href)) as AutoModule;
}

const small = (): Module =>
  moduleOf(
    "net small {\n  input x: f32[1, 6, 6, 4]\n  h = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu\n  output y = dense(global_avg_pool(h), units=3)\n}\n",
  );

test.each(Array.from({ length: scaled(12) }, (_, seed) => seed))(
  "each target of a module computes its net: seed %i",
  async (seed) => {
    const random = seededRandom(seed);
    const module = randomModule(random);
    const { load } = await written(modulesOf(module, ["wasm", "js"]));
    const inputs = inputNodes(module.graph).map((node) => [node.name, drawInput(random, node.type)] as const);
    const expected = interpret(
      module,
      new Map(
        inputs.map(([name, data], at) => [
          name,
          { shape: inputNodes(module.graph)[at]!.type.shape, data: Float64Array.from(data) },
        ]),
      ),
    );
    for (const target of ["wasm", "js"] as const) {
      const net = await load({ target, poison: true });
      expect(net.target).toEqual({ name: target, reason: `${target} is asked for` });
      const outputs = await net.run(Object.fromEntries(inputs));
      expect(Object.keys(outputs)).toEqual([...expected.keys()]);
      for (const [name, { data }] of expected)
        expect(firstDifference(outputs[name]!, data, longestReduction(module))).toBe(-1);
      net.dispose();
    }
  },
);

test("a module takes the first of its targets, or the next one where that cannot run", async () => {
  const { load } = await written(modulesOf(small()));
  vi.stubGlobal("navigator", {});
  expect((await load()).target).toEqual({
    name: "wasm",
    reason: "wgsl: there is no WebGPU; wasm is the next one",
  });
  const none = { requestAdapter: () => Promise.resolve(null) };
  expect((await load({ gpu: none })).target.reason).toBe(
    "wgsl: WebGPU finds no adapter; wasm is the next one",
  );
  const software = { requestAdapter: () => Promise.resolve({ info: { isFallbackAdapter: true } }) };
  expect((await load({ gpu: software })).target.reason).toBe(
    "wgsl: the adapter is software; wasm is the next one",
  );
  // An adapter that is too weak is seen only by the part.
  const weak = {
    requestAdapter: () => Promise.resolve({ info: {}, features: new Set(), limits: { maxBufferSize: 1 } }),
  };
  const { target } = await load({ gpu: weak });
  expect(target).toEqual({
    name: "wasm",
    reason: expect.stringMatching(
      /^wgsl: small needs maxBufferSize of \d+, and the adapter has 1; .*; wasm is the next one$/,
    ),
  });
  vi.stubGlobal("WebAssembly", { compile: () => Promise.reject(new Error("the policy forbids it")) });
  expect((await load()).target).toEqual({
    name: "js",
    reason:
      "wgsl: there is no WebGPU; wasm: WebAssembly with SIMD is refused (the policy forbids it); js is the next one",
  });
  vi.stubGlobal("WebAssembly", undefined);
  const { load: two } = await written(modulesOf(small(), ["wgsl", "wasm"]));
  await expect(two()).rejects.toThrow(
    new Error("small can't run here: wgsl: there is no WebGPU; wasm: there is no WebAssembly"),
  );
});

test("weights are asked for the chosen target only", async () => {
  const { load } = await written(modulesOf(small()));
  const asked: string[] = [];
  const home = join(folder, String(count - 1));
  vi.stubGlobal("navigator", {});
  await load({
    weights: (target: string) => {
      asked.push(target);
      return readFileSync(join(home, `small.${target}.packed.safetensors`));
    },
  });
  expect(asked).toEqual(["wasm"]);
  const broken = new Error("no network");
  await expect(load({ weights: () => Promise.reject(broken) })).rejects.toThrow("no network");
  await expect(load({ weights: "small.packed.safetensors" })).rejects.toThrow(
    new TypeError(
      "small: each target has weights of its own, so weights must be a function: (target) => address",
    ),
  );
  await expect(load({ target: "wat" })).rejects.toThrow(
    new TypeError("small: target must be wgsl or wasm or js, not wat"),
  );
  await expect(load({ target: "wgsl" })).rejects.toMatchObject({ name: "GpuError", code: "no-webgpu" });
});

test.each(["time", "given"] as const)("the reason tells the order of the targets: %s", async (order) => {
  for (const list of [["wasm", "js"], ["js", "wasm"], ["js"], ["wasm"]] as const) {
    const { load } = await written(modulesOf(small(), list), { order });
    const { target } = await load();
    const first = order === "time" && list.length > 1 ? "wasm" : list[0];
    const reason = order === "time" ? "the fastest by its modelled time" : "the first in the module's list";
    expect(target).toEqual({ name: first, reason: `${first} is ${reason}` });
  }
});

test("a signal ends loading wherever it waits", async () => {
  const { load } = await written(modulesOf(small()));
  const never = new Promise<never>(() => {});
  const waits: readonly object[] = [
    { gpu: { requestAdapter: () => never } },
    { target: "wgsl", gpu: { requestAdapter: () => never } },
    { gpu: {}, target: "js", weights: () => never },
    { gpu: { requestAdapter: () => Promise.resolve(null) }, weights: () => never },
  ];
  for (const options of waits) {
    const abort = new AbortController();
    const loading = load({ ...options, signal: abort.signal });
    const reason = new Error("enough");
    setTimeout(() => abort.abort(reason), 1);
    await expect(loading).rejects.toBe(reason);
    await expect(load({ ...options, signal: abort.signal })).rejects.toBe(reason);
  }
});

test("after a signal, no weights are asked for", async () => {
  const { load } = await written(modulesOf(small()));
  const abort = new AbortController();
  const asked: string[] = [];
  let answer: (none: null) => void = () => {};
  const adapter = new Promise<null>((resolve) => (answer = resolve));
  const weights = (target: string): undefined => void asked.push(target);
  const loading = load({ weights, signal: abort.signal, gpu: { requestAdapter: () => adapter } });
  abort.abort();
  await expect(loading).rejects.toMatchObject({ name: "AbortError" });
  answer(null);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked).toEqual([]);
});

test("a WebGPU that fails in any way is passed over", async () => {
  const { load } = await written(modulesOf(small()));
  const fails: readonly (() => unknown)[] = [
    () => {
      throw new Error("no driver");
    },
    () => Promise.reject(new Error("no driver")),
    () => null,
    () => Promise.resolve(null),
  ];
  for (const requestAdapter of fails) {
    expect((await load({ gpu: { requestAdapter } })).target.reason).toBe(
      "wgsl: WebGPU finds no adapter; wasm is the next one",
    );
    await expect(load({ target: "wgsl", gpu: { requestAdapter } })).rejects.toMatchObject({
      name: "GpuError",
      code: "no-adapter",
    });
  }
  await expect(load({ gpu: {} })).rejects.toThrow("small: gpu must be a GPU");
});

test("a module for software adapters takes one", async () => {
  const modules = modulesOf(small(), ["wgsl", "wasm"]);
  const reasons = ["gpu", "software"].map(async (adapter) => {
    const { load } = await written(modules, { order: "given", adapter: adapter as "gpu" | "software" });
    // It has no limits worth the name, so the part refuses it after the choice.
    const gpu = {
      requestAdapter: () =>
        Promise.resolve({
          info: { isFallbackAdapter: true },
          features: new Set(),
          limits: { maxBufferSize: 1 },
        }),
    };
    return (await load({ gpu })).target.reason;
  });
  const [passedOver, tried] = await Promise.all(reasons);
  expect(passedOver).toBe("wgsl: the adapter is software; wasm is the next one");
  expect(tried).toMatch(/^wgsl: small needs maxBufferSize of \d+, and the adapter has 1;/);
});

test("load refuses options that do not exist, and names the one that was meant", async () => {
  const { load } = await written(modulesOf(small(), ["wasm", "js"]));
  const wrong: readonly (readonly [object, string])[] = [
    [{ targt: "js" }, 'small: load takes no option "targt"; did you mean "target"?'],
    [{ weight: () => "x" }, 'small: load takes no option "weight"; did you mean "weights"?'],
    [{ signals: undefined }, 'small: load takes no option "signals"; did you mean "signal"?'],
    [{ signal: 1 }, "small: `signal` must be an AbortSignal, not Number"],
  ];
  for (const [options, message] of wrong) await expect(load(options)).rejects.toThrow(new TypeError(message));
});

test("by default the order is that of the modelled times", async () => {
  const tiny = emitAuto(modulesOf(small())).value!;
  expect(tiny.targets.map(({ target }) => target)).toEqual(["wasm", "js", "wgsl"]);
  const large = moduleOf(
    "net large {\n  input x: f32[1, 56, 56, 128]\n  h = conv2d(x, filters=256, kernel=3x3, padding=same) |> relu\n  output y = conv2d(h, filters=256, kernel=3x3, padding=same)\n}\n",
  );
  const { targets } = emitAuto(modulesOf(large)).value!;
  expect(targets.map(({ target }) => target)).toEqual(["wgsl", "wasm", "js"]);
  expect(targets.map(({ seconds }) => seconds)).toEqual(
    targets.map(({ seconds }) => seconds).toSorted((a, b) => a - b),
  );
});

test("a target that no device can run is left out with a warning", () => {
  const { value, diagnostics } = emitAuto(modulesOf(small()), { limits: { maxBufferSize: 16 } });
  expect(value!.targets.map(({ target }) => target)).toEqual(["wasm", "js"]);
  expect(diagnostics.map(({ severity }) => severity)).toEqual(["warning"]);
  expect(() => emitAuto([])).toThrow("emitAuto takes a list of `{ target, module }`, of some targets");
  expect(() => emitAuto([{ target: "wat" as TargetName, module: small() }])).toThrow(
    "there is no target wat",
  );
  expect(() => emitAuto([...modulesOf(small(), ["js"]), ...modulesOf(small(), ["js"])])).toThrow(TypeError);
});

test("a target goes on where the first one's own passes began", () => {
  const module = small();
  const first = optimize(module, { target: "wasm", split: { mode: "structural" } }).value!;
  const { module: common, passes } = beforeTarget(first.trace);
  const again = optimize(common!, { target: "wasm", passes }).value!;
  expect(compile(again.module, { passes: [] }).value!.module).toBe(
    compile(first.module, { passes: [] }).value!.module,
  );
  const js = optimize(common!, { target: "js", passes }).value!.module;
  const parameters = (one: Module) =>
    [...one.graph.nodes.values()].filter(({ op }) => op === "constant").length;
  expect(parameters(js)).toBe(parameters(first.module));
});

test("load takes an artifact for several targets, with the weights of the target that runs", async () => {
  for (const target of ["wasm", "js"] as const) {
    const artifact = emitAuto(modulesOf(small(), ["wasm", "js"])).value!;
    const net = await loadArtifact(artifact, { target });
    expect(net.target.name).toBe(target);
    expect((await net.run({ x: new Float32Array(144) }))["y"]).toHaveLength(3);
    net.dispose();
  }
  const artifact = emitAuto(modulesOf(small(), ["js"])).value!;
  await expect(loadArtifact(artifact, { target: "wat" as "js" })).rejects.toThrow(/load takes target as/);
});

test("the declarations name the files and members of the module's targets, and no others", () => {
  for (const list of [["wgsl", "wasm", "js"], ["wasm", "js"], ["js"], ["wgsl", "js"]] as const) {
    const { types } = emitAuto(modulesOf(small(), list), { order: "given" }).value!;
    for (const target of all) {
      expect(types.includes(`"${target}"`), target).toBe(list.some((one) => one === target));
      expect(types.includes(`small.${target}.packed.safetensors`)).toBe(list.some((one) => one === target));
    }
    expect(types).not.toMatch(/small\.packed|embedded/);
    const [hasGpu, hasWasm] = [list.some((one) => one === "wgsl"), list.some((one) => one === "wasm")];
    expect(/readonly (gpu|device)\?|warmup\?\(/.test(types)).toBe(hasGpu);
    expect(/readonly (threads|simd|worker)\?/.test(types)).toBe(hasWasm);
  }
});

test("the declarations fit a program that uses the module", async () => {
  await written(modulesOf(small()));
  const home = join(folder, String(count - 1));
  writeFileSync(
    join(home, "uses.mts"),
    `import { load } from "./small.mjs";
    import type { Net } from "./small.mjs";
    const net: Net = await load({ threads: 2, weights: (target) => new URL("https://x/" + target) });
    const { y } = await net.run({ x: new Float32Array(144) });
    const name: "wgsl" | "wasm" | "js" = net.target.name;
    const reason: string = net.target.reason;
    // @ts-expect-error a GPU has no threads
    const threads: number = net.threads;
    // @ts-expect-error each target has weights of its own
    await load({ weights: "x" });
    // @ts-expect-error there is no such target
    await load({ target: "wat" });
    export { y, name, reason, threads };`,
  );
  const tsc = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
  const flags = ["--noEmit", "--strict", "--target", "es2023", "--module", "nodenext", "--lib", "es2023,dom"];
  const checked = spawnSync(process.execPath, [tsc, ...flags, "uses.mts"], { cwd: home, encoding: "utf8" });
  expect(checked.stdout).toBe("");
});
