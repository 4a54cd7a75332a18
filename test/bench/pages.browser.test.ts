// The bench in a browser: every peer runs a small net in a page, all agree, and no figure is missing.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { browserPage } from "../../bench/browser/docs-page.js";
import { pageHost } from "../../bench/browser/pages.js";
import { pagePeerNames, pagePeers } from "../../bench/browser/peers.js";
import { compare } from "../../bench/comparison.js";
import type { ComparisonOptions } from "../../bench/comparison.js";
import { findModel } from "../../bench/models.js";
import { openModel } from "../../bench/open.js";
import type { Question } from "../../bench/place.js";
import type { Comparison } from "../../bench/results.js";
import { isInt8, parsePeer } from "../../bench/running.js";
import { writeTfjsModel } from "./tfjs-models.js";
import { hasChromium } from "../web/chromium.js";

// Runtimes of several megabytes are compiled.
vi.setConfig({ testTimeout: 300_000 });

const once = { warmMs: 0, burstMs: 0 };

function compared(
  path: string,
  names: readonly string[],
  more: Partial<ComparisonOptions> = {},
): Promise<Comparison> {
  const found = findModel(path)!;
  return compare({
    model: openModel(found, []),
    name: found.name,
    dims: [],
    peers: new Map(names.map((name) => [name, parsePeer(name, pagePeers)!])),
    where: { pageSeconds: 120 },
    adapter: undefined,
    rounds: 1,
    turn: once,
    seconds: 60,
    loads: 1,
    limits: [],
    onStep: () => {},
    ...more,
  });
}

describe.skipIf(!hasChromium)("in Chromium", () => {
  test("all peers agree, and no figure is missing", async () => {
    const result = await compared("fm_mobile", pagePeerNames, { rounds: 2 });
    expect(result.leftOut).toEqual([]);
    expect(result.browser).toMatch(/^Chromium \d+\./);
    expect(result.cpu).not.toBe("");
    expect(result.peers.map(({ peer }) => peer)).toEqual(pagePeerNames);
    for (const one of result.peers) {
      expect(one.agrees, `${one.peer} differs by ${one.difference}`).toBe(true);
      for (const figure of [one.loadMs, one.firstRunMs, one.medianMs, one.leastMs])
        expect(figure, one.peer).toBeGreaterThan(0);
      expect(one.medianMs).toBeGreaterThanOrEqual(one.leastMs);
      expect(one.runs).toBe(2);
      const { code, weights } = one.download!;
      // f32 weights, however they are packed, or bytes and a few scales.
      const share = weights.bytes / result.weightBytes;
      expect(share, one.peer).toBeGreaterThan(isInt8(one.peer) ? 0.2 : 0.9);
      if (isInt8(one.peer)) {
        expect(share, one.peer).toBeLessThan(0.45);
        expect(one.error, one.peer).toBeLessThan(0.05);
      }
      for (const { bytes, gzipBytes } of [code, weights]) {
        expect(gzipBytes, one.peer).toBeGreaterThan(0);
        expect(gzipBytes, one.peer).toBeLessThanOrEqual(bytes);
      }
    }
    // Each loads what is its own: no runtime's code is counted for another one.
    const codeOf = (name: string) => result.peers.find(({ peer }) => peer === name)!.download!.code.bytes;
    expect(codeOf("cleave-simd")).toBeLessThan(codeOf("tfjs-wasm"));
    expect(codeOf("tfjs-wasm")).toBeLessThan(codeOf("litert"));
    const page = browserPage([result]);
    for (const name of pagePeerNames) expect(page).toContain(`| ${name.replace(":2", ", 2 threads")}`);
  });

  test.skipIf(availableParallelism() < 2)(
    "pages are isolated: a net that is large enough has two threads",
    async () => {
      const names = ["cleave-simd", "cleave-simd:2"];
      const found = findModel("mobilenet_v2")!;
      const result = await compared("mobilenet_v2", names, {
        model: openModel(found, ["H=96", "W=96"]),
      });
      expect(result.peers.map(({ threads }) => threads)).toEqual([1, 2]);
    },
  );

  test("a published model goes to its own runtime as it is, and in their formats to the others", async () => {
    const found = findModel("blazeface_front")!;
    const names = ["cleave-simd", "litert", "onnxruntime-web", "tfjs-wasm"];
    const result = await compared("blazeface_front", names, {
      original: { file: found.file(), format: "onnx" },
    });
    expect(result.leftOut).toEqual([]);
    expect(result.peers.map(({ peer, agrees }) => [peer, agrees])).toEqual(names.map((name) => [name, true]));
  });

  test("a published model is quantized for all peers of integers; a net without weights for none", async () => {
    const found = findModel("blazeface_front")!;
    const names = [
      "cleave-simd",
      "cleave-simd-int8",
      "cleave-relaxed-int8",
      "litert-int8",
      "onnxruntime-web-int8",
    ];
    const result = await compared("blazeface_front", names, {
      original: { file: found.file(), format: "onnx" },
    });
    expect(result.leftOut).toEqual([]);
    expect(result.peers.map(({ peer, agrees }) => [peer, agrees])).toEqual(names.map((name) => [name, true]));
    const folder = mkdtempSync(join(tmpdir(), "cleave-pages-"));
    const file = join(folder, "pool.net");
    writeFileSync(file, "net pool { input x: f32[1, 4, 4, 4]\n output y = max_pool(x, kernel=2x2) }");
    try {
      const { peers, leftOut } = await compared(file, ["cleave-js", "cleave-simd-int8", "litert-int8"]);
      expect(peers.map(({ peer }) => peer)).toEqual(["cleave-js"]);
      expect(leftOut.map(({ peer }) => peer)).toEqual(["cleave-simd-int8", "litert-int8"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a peer whose format lacks an op is left out, and the page of the results says so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cleave-pages-"));
    const file = join(folder, "erf.net");
    writeFileSync(file, "net erf { input x: f32[1, 4]\n output y = x |> dense(units=3) |> erf }");
    try {
      const result = await compared(file, ["cleave-js", "litert", "tfjs-wasm"]);
      expect(result.peers.map(({ peer, agrees }) => [peer, agrees])).toEqual([["cleave-js", true]]);
      expect(result.leftOut).toEqual([
        { peer: "litert", why: expect.stringMatching(/^not written as \.tflite: .*, erf$/) },
        { peer: "tfjs-wasm", why: expect.stringContaining("erf is not known") },
      ]);
      expect(browserPage([result])).toContain("- `tfjs-wasm` is left out: ");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(["layers", "graph"] as const)("a %s model goes to TensorFlow.js as it is", async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), "cleave-pages-"));
    try {
      const file = writeTfjsModel(folder, kind);
      const names = ["cleave-simd", "litert", "onnxruntime-web", "tfjs-wasm"];
      const result = await compared(file, names, { original: { file, format: "tfjs" } });
      expect(result.leftOut).toEqual([]);
      expect(result.peers.map(({ peer, agrees }) => [peer, agrees])).toEqual(
        names.map((name) => [name, true]),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describe("a page that does not do what it should", () => {
    const load: Question = {
      ask: "load",
      peer: "cleave-js",
      folder: "",
      threads: 1,
      inMemory: true,
      gpu: { adapter: undefined, count: false },
    };

    /** What comes of a module in the place of Cleave's, and of a second page after it. */
    async function ask(module: string): Promise<unknown> {
      const folder = mkdtempSync(join(tmpdir(), "cleave-pages-"));
      mkdirSync(join(folder, "cleave-js"));
      const file = join(folder, "cleave-js/net.mjs");
      writeFileSync(file, module);
      const host = await pageHost(folder, { inputs: [], outputs: [], samples: [] }, 2);
      try {
        const place = await host.start();
        const outcome = await place.ask(load).then(
          () => "no error",
          (cause: Error) => cause.message,
        );
        await place.end();
        writeFileSync(file, "export const load = async () => ({ threads: 1 });");
        const next = await host.start();
        expect(await next.ask(load)).toMatchObject({ threads: 1 });
        await next.end();
        return outcome;
      } finally {
        await host.close();
        rmSync(folder, { recursive: true });
      }
    }

    test("one that hangs is given up and ended", async () => {
      expect(await ask("export const load = async () => { for (;;); };")).toBe(
        "its page does not answer for 2 seconds",
      );
    });

    test("one that fails says why", async () => {
      expect(await ask(`export const load = async () => { throw new Error("no memory"); };`)).toBe(
        "Error: no memory",
      );
    });

    test("one that is not there says so", async () => {
      expect(await ask("export const load = 1;")).toMatch(/load is not a function/);
    });
  });
});
