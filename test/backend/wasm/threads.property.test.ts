// WebAssembly on several threads: the same results bit for bit, turns, errors, and an end.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import type { Artifact } from "#backend/artifact.js";
import { emitWasm } from "#backend/wasm/emit.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { load } from "#compile/load.js";
import type { Module } from "#ir/weights.js";
import { lower } from "#kernel/lower.js";
import { wasmTile } from "#kernel/part/tile.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import type { LoadOptions, Net, Tensors } from "#runtime/types.js";
import { schedule } from "#schedule/schedule-graph.js";
import { randomInputs } from "../../op-module.js";
import { scaled } from "../../scale.js";
import { moduleOf } from "../../schedule/module-of.js";
import { randomNet } from "../../schedule/random-net.js";

// On by default from Node 22 on.
if (process.versions.node.startsWith("20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");

const seeds = scaled(12);

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Small blocks, so that small nets have several, including numbers that do not divide evenly. */
const smallTile = { ...wasmTile, blockPixels: 6, blockVectors: 4, stripRows: 2, blocks: 7 };

function artifactOf(module: Module, embedWeights = false): Artifact {
  const fused = fuse.run(module, { target: wasmTarget, options: {}, report: () => {} });
  return emitWasm(lower(schedule(fused, wasmTarget), smallTile), { version: "0.0.0", embedWeights });
}

/** Loads a net whose every launch with several blocks is shared. */
const loadShared = (artifact: Artifact, threads: number, more: LoadOptions = {}): Promise<Net> =>
  load(artifact, { threads, leastWork: 0, ...more });

const nets: Readonly<Record<string, string>> = {
  separable: `net separable {
  input image: f32[N, 17, 15, 3]
  x = conv2d(image, filters=10, kernel=3x3, stride=2, padding=same) |> batch_norm |> relu6
  d = depthwise_conv2d(x, kernel=3x3, padding=same, bias=false) |> batch_norm |> relu6
  p = conv2d(d, filters=21, kernel=1x1, bias=false) |> batch_norm |> relu6
  output logits = p |> global_avg_pool |> dense(units=5) |> softmax
}`,
  residual: `net residual {
  input image: f32[1, 12, 12, 16]
  a = conv2d(image, filters=16, kernel=3x3, padding=same) |> relu
  b = conv2d(a, filters=16, kernel=3x3, padding=same) + image
  output y = b |> max_pool(kernel=3x3, stride=2, padding=same) |> gelu
}`,
};
const separable = artifactOf(moduleOf(nets["separable"]!));

function inputsOf(module: Module, seed = 1): Tensors {
  return Object.fromEntries(
    [...randomInputs(module, seededRandom(seed))].map(([name, { data }]) => [name, Float32Array.from(data)]),
  );
}

/** Compares bits, so that NaN and −0 are compared too. */
function bits(outputs: Tensors): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, values]) => [name, [...new Int32Array(values.buffer)]]),
  );
}

const separableInputs = (seed: number): Tensors => ({
  image: Float32Array.from({ length: 17 * 15 * 3 }, (_, k) => Math.sin(seed + k)),
});

async function expectSame(module: Module, context: string): Promise<void> {
  const artifact = artifactOf(module);
  const inputs = inputsOf(module);
  const single = await load(artifact);
  const wanted = bits(single.runSync(inputs));
  for (const threads of [2, 3]) {
    const net = await loadShared(artifact, threads, { poison: true });
    expect([1, threads], context).toContain(net.threads);
    for (let again = 0; again < 3; again += 1) {
      expect(bits(net.runSync(inputs)), `${threads} threads, runSync\n${context}`).toEqual(wanted);
      expect(bits(await net.run(inputs)), `${threads} threads, run\n${context}`).toEqual(wanted);
    }
    net.dispose();
  }
}

describe("results are those of one thread, bit for bit", () => {
  test.each(Object.entries(nets))("%s", (_name, text) => expectSame(moduleOf(text), text));

  test("random nets", async () => {
    for (let seed = 0; seed < seeds; seed += 1) {
      const text = randomNet(seededRandom(seed));
      await expectSame(moduleOf(text), `seed ${seed}\n${text}`);
    }
  });

  test("with embedded weights, and with each of the binaries", async () => {
    const artifact = artifactOf(moduleOf(nets["residual"]!), true);
    const inputs = inputsOf(moduleOf(nets["residual"]!));
    for (const simd of ["simd", "relaxed"] as const) {
      const wanted = bits((await load(artifact, { simd })).runSync(inputs));
      const net = await loadShared(artifact, 2, { simd });
      expect(bits(await net.run(inputs))).toEqual(wanted);
      net.dispose();
    }
  });
});

describe("how many threads", () => {
  test.each([0, -1, 1.5, Number.NaN, Infinity, 257, "2", null, {}])("%s is a TypeError", async (threads) => {
    // The module itself, as a page has it: the compiler's `load` looks at its options first.
    const url = `data:text/javascript;base64,${Buffer.from(separable.module).toString("base64")}`;
    const own = (await import(url)) as { load(options: LoadOptions): Promise<Net> };
    const loading = own.load({ weights: separable.weights ?? new Uint8Array(), threads: threads as never });
    await expect(loading).rejects.toThrow(TypeError);
    await expect(loading).rejects.toThrow(/separable: threads must be a whole number from 1 to 256, not /);
  });

  test("one, if none are asked for or nothing is worth sharing", async () => {
    expect((await load(separable)).threads).toBe(1);
    expect((await load(separable, { threads: 4 })).threads).toBe(1);
    const net = await loadShared(separable, 4);
    expect(net.threads).toBe(4);
    net.dispose();
  });

  test("one, with a notice, where a page may not share memory", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    vi.stubGlobal("crossOriginIsolated", false);
    const artifact = {
      ...separable,
      module: `${separable.module}// a module of its own, which has told nothing\n`,
    };
    for (let again = 0; again < 2; again += 1) {
      const net = await loadShared(artifact, 2);
      expect(net.threads).toBe(1);
      expect(net.runSync(separableInputs(1))["logits"]).toHaveLength(5);
    }
    expect(warn.mock.calls).toHaveLength(1);
    expect(warn.mock.calls[0]![0]).toMatch(/one thread instead of 2.*Cross-Origin-Opener-Policy/);
  });
});

describe("a worker for a net of one thread", () => {
  test("computes the same while the caller goes on", async () => {
    const single = await load(separable);
    const nets = await Promise.all([1, 2].map(() => load(separable, { worker: true, poison: true })));
    expect(nets.map(({ threads }) => threads)).toEqual([1, 1]);
    const runs = Array.from({ length: 6 }, (_, seed) => nets[seed % 2]!.run(separableInputs(seed)));
    // Nothing is there yet: the last run has not even read its inputs.
    expect(() => nets[0]!.runSync(separableInputs(0))).toThrow(/while run is under way/);
    for (const [seed, outputs] of (await Promise.all(runs)).entries())
      expect(bits(outputs)).toEqual(bits(single.runSync(separableInputs(seed))));
    expect(bits(nets[1]!.runSync(separableInputs(9)))).toEqual(bits(single.runSync(separableInputs(9))));
    for (const net of nets) net.dispose();
  });

  test("is none, where a page may not share memory", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    const net = await load(separable, { worker: true });
    const running = net.run(separableInputs(1));
    expect(net.runSync(separableInputs(1))["logits"]).toHaveLength(5);
    await running;
  });
});

describe("runs that overlap", () => {
  test("take turns, each with its own inputs and outputs", async () => {
    const single = await load(separable);
    const net = await loadShared(separable, 2);
    const runs = Array.from({ length: 8 }, (_, seed) => net.run(separableInputs(seed)));
    for (const [seed, outputs] of (await Promise.all(runs)).entries()) {
      expect(bits(outputs)).toEqual(bits(single.runSync(separableInputs(seed))));
    }
    net.dispose();
  });

  test("one that fails does not stop the next", async () => {
    const net = await loadShared(separable, 2);
    const [wrong, right] = await Promise.allSettled([net.run({}), net.run(separableInputs(1))]);
    expect(wrong).toMatchObject({ status: "rejected", reason: { name: "TypeError" } });
    expect(right.status).toBe("fulfilled");
    net.dispose();
  });

  test("runSync is refused while run is under way, and works again behind it", async () => {
    const net = await loadShared(separable, 2);
    const inputs = separableInputs(1);
    const running = net.run(inputs);
    expect(() => net.runSync(inputs)).toThrow(/separable: runSync while run is under way/);
    const wanted = bits(await running);
    expect(bits(net.runSync(inputs))).toEqual(wanted);
    net.dispose();
  });

  test("several samples, times and own arrays", async () => {
    const net = await loadShared(separable, 2);
    const [one, two] = [separableInputs(1)["image"]!, separableInputs(2)["image"]!];
    const times = new Float64Array(net.launches.length);
    const into = { logits: new Float32Array(10) };
    const outputs = await net.run({ image: Float32Array.of(...one, ...two) }, { into, times });
    expect(outputs["logits"]).toBe(into.logits);
    expect([...into.logits.subarray(5)]).toEqual([...net.runSync({ image: two })["logits"]!]);
    expect(Math.max(...times)).toBeGreaterThan(0);
    net.dispose();
  });
});

describe("errors", () => {
  test("a run under way at dispose fails, and so does a later one", async () => {
    const net = await loadShared(separable, 2);
    const runs = [net.run(separableInputs(1)), net.run(separableInputs(2))];
    net.dispose();
    net.dispose();
    const [first, second] = await Promise.allSettled(runs);
    expect(first).toMatchObject({ reason: { message: "separable: disposed while it ran" } });
    expect(second).toMatchObject({ reason: { message: "separable: run after dispose" } });
    await expect(net.run(separableInputs(1))).rejects.toThrow(/run after dispose/);
    expect(() => net.runSync(separableInputs(1))).toThrow(/run after dispose/);
  });

  test("a kernel that traps is an error, in run and in runSync, and the net stays broken", async () => {
    // Addresses outside any memory.
    const module = separable.module.replace(/const launches = \[[^]*?\n\];/, (text) =>
      text.replaceAll(/\[(\d+), \[[^\]]*\]/g, (_, kernel) => `[${kernel}, [${Array(9).fill(2 ** 32 - 16)}]`),
    );
    const net = await loadShared({ ...separable, module }, 3);
    await expect(net.run(separableInputs(1))).rejects.toThrow(/separable: a thread failed: .*out of bounds/);
    await expect(net.run(separableInputs(1))).rejects.toThrow(/a thread failed/);
    expect(() => net.runSync(separableInputs(1))).toThrow(/a thread failed/);
    net.dispose();
    const other = await loadShared({ ...separable, module }, 3);
    expect(() => other.runSync(separableInputs(1))).toThrow(/out of bounds|a thread failed/);
    other.dispose();
  });

  /** Loads with workers that a test can reach. */
  function loadWith(
    made: (worker: Worker) => void,
    script?: string,
    options: LoadOptions = {},
  ): Promise<Net> {
    class Watched extends Worker {
      constructor(url: URL, options: object) {
        super(script === undefined ? url : new URL(`data:text/javascript,${script}`), options);
        made(this);
      }
    }
    const { getBuiltinModule } = process;
    vi.spyOn(process, "getBuiltinModule").mockImplementation(((name: string) =>
      name === "node:worker_threads" ? { Worker: Watched } : getBuiltinModule(name)) as never);
    return loadShared(separable, 3, options);
  }

  test("a thread that dies is an error", async () => {
    const workers: Worker[] = [];
    const net = await loadWith((worker) => workers.push(worker));
    expect(workers).toHaveLength(3);
    await workers[2]!.terminate();
    await expect(net.run(separableInputs(1))).rejects.toThrow(
      /separable: a thread failed: it ended with code 1/,
    );
    expect(() => net.runSync(separableInputs(1))).toThrow(/it ended with code 1/);
  });

  test("weights that cannot be read end the threads that were started", async () => {
    const ended: Promise<unknown>[] = [];
    const load = loadWith((worker) => ended.push(once(worker, "exit")), undefined, { weights: "nowhere" });
    await expect(load).rejects.toThrow(/separable: cannot find nowhere/);
    while (ended.length < 3) await setImmediate();
    await Promise.all(ended);
  });

  test.each([
    ["throws", "throw new Error('no luck')", "no luck"],
    // A process is warned once.
    ["ends at once", "", ""],
  ])("where the script of a thread %s, one thread computes", async (_name, script, message) => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
    try {
      const net = await loadWith(() => {}, script);
      expect(net.threads).toBe(1);
      expect(warned.mock.calls.flat().join("\n")).toContain(message);
      expect(net.runSync(separableInputs(1))).toBeDefined();
      net.dispose();
    } finally {
      warned.mockRestore();
    }
  });
});

describe("the process", () => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-threads-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "net.mjs"), separable.module);
  writeFileSync(join(folder, "separable.packed.safetensors"), separable.weights!);

  async function outputOf(body: string, ...flags: readonly string[]): Promise<string> {
    const script = `
      import { load } from "./net.mjs";
      const image = new Float32Array(17 * 15 * 3).fill(1);
      const net = await load({ threads: 3, leastWork: 0 });
      ${body}`;
    const file = join(folder, `${body.length}.mjs`);
    writeFileSync(file, script);
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, file], { timeout: 30_000 });
    return stdout;
  }

  const show = "console.log(net.threads, logits.length);";
  test.each([
    ["run and dispose", `const { logits } = await net.run({ image }); ${show} net.dispose();`],
    ["runSync and dispose", `const { logits } = net.runSync({ image }); ${show} net.dispose();`],
    ["run without dispose", `const { logits } = await net.run({ image }); ${show}`],
    ["runSync without dispose", `const { logits } = net.runSync({ image }); ${show}`],
    ["run that nobody awaits", `net.run({ image }).then(({ logits }) => { ${show} });`],
  ])("ends by itself after %s", async (_name, body) => {
    expect(await outputOf(body)).toBe("3 5\n");
  });

  test("may forbid code from strings", async () => {
    const body = `const { logits } = await net.run({ image }); ${show}; net.dispose();`;
    expect(await outputOf(body, "--disallow-code-generation-from-strings")).toBe("3 5\n");
  });
});
