// Options of `load` and `run` that nobody knows, or of another kind; and signals, after which a net goes on.

import { describe, expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import type { LoadOptions, Net } from "#runtime/types.js";
import { moduleOf } from "../schedule/module-of.js";

const wide = moduleOf(`net wide {
  input x: f32[N, 24, 24, 8]
  x1 = conv2d(x, filters=64, kernel=3x3, padding=same) |> relu
  x2 = conv2d(x1, filters=64, kernel=3x3, padding=same) |> relu
  x3 = conv2d(x2, filters=64, kernel=3x3, padding=same) |> relu
  output y = conv2d(x3, filters=8, kernel=3x3, padding=same)
}`);
const artifacts = { wasm: emit(wide, { target: "wasm" }), js: emit(wide, { target: "js" }) };
const x = Float32Array.from({ length: 24 * 24 * 8 }, (_, at) => Math.sin(at));

/** The module itself says what its `load` takes. */
const load = async (target: "wasm" | "js", options: object = {}): Promise<Net> => {
  const { module, weights } = artifacts[target];
  const url = `data:text/javascript;base64,${Buffer.from(module).toString("base64")}`;
  const emitted = (await import(/* @vite-ignore */ url)) as { load(options: object): Promise<Net> };
  return emitted.load({ weights: Uint8Array.from(weights!), ...options });
};

describe.each(["wasm", "js"] as const)("%s", (target) => {
  test.each([
    [{ thread: 2 }, 'wide: load takes no option "thread"; did you mean "threads"?'],
    [{ onprogress() {} }, 'wide: load takes no option "onprogress"; did you mean "onProgress"?'],
    [{ weight: "x" }, 'wide: load takes no option "weight"; did you mean "weights"?'],
    [
      { colour: "red" },
      'wide: load takes no option "colour"; it takes weights, fetch, signal, onProgress, cache, gpu, device, threads, worker, simd, poison, leastWork',
    ],
  ])("load(%o)", async (options, message) => {
    await expect(load(target, options)).rejects.toThrow(message);
    await expect(load(target, options)).rejects.toBeInstanceOf(TypeError);
  });

  test.each([
    [{ out: {} }, 'wide: run takes no option "out"; it takes into, times, signal'],
    [{ time: new Float64Array(9) }, 'wide: run takes no option "time"; did you mean "times"?'],
    [{ signal: 5 }, "wide: `signal` must be an AbortSignal, not Number"],
  ])("run(inputs, %o)", async (options, message) => {
    const net = await load(target);
    await expect(net.run({ x }, options as never)).rejects.toThrow(message);
    expect(() => net.runSync({ x }, options as never)).toThrow(message);
    net.dispose();
  });

  test("a run that was aborted before it began; the net goes on", async () => {
    const net = await load(target);
    const { y } = net.runSync({ x });
    const signal = AbortSignal.abort(new Error("left"));
    await expect(net.run({ x }, { signal })).rejects.toThrow("left");
    expect(() => net.runSync({ x }, { signal })).toThrow("left");
    expect(net.runSync({ x }, { signal: new AbortController().signal })["y"]).toEqual(y);
    net.dispose();
  });

  test("a load that was aborted, before it began or while it is under way", async () => {
    const signal = AbortSignal.abort(new Error("left"));
    await expect(load(target, { signal })).rejects.toThrow("left");
    const controller = new AbortController();
    const loading = load(target, { signal: controller.signal });
    queueMicrotask(() => controller.abort(new Error("gone")));
    await expect(loading).rejects.toThrow("gone");
  });
});

describe("threads", () => {
  const options: LoadOptions = { threads: 2, leastWork: 0 };
  const many = Float32Array.from({ length: 60 * x.length }, (_, at) => Math.sin(at));

  test("a run ends between launches, and the next gives the same as before", async () => {
    const net = await load("wasm", options);
    expect(net.threads).toBe(2);
    const whole = await net.run({ x: many });
    for (const after of [0, 1, 3, 7]) {
      const controller = new AbortController();
      const run = net.run({ x: many }, { signal: controller.signal });
      setTimeout(() => controller.abort(new Error("left")), after);
      await expect(run).rejects.toThrow("left");
      // On the calling thread too, at once.
      expect(net.runSync({ x })["y"]!.slice(0, 9)).toEqual(whole["y"]!.slice(0, 9));
      expect(await net.run({ x: many })).toEqual(whole);
    }
    net.dispose();
  });

  test("a run that waits for its turn ends too, and not the one before it", async () => {
    const net = await load("wasm", options);
    const whole = await net.run({ x });
    const controller = new AbortController();
    const first = net.run({ x });
    const second = net.run({ x }, { signal: controller.signal });
    const third = net.run({ x });
    controller.abort(new Error("left"));
    await expect(second).rejects.toThrow("left");
    expect(await first).toEqual(whole);
    expect(await third).toEqual(whole);
    net.dispose();
  });
});
