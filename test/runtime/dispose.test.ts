// After `dispose` a net that is still held keeps none of its memory, and raw mistakes of callers are answered in words.

import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { describe, expect, test, vi } from "vitest";
import { compile, load } from "../../src/index.js";
import type { Net } from "../../src/index.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const text =
  "net m {\n  input x: f32[N, 64, 64, 4]\n  output y = x |> conv2d(filters=8, kernel=3x3, padding=same) |> relu\n}\n";
const size = 64 * 64 * 4;

/** Loads a net, and gives weak references to all memory that it asks for. */
async function watched(
  target: "js" | "wasm",
  threads: number,
): Promise<{ net: Net; memory: WeakRef<object>[] }> {
  const memory: WeakRef<object>[] = [];
  const [Floats, Memory] = [globalThis.Float32Array, WebAssembly.Memory];
  const artifact = compile(text, { target }).value!;
  globalThis.Float32Array = new Proxy(Floats, {
    construct(of, given, as) {
      const made = Reflect.construct(of, given, as) as Float32Array;
      if (typeof given[0] === "number" && given[0] > 100) memory.push(new WeakRef(made.buffer));
      return made;
    },
  });
  WebAssembly.Memory = new Proxy(Memory, {
    construct(of, given, as) {
      const made = Reflect.construct(of, given, as) as WebAssembly.Memory;
      memory.push(new WeakRef(made));
      return made;
    },
  });
  try {
    return { net: await load(artifact, { threads, leastWork: 0 }), memory };
  } finally {
    globalThis.Float32Array = Floats;
    WebAssembly.Memory = Memory;
  }
}

describe.each([
  ["js", 1],
  ["wasm", 1],
  ["wasm", 2],
] as const)("%s, threads: %i", (target, threads) => {
  test("a disposed net that is held keeps no memory", async () => {
    const { net, memory } = await watched(target, threads);
    expect(memory.length).toBeGreaterThan(0);
    await net.run({ x: new Float32Array(2 * size) });
    net.dispose();
    const alive = (): number => memory.filter((one) => one.deref() !== undefined).length;
    for (let round = 0; round < 50 && alive() > 0; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      collect();
    }
    expect(alive()).toBe(0);
    await expect(net.run({ x: new Float32Array(size) })).rejects.toThrow("m: run after dispose");
    expect(net.name).toBe("m");
  });

  test.runIf(threads > 1)(
    "helpers go back to their event loop, where every engine can end them",
    async () => {
      const ended = vi.spyOn(Worker.prototype, "terminate").mockResolvedValue(0);
      const net = await load(compile(text, { target }).value!, { threads, leastWork: 0 });
      await net.run({ x: new Float32Array(size) });
      net.dispose();
      const workers = [...new Set(ended.mock.contexts as Worker[])];
      ended.mockRestore();
      expect(workers).toHaveLength(threads);
      await Promise.all(
        workers.map(async (worker) => {
          const answer = once(worker, "message");
          worker.postMessage([0, 0, false]);
          expect(await answer).toEqual([{ times: new Float64Array(0) }]);
        }),
      );
      // Not before: if one ends, the net ends all.
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  );

  test("what is not an object is answered in words", async () => {
    const artifact = compile(text, { target }).value!;
    const url = `data:text/javascript,${encodeURIComponent(artifact.module)}`;
    const module = (await import(url)) as { load: (options: unknown) => Promise<Net> };
    await expect(module.load(null)).rejects.toThrow(
      new TypeError("m: load takes an object with options, not null"),
    );
    await expect(module.load(7)).rejects.toThrow("m: load takes an object with options, not Number");
    const net = await load(artifact, { threads, leastWork: 0 });
    const x = new Float32Array(size);
    const run = async (inputs: unknown, options: unknown) => net.run(inputs as never, options as never);
    await expect(run(null, {})).rejects.toThrow('m: run takes an object with the inputs "x", not null');
    await expect(run({ x }, null)).rejects.toThrow("m: run takes an object with options, not null");
    await expect(run({ x }, { into: null })).rejects.toThrow(
      "m: `into` must be an object with arrays by output, not null",
    );
    await expect(run({ x }, { times: [] })).rejects.toThrow("m: `times` must be a Float64Array, not Array");
    expect(() => net.runSync({ x }, null as never)).toThrow("m: run takes an object with options, not null");
    net.dispose();
  });
});
